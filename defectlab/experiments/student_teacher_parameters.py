"""The parameters of ``notebooks/student_teacher.ipynb``: names, types, ranges, and the values of each profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.params import PROFILES, Parameters, parameter
from defectlab.synthesis.perturbed.settings import PROFILE_STRENGTHS

DATASETS = ("surfaces", "mvtec", "visa", "mpdd", "kolektor_sdd", "ksdd2", "magnetic_tile", "folder")
BY_CATEGORY = ("surfaces", "mvtec", "visa", "mpdd")
"""Data sets of several categories; of any other ``category`` is empty."""
MORPHOLOGY = ("none", "erode", "dilate", "random")
REGIMES = ("unified", "per_category")
OWN = ("nearest", "simplenet", "destseg", "student_teacher")
REFERENCES = ("patchcore", "draem", "reverse_distillation", "dinomaly", "super_simplenet", "cflow")
"""Through anomalib, which the extra ``comparison`` installs."""
METHODS = OWN + REFERENCES
ABLATIONS = {
    "wo_decoder": "w/o decoder",
    "wo_cosine": "w/o cosine",
    "wo_seg": "w/o seg",
    "wo_focal": "w/o focal",
    "l2_for_l1": "l2 for l1",
    "textures_for_p": "full",
}
"""Short name of a row to its switches in `defectlab.detection.student_teacher.settings.ABLATIONS`; the last changes the
synthetic images and no switch."""
PAIRED = ("destseg", "student_teacher", *ABLATIONS)
"""Methods that learn from synthetic defects beside the normal images."""
SIZES: dict[str, tuple[int, int]] = {"surfaces": (128, 128), "kolektor_sdd": (512, 192), "ksdd2": (512, 192)}
SIZE = (256, 256)
"""``(height, width)`` in pixels where none is given: that of the benchmark that the paper's baselines are from."""


