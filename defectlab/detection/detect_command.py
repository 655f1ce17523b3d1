"""`defectlab detect`: train a detector on normal images, and apply a trained one to a folder of images."""

from __future__ import annotations

import argparse
import ast
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defectlab.detection import detect_help as texts

if TYPE_CHECKING:
    from defectlab.data.base import SurfaceDataset
    from defectlab.detection.base import Detector
    from defectlab.synthesis.base import Synthesizer

PROFILES = ("smoke", "laptop", "paper")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``detect`` to the command line."""
    parser = subparsers.add_parser(
        "detect",
        help="train a detector on normal images, and apply a trained one to a folder of images",
        description=__doc__,
        epilog=texts.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_train(commands)
    _add_apply(commands)


def train(arguments: argparse.Namespace) -> int:
    """Trains a detector and writes it as one file.

    The same command goes on where an interrupted training stopped.

    Raises:
        ValueError: if an option is wrong or does not belong to the detector; before anything is trained.
        OSError: if images or weights are not there.
    """
    if arguments.out.is_dir():
        raise ValueError(
            f"--out: {arguments.out} is a folder; expected a file such as {arguments.out / 'd.safetensors'}"
        )
    folder = arguments.work or arguments.out.with_name(f"{arguments.out.stem}-training")
    detector = _detector(arguments, folder)
    settings: Any = getattr(detector, "settings", None)
    normals = _normals(arguments, settings.size)
    print(f"{arguments.detector}: {len(normals)} normal images of {normals.name}, {detector.device}", flush=True)  # type: ignore[attr-defined]
    print(f"learns from: {_source(arguments, len(normals))}", flush=True)
    detector.check()
    begun = time.perf_counter()
    detector.fit(normals)
    detector.save(arguments.out)  # type: ignore[attr-defined]
    print(getattr(detector, "weights", ""))
    print(f"{arguments.out}  the detector, {arguments.out.stat().st_size / 1e6:.1f} MB")
    print(f"trained in {time.perf_counter() - begun:.0f} s")
    return 0


def apply(arguments: argparse.Namespace) -> int:
    """Scores the images of a folder and says which are the most conspicuous.

    Raises:
        ValueError: if the file is no detector, or an option is wrong.
        OSError: if detector or images are not there.
    """
    from defectlab.detection.apply import apply
    from defectlab.detection.saved import load_detector

    detector = load_detector(arguments.detector, arguments.device)
    limits = tuple(arguments.limits) if arguments.limits else None
    begun = time.perf_counter()
    found = apply(detector, arguments.images, arguments.out, limits, arguments.batch_size, show_progress=True)
    seconds = time.perf_counter() - begun
    print(f"{detector.name}: {len(found.rows)} images in {seconds:.1f} s; highest scores:")
    for row in sorted(found.rows, key=lambda row: -float(row["score"]))[:5]:
        print(f"  {float(row['score']):>12.5g}  {row['image']}")
    if found.left_out:
        print(f"left out: {found.left_out} files of masks/, beside good/ or defect/")
    if found.average_precision is not None:
        print(f"AP {found.average_precision:.3f} (step), with good/ as normal and defect/ as defective")
    print(f"{arguments.out / 'scores.csv'}  all scores")
    print(f"  {texts.COLUMNS if found.low is not None else texts.SCORE}")
    if found.low is not None and found.high is not None:
        low, high = limits or (found.low, found.high)
        print(f"{arguments.out / 'heat'}  heat maps, colours from {low:.5g} to {high:.5g}")
        print(f"{arguments.out / 'maps'}  the maps as float32 TIFF")
    return 0


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "train a detector and write it as one file"
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser("train", help=text, description=text, epilog=texts.TRAIN_EXAMPLES, formatter_class=raw)
    add = parser.add_argument
    add("--detector", default=texts.DETECTORS[0], metavar="NAME", help=texts.DETECTOR_HELP)
    add("--out", type=Path, required=True, metavar="FILE", help="the detector, .safetensors")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--images", type=Path, metavar="FOLDER", help="your normal images, or good/ and others beside it"
    )
    source.add_argument("--dataset", metavar="NAME", help="as in `defectlab data list`; its normal training images")
    add("--data-root", type=Path, metavar="DIR", help="folder of the data set, or one that holds it")
    add("--option", action="append", default=[], metavar="NAME=VALUE", help="of the data set, such as category=screw")
    add("--profile", choices=PROFILES, default="laptop", help="preset of the settings (default: laptop)")
    add("--weights", metavar="NAME|FILE", help="pocket, imagenet, dinov2, none, or a local file or folder")
    add("--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="that images are brought to")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="any other setting, such as steps=1000")
    add("--synthesis", choices=tuple(texts.SYNTHESES), help="where defects to learn from come from (default: texture)")
    add("--textures", metavar="surfaces|dtd|FOLDER", help="for --synthesis texture (default: surfaces)")
    add("--n-synthetic", type=int, metavar="N", help="how many (default: as many as there are normal images)")
    add("--seed", type=int, default=0, help="of everything random (default: 0)")
    add("--work", type=Path, metavar="FOLDER", help="checkpoints and synthetic images (default: beside the file)")
    add("--device", default="auto", help="auto (default), cpu, cuda")
    parser.set_defaults(handler=train)


def _add_apply(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "score a folder of images with a trained detector; write heat maps"
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser("apply", help=text, description=text, epilog=texts.APPLY_EXAMPLES, formatter_class=raw)
    add = parser.add_argument
    add("detector", type=Path, metavar="FILE", help="written by `defectlab detect train`, or by any detector's save")
    add("--images", type=Path, required=True, metavar="FOLDER", help="searched to any depth; not masks/ beside good/")
    add("--out", type=Path, required=True, metavar="FOLDER", help="scores.csv, maps/ and heat/")
    add("--limits", type=float, nargs=2, metavar=("LOW", "HIGH"), help="of the colours (default: of all maps)")
    add("--batch-size", type=int, default=16, help="images at once (default: 16)")
    add("--device", default="auto", help="auto (default), cpu, cuda")
    parser.set_defaults(handler=apply)


def _detector(arguments: argparse.Namespace, folder: Path) -> Detector:
    from defectlab.detection.baselines import BASELINES, anomalib_models, make_baseline

    name, changes = arguments.detector, {"seed": arguments.seed} | _pairs("--set", arguments.set)
    if arguments.size:
        changes["size"] = tuple(arguments.size)
    if name != "student_teacher" and name not in BASELINES:
        raise ValueError(f"--detector: expected one of student_teacher, {', '.join(BASELINES)}, got {name!r}")
    if name in BASELINES and BASELINES[name].extra and not anomalib_models.installed():
        raise ValueError(f"--detector: {anomalib_models.MISSING.format(name=name)}")
    learns_from_pairs = _learns_from_pairs(name)
    if not learns_from_pairs and (arguments.synthesis or arguments.textures or arguments.n_synthetic):
        raise ValueError(f"--synthesis, --textures, --n-synthetic: {name} learns from normal images alone")
    pairs = {"synthesizer": _synthesizer(arguments, folder), "n_synthetic": arguments.n_synthetic}
    try:
        if name != "student_teacher":
            chosen: dict[str, Any] = pairs if learns_from_pairs else {}
            given = {"weights": arguments.weights, "device": arguments.device, "folder": folder, "show_progress": True}
            return make_baseline(name, arguments.profile, **given, **chosen, **changes)
        from defectlab.detection.student_teacher import StudentTeacher, settings

        if arguments.weights:
            changes = {"weights": arguments.weights} | changes
        preset = getattr(settings, arguments.profile)(**changes)
        return StudentTeacher(preset, device=arguments.device, folder=folder, show_progress=True, **pairs)
    except TypeError as error:  # a name that the settings do not have
        raise ValueError(f"--set: {error}") from error


def _source(arguments: argparse.Namespace, n_normals: int) -> str:
    """What the detector learns from, in words."""
    if not _learns_from_pairs(arguments.detector):
        return "the normal images alone"
    n, chosen = n_normals if arguments.n_synthetic is None else arguments.n_synthetic, arguments.synthesis or "texture"
    other = arguments.detector == "student_teacher" and chosen != "diffusion"
    hint = "; as in its paper: --synthesis diffusion, which trains a diffusion model first" if other else ""
    return f"the normal images and {n} synthetic defects: {texts.SYNTHESES[chosen]}{hint}"


def _learns_from_pairs(name: str) -> bool:
    from defectlab.detection.baselines import BASELINES

    return name == "student_teacher" or BASELINES[name].needs_pairs


def _synthesizer(arguments: argparse.Namespace, folder: Path) -> Synthesizer:
    from defectlab.synthesis.memseg import MemSeg
    from defectlab.synthesis.textures import texture_source

    chosen = arguments.synthesis or "texture"
    if chosen != "texture" and arguments.textures:
        raise ValueError(f"--textures: not an option of --synthesis {chosen}")
    if chosen == "texture":
        return MemSeg(textures=texture_source(arguments.textures or "surfaces"), texture_probability=1.0)
    if chosen == "structure":
        return MemSeg(textures=None)
    from defectlab.synthesis.perturbed import settings
    from defectlab.synthesis.perturbed.perturbed_ddpm import PerturbedDdpm

    model = getattr(settings, f"{arguments.profile}_model")()
    preset = settings.PerturbedSettings.smoke() if arguments.profile == "smoke" else settings.PerturbedSettings()
    preset = replace(preset, strength=settings.PROFILE_STRENGTHS.get(arguments.profile))
    return PerturbedDdpm(model, preset, folder / "diffusion", device=arguments.device)


def _normals(arguments: argparse.Namespace, size: tuple[int, int]) -> SurfaceDataset:
    """The normal images to learn from, at the size of the detector."""
    from defectlab.data import load_dataset
    from defectlab.data.photos import has_layout, plain_folder

    options = _pairs("--option", arguments.option)
    if arguments.dataset:
        dataset = load_dataset(arguments.dataset, "train", arguments.data_root, size, **options)
    elif arguments.data_root or options:
        raise ValueError("--data-root, --option: belong to --dataset, not to --images")
    elif has_layout(arguments.images):
        split = "train" if (arguments.images / "train").is_dir() else "all"
        dataset = load_dataset("folder", split, arguments.images, size)
    else:
        dataset = plain_folder(arguments.images, size)
    normals = dataset.subset(defective=False)
    if not len(normals):
        place = arguments.images or dataset.name
        raise ValueError(f"--images, --dataset: expected normal images, found none in {place}")
    return normals


def _pairs(option: str, texts: list[str]) -> dict[str, Any]:
    """``NAME=VALUE`` as a dictionary: numbers, True, False, None and tuples as Python writes them, or else text."""
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"{option}: expected NAME=VALUE, got {text!r}")
        try:
            values[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            values[name] = value
    return values
