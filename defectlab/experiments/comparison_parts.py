"""The comparison in terms of the papers' experiments: their parameters, real images, synthesizers and detectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from defectlab.data.base import SurfaceDataset
from defectlab.data.combine import JoinedDataset, concatenate
from defectlab.detection.base import Detector
from defectlab.detection.classifier import Classifier
from defectlab.experiments import anomalies, arms
from defectlab.experiments.categories import Unit, held
from defectlab.experiments.comparison_parameters import ComparisonParameters
from defectlab.experiments.contents import contents
from defectlab.experiments.detect import classifier_config
from defectlab.experiments.experiment_parameters import METHODS
from defectlab.experiments.in_and_out_parameters import InAndOutParameters
from defectlab.experiments.kept import Kept
from defectlab.experiments.localise import make_detector as make_locator
from defectlab.experiments.network_sizes import PRESETS
from defectlab.experiments.splits import Splits, load_splits, real_positives
from defectlab.experiments.student_teacher_parameters import StudentTeacherParameters
from defectlab.files import fingerprint
from defectlab.params import resolve
from defectlab.report.comparison_setting import LEFT_OUT, LOCATING, NORMAL_ONLY, PAIRED, WITHOUT_MASKS, detector_title
from defectlab.report.identity import method
from defectlab.report.tables import ReportTable
from defectlab.runs import Run
from defectlab.synthesis.base import SyntheticSet
from defectlab.synthesis.perturbed.perturbed_ddpm import PerturbedDdpm

OWN = {"texture": "texture", "perturbed": "diffusion"}
"""Synthesizers of the student-teacher paper, to what they blend in."""
LEARNS = {
    "none": "–",
    "memseg": "nothing",
    "texture": "nothing",
    "diag": "nothing; the model is frozen",
    "ddpm": "normal images (zero-shot), else the regime's real positives",
    "in_and_out": "as DDPM",
    "perturbed": "normal images",
}


@dataclass(frozen=True)
class ImageParameters(InAndOutParameters):
    """Parameters of In&Out's experiment with the classifier of DIAG, which all synthesizers share."""

    paper: ClassVar[str] = "diag"


def image_parameters(params: ComparisonParameters) -> ImageParameters:
    """What the synthesizers of DIAG and In&Out, and the classifier, take their settings from."""
    height, width = params.size
    asked = [name for name in METHODS if name in {*params.compared, "memseg"}]
    same = ("dataset", "data_root", "regime", "n_shot", "n_aug", "seeds", "profile", "masks", "generator", "base_model",
            "fine_tune_steps", "textures", "epochs", "weights", "backbone", "scale", "device")  # fmt: skip
    return resolve(ImageParameters, _given(params, same) | {"methods": asked, "height": height, "width": width})


def locating_parameters(params: ComparisonParameters) -> StudentTeacherParameters:
    """What the synthesizers of the student-teacher paper, and the detectors that locate, take their settings from."""
    height, width = params.size
    same = (
        "dataset",
        "data_root",
        "seeds",
        "profile",
        "diffusion_steps",
        "textures",
        "detector_steps",
        "scale",
        "device",
    )
    # one side for all that locate: the presets of the baselines would squeeze a tall image into a square
    seen = params.network_size or max(PRESETS[params.profile]().size)
    own = {"methods": list(LOCATING[::-1]), "n_synthetic": params.n_aug, "network_size": seen}
    return resolve(StudentTeacherParameters, {**_given(params, same), **own, "height": height, "width": width})


def load(params: ComparisonParameters) -> Splits:
    """The real images of the DIAG and In&Out notebooks at one size, test images untouched, read once and kept.

    Raises:
        FileNotFoundError: if the data are not there.
        ValueError: if a file is damaged, a part has too few images, or no test defect has a mask where it is needed.
    """
    splits = load_splits(image_parameters(params))
    kept = Splits(*(held(part) for part in (splits.train, splits.validation, splits.test)))
    if set(params.trained) & set(LOCATING) and not any(
        kept.test[i].mask is not None for i, label in enumerate(kept.test.labels) if label
    ):
        raise ValueError(
            f"detectors: {', '.join(LOCATING)} are measured by masks, and no defective test image of {params.dataset} "
            "has one; take the classifier alone"
        )
    return kept