@dataclass(frozen=True)
class StudentTeacherParameters(Parameters):
    """Parameters of the student-teacher notebook; see `help` of each."""

    dataset: str = parameter("surfaces", help="images of surfaces; training sees the normal ones", choices=DATASETS)
    category: str = parameter("", help="one category of the data set, such as screw; empty: all that are there")
    data_root: str = parameter("", help="folder of the data; empty: DEFECTLAB_DATA, then the cache")
    regime: str = parameter("unified", help="one model for all categories, or per_category", choices=REGIMES)
    methods: list[str] = parameter(list(OWN), help="what is compared", choices=METHODS)
    ablations: list[str] = parameter([], help="rows of Table 6 to train too", choices=tuple(ABLATIONS))
    seeds: list[int] = parameter([0], help="one set of synthetic images and one training each", low=0, high=99_999)
    profile: str = parameter("laptop", help="smoke (seconds), laptop (minutes), paper (one GPU)", choices=PROFILES)
    anomalies: str = parameter(
        "diffusion", help="what P of Eq. 3 is: diffusion (the paper) or texture", choices=("diffusion", "texture")
    )
    n_synthetic: int | None = parameter(None, help="synthetic images for each model; None: the profile's", low=2)
    strength: list[float] | None = parameter(
        None, help="range of s, the extra variance; None: the profile's, at paper RealNet's", low=0, high=100
    )
    extra: str = parameter("proportional", help="the extra variance of a step: proportional to its own, or constant",
                           choices=("proportional", "constant"))  # fmt: skip
    sampler: str = parameter("ddpm", help="of the abnormal images: ddpm (ancestral) or ddim", choices=("ddpm", "ddim"))
    sampling_steps: int | None = parameter(None, help="of the sampler; None: the preset's", low=1, high=1000)
    opacity: list[float] = parameter([0.5, 1.0], help="range of delta of Eq. 3, the weight of P", low=0.01, high=1)
    label: str = parameter(
        "changed", help="what M is: the pixels that changed, or the mask as drawn", choices=("changed", "drawn")
    )
    morphology: str = parameter(
        "none", help="done to each mask: none, erode, dilate, or random, one of the two", choices=MORPHOLOGY, later=True
    )
    morphology_radius: int = parameter(
        3, help="largest radius of erosion and dilation", low=1, unit="pixels", later=True
    )
    foreground: str = parameter("auto", help="where defects may be: auto, none, otsu, otsu_dark or a category of mvtec")
    textures: str = parameter("surfaces", help="in place of P, where it is asked for: surfaces, dtd or a folder")
    diffusion_steps: int | None = parameter(None, help="training of the diffusion model; None: the preset's", low=1)
    detector_steps: int | None = parameter(None, help="of each training on pairs; None: the preset's", low=1)
    teacher: str | None = parameter(None, help="timm name of the ViT; None: the preset's")
    weights: str | None = parameter(
        None, help="of the teacher: dinov2, imagenet, pocket, none or a file; None: the preset's"
    )
    backbone_weights: str | None = parameter(
        None, help="of the baselines: imagenet, pocket, pocket_teacher, none or a file; None: the presets'"
    )
    detector_settings: dict[str, Any] = parameter(
        {}, help="other settings of the student-teacher by field, such as gamma, student, levels", later=True
    )
    network_size: int | None = parameter(
        None, help="longer side of what the networks see; None: the presets'", low=16, unit="pixels"
    )
    height: int | None = parameter(None, help="of the images; None: the data set's", low=32, unit="pixels")
    width: int | None = parameter(None, help="of the images; None: the data set's", low=32, unit="pixels")
    scale: float | None = parameter(
        None, help="share of the images of surfaces; None: the profile's", low=0.005, high=10
    )
    device: str = parameter("auto", help="auto, cpu, cuda, cuda:1 or mps", identity=False)
    out: str = parameter("", help="folder to export the synthetic images to; empty: none", identity=False)
    runs: str = parameter("", help="run store; empty: DEFECTLAB_RUNS, then the project's", identity=False)

    paper: ClassVar[str] = "student_teacher"
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"n_synthetic": 6, "height": 64, "width": 64, "scale": 0.03},
        "laptop": {"n_synthetic": 120, "scale": 0.3, "strength": list(PROFILE_STRENGTHS["laptop"])},
        "paper": {"n_synthetic": 10_000, "scale": 1.0},
    }

    def __post_init__(self) -> None:
        for name in ("methods", "ablations", "seeds"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: expected each once, got {values}")
        for name, values in (("strength", self.strength or [0.0, 0.0]), ("opacity", self.opacity)):
            if len(values) != 2 or values[0] > values[1]:
                raise ValueError(f"{name}: expected a range [low, high], got {values}")
        if self.category and self.dataset not in BY_CATEGORY:
            raise ValueError(f"category: {self.dataset} has none; leave it empty, got {self.category!r}")
        if self.detector_settings:
            self._check_detector()
        if self.ablations and "student_teacher" not in self.methods:
            raise ValueError("ablations: they are compared with the full method; put student_teacher in methods")

    def _check_detector(self) -> None:
        """Builds the settings once; only here, for to import them takes a while."""
        from defectlab.experiments.network_sizes import chosen_settings

        try:
            chosen_settings(self, 0)
        except ValueError as error:
            text = str(error)
            raise ValueError(text if "detector_settings" in text else f"detector_settings: {text}") from error

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` that images and masks are brought to, in pixels: what is measured at."""
        height, width = SIZES.get(self.dataset, SIZE)
        return self.height or height, self.width or width

    @property
    def arms(self) -> tuple[str, ...]:
        """Short names of all that is trained, baselines first."""
        chosen = [name for name in METHODS if name in self.methods and name != "student_teacher"]
        chosen += ["student_teacher"] if "student_teacher" in self.methods else []
        return (*chosen, *(name for name in ABLATIONS if name in self.ablations))

    @property
    def compared(self) -> tuple[str, ...]:
        """The methods that are compared, without the ablations, which have a table of their own."""
        return tuple(arm for arm in self.arms if arm not in ABLATIONS)

    @property
    def name_in_rows(self) -> str:
        """Data set as result rows name it: with the category where there is one, ``mvtec/screw``."""
        return f"{self.dataset}/{self.category}" if self.category else self.dataset

    def network_shape(self, longest: int, patch: int = 16) -> tuple[int, int]:
        """``(height, width)`` that a network sees: the proportions of the images, both sides multiples of a patch.

        Args:
            longest: longer side in pixels where ``network_size`` is not given.
            patch: side of a patch in pixels.
        """
        factor = (self.network_size or longest) / max(self.size)
        height, width = (max(1, round(side * factor / patch)) * patch for side in self.size)
        return height, width
