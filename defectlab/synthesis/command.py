"""`defectlab synthesise`: synthetic defects on your own images, with masks and records, for training elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defectlab.synthesis.perturbed import options as perturbed

if TYPE_CHECKING:
    from defectlab.data.base import SurfaceDataset
    from defectlab.synthesis.base import Synthesizer, SyntheticSet
    from defectlab.synthesis.masks import MaskSource

DEFAULT_MASKS = {"diag": "lines", "memseg": "perlin", "perturbed": "perlin"}
LABELS = {"mask": "drawn", "changed": "changed"}  # what they are called in DIAG, and in the other two
LAYOUTS = ("mvtec", "coco", "yolo", "yolo-seg")
EXAMPLES = """examples:
  defectlab synthesise --images photos --out made --n 100 --prompts "a thin crack" "a scratch"
  defectlab synthesise --images photos --out made --masks my_masks --format coco yolo-seg
  defectlab synthesise --images photos --out made --generator sdxl --prompts "rust stains on steel" --guidance 12
  defectlab synthesise --images photos --out made --method memseg --textures dtd_folder
  defectlab synthesise --images photos --out made --method perturbed --disturbance 1 6
"""

# Option of the command to setting of DIAG; an option that was not given leaves the setting of the generator's preset.
DIAG_OPTIONS = {
    "prompts": "prompts",
    "negative_prompt": "negative_prompt",
    "order": "order",
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "strength": "strength",
    "padding": "padding_mask_crop",
    "canvas": "canvas",
    "batch_size": "batch_size",
}
SHARED_OPTIONS = {"label": "label"}
OWN_OPTIONS = {
    "diag": (*DIAG_OPTIONS, "generator", "device", "scheduler"),
    "memseg": ("textures",),
    "perturbed": perturbed.OPTIONS,
}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``synthesise`` to the command line."""
    parser = subparsers.add_parser(
        "synthesise",
        help="make synthetic defects on your own images",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_general(parser)
    _add_diag(parser.add_argument_group("diag", "defects from a description, by a diffusion model"))
    memseg = parser.add_argument_group("memseg", "foreign texture under a mask, no model")
    memseg.add_argument("--textures", metavar="surfaces|dtd|none|FOLDER", help="foreign textures (default: surfaces)")
    learnt = "what a diffusion model of your normal images makes when it is disturbed, blended in under a mask"
    perturbed.add_options(parser.add_argument_group("perturbed", learnt))
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Makes the set, exports it and says where things are.

    The same command goes on where an interrupted one stopped.

    Raises:
        ValueError: if an option is wrong or does not belong to the method; before anything is made.
        OSError: if images, masks or a model are not there.
        DivergedError: if the training of ``perturbed`` comes to a loss that is no number.
    """
    _require_options(arguments)
    dataset = _dataset(arguments)
    normals = dataset.subset(defective=False)
    _require_one_size(normals)
    masks = _masks(arguments, dataset)
    synthesizer = _synthesizer(arguments, masks)
    print(f"{arguments.method}: {arguments.n} images from {len(normals)} normal ones; {masks.note}", flush=True)
    synthesizer.fit(normals)
    made = synthesizer.synthesize(normals, arguments.n, arguments.seed, arguments.out)
    _report(made, arguments.out)
    for layout in arguments.format:
        _export(made, arguments, layout, None if arguments.no_normals else normals)
    return 0


def _add_general(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--images",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="your images: good/, perhaps defect/ and masks/",
    )
    add("--out", type=Path, required=True, metavar="FOLDER", help="where images, masks and records are written")
    add("--method", choices=tuple(DEFAULT_MASKS), default="diag", help="diag (default), memseg or perturbed")
    add("--n", type=int, default=100, help="how many images (default: 100)")
    add("--seed", type=int, default=0, help="seed of the set (default: 0)")
    add(
        "--masks",
        metavar="real|perlin|lines|blobs|FOLDER|FILE",
        help="where defects go: masks of your real defects, drawn ones, or a folder or a file of masks "
        "(default: lines for diag, perlin for the others)",
    )
    add("--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="bring all images to this size")
    add(
        "--label", choices=("mask", "changed"), default="mask", help="label the whole mask or what really changed in it"
    )
    add("--format", nargs="+", choices=LAYOUTS, default=[], help="also write these layouts, in folders of OUT")
    add("--category", metavar="COLUMN", help="column of the records that names the class, such as prompt")
    add("--no-normals", action="store_true", help="leave the normal images out of the layouts")


def _add_diag(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--prompts", nargs="+", metavar="TEXT", help="descriptions of defects")
    add("--negative-prompt", metavar="TEXT", help="what the result should not look like")
    add("--order", choices=("paper", "random"), help="prompts in turn (default) or drawn for each image")
    add(
        "--generator",
        metavar="pocket|sdxl|FOLDER|HUB",
        help="diffusion model (default: pocket, part of the package)",
    )
    add("--device", help="auto (default), cpu, cuda; also for --method perturbed")
    add(
        "--scheduler",
        choices=("checkpoint", "dpmsolver++"),
        help="the model's own, or one for 10 to 15 steps",
    )
    add("--steps", type=int, help="steps of the noise schedule")
    add("--guidance", type=float, help="weight of the text, at least 1")
    add("--strength", type=float, help="share of the schedule that is run, up to 1")
    add("--padding", type=int, help="pixels around the mask that are inpainted with it")
    add("--canvas", type=int, metavar="SIDE", help="stretch to a square of this side for the model")
    add("--batch-size", type=int, help="images made at a time")


def _require_options(arguments: argparse.Namespace) -> None:
    if arguments.n < 1:
        raise ValueError(f"--n: expected at least 1, got {arguments.n}")
    if arguments.seed < 0:
        raise ValueError(f"--seed: expected at least 0, got {arguments.seed}")
    own = OWN_OPTIONS[arguments.method]
    foreign = dict.fromkeys(name for names in OWN_OPTIONS.values() for name in names if name not in own)
    if given := [f"--{name.replace('_', '-')}" for name in foreign if getattr(arguments, name) is not None]:
        raise ValueError(f"{', '.join(given)}: not an option of --method {arguments.method}")
    if arguments.out.is_file():
        raise ValueError(f"--out: {arguments.out} is a file; expected a folder")


def _dataset(arguments: argparse.Namespace) -> SurfaceDataset:
    from defectlab.data import load_dataset

    size = tuple(arguments.size) if arguments.size else None
    return load_dataset("folder", split="all", root=arguments.images, size=size)


def _require_one_size(normals: SurfaceDataset) -> None:
    """Images of a set share a size; found out by the headers of the files, before a model is loaded."""
    from PIL import Image

    if normals.size is not None:
        return
    first: tuple[str, tuple[int, int]] | None = None
    for record in normals.records:
        with Image.open(record.path) as image:
            size = image.height, image.width
        first = first or (record.path, size)
        if size != first[1]:
            raise ValueError(
                f"--images: {first[0]} is {first[1][0]} x {first[1][1]}, {record.path} is {size[0]} x {size[1]} "
                "(height x width); give --size HEIGHT WIDTH to bring all to one size"
            )


def _masks(arguments: argparse.Namespace, dataset: SurfaceDataset) -> MaskSource:
    from defectlab.synthesis.masks import mask_source

    return mask_source(arguments.masks or DEFAULT_MASKS[arguments.method], dataset)


def _synthesizer(arguments: argparse.Namespace, masks: MaskSource) -> Synthesizer:
    if arguments.method == "memseg":
        from defectlab.synthesis.memseg import MemSeg
        from defectlab.synthesis.textures import texture_source

        label: dict[str, Any] = {"label": LABELS[arguments.label]} if arguments.label else {}
        return MemSeg(textures=texture_source(arguments.textures or "surfaces"), masks=masks, **label)
    if arguments.method == "perturbed":
        return perturbed.make(arguments, masks, LABELS[arguments.label])
    from defectlab.synthesis.diag import Diag, DiagSettings
    from defectlab.synthesis.pipelines import is_pocket, load_inpainting

    generator = arguments.generator or "pocket"
    preset = DiagSettings.pocket if is_pocket(generator) else DiagSettings
    given = {setting: getattr(arguments, option) for option, setting in (DIAG_OPTIONS | SHARED_OPTIONS).items()}
    changes: dict[str, Any] = {setting: value for setting, value in given.items() if value is not None}
    settings = preset(**changes)  # a wrong setting stops here, before the model is loaded
    pipeline = load_inpainting(generator, arguments.device or "auto", scheduler=arguments.scheduler or "checkpoint")
    return Diag(pipeline, masks, settings)


def _report(made: SyntheticSet, out: Path) -> None:
    height, width = made.items[0].image.shape[:2]
    print(f"{len(made)} images of {height} x {width}:")
    for name, what in (("images", "images"), ("masks", "masks"), ("records.csv", "how each was made")):
        print(f"  {out / name}  {what}")


def _export(made: SyntheticSet, arguments: argparse.Namespace, layout: str, normals: SurfaceDataset | None) -> None:
    from defectlab.synthesis.export import export

    folder = export(made, arguments.out / layout, layout, normals, arguments.category)
    print(f"  {folder}  in the layout {layout}")