def make_synthesizers(params: ComparisonParameters, splits: Splits, run: Run) -> dict[str, arms.Maker]:
    """How each synthesizer makes its images, settings checked and nothing fitted.

    Raises:
        ValueError: if settings, images and masks do not go together.
    """
    makers = arms.make_synthesizers(image_parameters(params), splits)
    unit = Unit(params.dataset, splits.normals, {params.dataset: splits.test})
    for name in [name for name in OWN if name in params.compared]:
        settings = locating_parameters(params)
        made = anomalies.make_synthesizer(settings, unit, OWN[name], run.folder("diffusion"))
        makers[name] = partial(_fitted, made, splits.normals, name)
    return makers


def make_detector(params: ComparisonParameters, detector: str, seed: int, folder: Path | None = None) -> Detector:
    """A detector of the comparison, ready to be fitted; no feature is cached, so that every cell pays for its own.

    Args:
        params: settings.
        detector: short name.
        seed: of its training.
        folder: for the checkpoint that a killed training goes on from.

    Raises:
        ValueError: if the settings cannot be.
    """
    if detector != "classifier":
        return make_locator(locating_parameters(params), detector, seed, folder)
    config = classifier_config(image_parameters(params), seed)
    return Classifier(config, params.device, checkpoint=None if folder is None else folder / "classifier.pt")


def training_set(
    params: ComparisonParameters, splits: Splits, synthetic: SyntheticSet | None, detector: str, seed: int
) -> tuple[SurfaceDataset, tuple[str, ...]]:
    """What a cell learns from, and digits of its parts.

    The regime's real positives join for the classifier; detectors that learn from triplets cannot use them, for no
    normal image belongs to one.
    """
    normals = splits.normals
    if detector in NORMAL_ONLY or (synthetic is None and detector in PAIRED):
        return normals, (contents(normals),)
    parts: list[SurfaceDataset] = [normals]
    if detector == "classifier" and len(real := real_positives(splits, image_parameters(params), seed)):
        parts.append(real)
    parts += [] if synthetic is None else [synthetic]
    join = JoinedDataset if detector in PAIRED else concatenate
    return join(*parts), tuple(contents(part) for part in parts)


def methods_table(params: ComparisonParameters) -> ReportTable:
    """What is compared: what each part learns from, what it gives, at which size; an impossible setting stops here."""
    height, width = params.size
    lines = []
    for name in params.compared:
        gives = "–" if name == "none" else "images without masks" if name in WITHOUT_MASKS else "images and masks"
        lines.append({"part": "synthesizer", "name": method(name).name, "learns from": LEARNS[name],
                      "gives": gives, "sees": "–" if name == "none" else f"{height} x {width}"})  # fmt: skip
    for name in params.trained:
        made: Any = make_detector(params, name, (params.seeds or [0])[0])
        made.check()
        shape = made.config.size if name == "classifier" else made.settings.size
        learns = "normals" if name in NORMAL_ONLY else "triplets" if name in PAIRED else "image labels"
        gives = "score and map" if name in LOCATING else "score"
        lines.append({"part": "detector", "name": detector_title(name), "learns from": learns,
                      "gives": gives, "sees": f"{shape[0]} x {shape[1]}"})  # fmt: skip
    left = tuple(f"Left out: {method(name).name}, which {why}." for name, why in LEFT_OUT.items())
    size = f"Images are {height} x {width} pixels for all; maps are measured at that size, whatever a network sees."
    return ReportTable(pd.DataFrame(lines), "What is compared", (size, *left))


def _given(params: ComparisonParameters, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(params, name)) is not None}


def _fitted(made: PerturbedDdpm, normals: SurfaceDataset, name: str, seed: int, root: Path) -> Kept:
    """Trained once for all seeds; the model is part of the folder's name, as in `anomalies.synthesise`."""
    made.fit(normals)
    model = "none" if made.trained is None else made.trained.fingerprint
    return Kept(made, root / f"{name}-{fingerprint({'model': model, 'normals': contents(normals)})}")
