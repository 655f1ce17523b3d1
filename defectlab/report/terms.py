"""What the owners of data and weights say of their use; a register of statements, not advice.

Read in November 2026 on the owners' own pages or repositories, and marked where they say nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass

NOT_STATED = "not stated by its owners"
OURS = "yes"
IMAGENET = "yes by the licence; ImageNet itself is for non-commercial research and education"
RAIL = "yes, within the licence's restrictions of use, which pass to fine-tuned weights"


@dataclass(frozen=True)
class Terms:
    """Terms of one thing that is shipped or named.

    Attributes:
        title: what it is.
        names: as parameters, registries or the hub spell it.
        source: whose it is and where it comes from.
        licence: as they state it.
        commercial: whether they allow commercial use.
    """

    title: str
    names: tuple[str, ...]
    source: str
    licence: str
    commercial: str

    def __post_init__(self) -> None:
        """Every field says something.

        Raises:
            ValueError: if one is empty.
        """
        if empty := [name for name, value in vars(self).items() if not value]:
            raise ValueError(f"terms of {self.title or 'a thing without title'}: nothing is said of {', '.join(empty)}")


DATA_COMMERCIAL: dict[str, str] = {
    "surfaces": OURS,
    "aluminium": OURS,
    "ksdd2": "no; ask the authors",
    "kolektor_sdd": "no; ask the authors",
    "magnetic_tile": "yes, for any purpose, as the owner of its repository answers in issue 5 there",
    "mvtec": "no",
    "visa": "yes, by CC BY 4.0",
    "mpdd": NOT_STATED,
    "folder": "as you decide",
    "class_folders": "as you decide",
    "dtd": "no: for research",
}
"""By name of the data set, what its owners say of commercial use."""

DATA_LICENCES: dict[str, str] = {
    "mpdd": "none in its authors' repository; other projects name CC BY-NC-SA 4.0",
}
"""Where the registry repeats what others say: what the owners say."""

OTHER_DATA = (
    Terms(
        "NEU surface defect database (NEU-DET, NEU-CLS), read as class_folders",
        ("neu-det",),
        "K. Song and Y. Yan, Northeastern University, Shenyang",
        NOT_STATED,
        NOT_STATED,
    ),
    Terms(
        "ImageNet-1k, on which weights below were trained; its images are not used here",
        ("imagenet-1k",),
        "Princeton and Stanford universities",
        "terms of access: for non-commercial research and education",
        "no",
    ),
)
"""Data sets that the book names and that have no loader of their own."""

WEIGHTS = (
    Terms(
        "pocket, pocket-sd, pocket encoder, pocket teacher",
        ("pocket", "pocket-sd", "pocket encoder", "pocket teacher", "pocket_encoder", "pocket_teacher"),
        "this project; ships with the package, trained on its own drawings",
        "MIT, that of the package",
        OURS,
    ),
    Terms(
        "SDXL inpainting",
        ("sdxl", "diffusers/stable-diffusion-xl-1.0-inpainting-0.1"),
        "diffusers, from Stability AI's SDXL 1.0",
        "CreativeML Open RAIL++-M",
        RAIL,
    ),
    Terms(
        "Stable Diffusion 1.5",
        ("sd15", "stable-diffusion-v1-5/stable-diffusion-v1-5"),
        "CompVis and Runway",
        "CreativeML OpenRAIL-M",
        RAIL,
    ),
    Terms(
        "ResNet-50 by timm",
        ("imagenet", "timm/resnet50.a1_in1k"),
        "R. Wightman, timm; trained on ImageNet",
        "Apache-2.0",
        f"{IMAGENET}, and timm's author makes no claim beyond research",
    ),
    Terms(
        "ResNet-18, ResNet-50 and Wide ResNet-50-2 by torchvision, through timm",
        ("resnet18.tv_in1k", "resnet50.tv_in1k", "wide_resnet50_2.tv_in1k"),
        "PyTorch; trained on ImageNet",
        "BSD-3-Clause",
        IMAGENET,
    ),
    Terms(
        "MobileNet v1, as arrays of Keras, such as mobilenet_v1_1.0_224_trunk12.fp16k.npz",
        ("mobilenet", "keras"),
        "Google, Keras Applications; trained on ImageNet",
        "Apache-2.0",
        IMAGENET,
    ),
    Terms(
        "DINOv2 ViT-B/14 with registers, through timm",
        ("dinov2", "vit_base_patch14_reg4_dinov2.lvd142m"),
        "Meta AI; trained on images that are not released",
        "Apache-2.0",
        "yes, by the licence",
    ),
    Terms(
        "Inception v3 for FID",
        ("inception", "pt_inception-2015-12-05-6726825d.pth"),
        "pytorch-fid, converted from Google's TensorFlow model; trained on ImageNet",
        "Apache-2.0 for the code that loads it; of the weights nothing is said",
        NOT_STATED,
    ),
)
"""Weights that parameters name; none but the first is part of the package."""

SHIPPED_CODE = (("MathJax 3, inside the book", "Apache-2.0"),)
"""Code of others that is copied into the repository."""
