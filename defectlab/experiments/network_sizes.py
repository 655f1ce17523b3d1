"""The size that each detector of the student-teacher notebook sees images at, and that files are read at for it."""

from __future__ import annotations

from collections.abc import Mapping

from defectlab.detection.baselines.anomalib_models import MODELS
from defectlab.detection.baselines.registry import preset_size
from defectlab.detection.student_teacher import StudentTeacherSettings
from defectlab.detection.student_teacher import settings as presets
from defectlab.experiments.detector_settings import checked
from defectlab.experiments.student_teacher_parameters import ABLATIONS, StudentTeacherParameters

PRESETS = {"smoke": presets.smoke, "laptop": presets.laptop, "paper": presets.paper}
DRAWN: Mapping[str, str] = {"surfaces": "drawn at the size that is asked for, not read"}
"""Data sets without files: a larger copy of them is another picture, not a finer one."""


def chosen_settings(params: StudentTeacherParameters, seed: int) -> StudentTeacherSettings:
    """The preset of the profile with the parameters' own values, at the size that the network sees.

    Raises:
        ValueError: if the values do not go together.
    """
    preset, own = PRESETS[params.profile](seed=seed), checked(params.detector_settings)
    given = {"teacher": params.teacher, "weights": params.weights, "steps": params.detector_steps}
    chosen = preset.but(**{name: value for name, value in given.items() if value is not None}, **own)
    if "warm_up" not in own:  # that of the preset may be longer than the training
        chosen = chosen.but(warm_up=min(chosen.warm_up, chosen.steps // 5))
    patch = 14 if "patch14" in chosen.teacher else 16
    return chosen.but(size=params.network_shape(max(preset.size), patch))


def baseline_shape(params: StudentTeacherParameters, arm: str) -> tuple[int, int]:
    """``(height, width)`` that a baseline sees: as our own network the proportions of the images, as far as it can.

    A model that takes square images alone gets a square; one that needs a smallest side gets that. A ``network_size``
    that no model can take is left as it is, for its settings to refuse.
    """
    known = MODELS.get(arm)
    side = max(preset_size(arm, params.profile))
    if known is None:
        return params.network_shape(side)
    shape = params.network_shape(side, known.patch if known.patch > 1 else 16)
    if params.network_size is not None and params.network_size < known.least:
        return shape
    return known.near(shape)


def seen_shape(params: StudentTeacherParameters, arm: str) -> tuple[int, int]:
    """``(height, width)`` that the detector of an arm sees."""
    own = arm == "student_teacher" or arm in ABLATIONS
    return chosen_settings(params, params.seeds[0]).size if own else baseline_shape(params, arm)


def read_size(params: StudentTeacherParameters) -> tuple[int, int]:
    """``(height, width)`` that files are read at: what is measured at, or the shape of the network that sees more.

    A network of 392 pixels must not be given 256 that were enlarged. Maps and masks are compared at ``params.size``
    whatever was read.
    """
    if params.dataset in DRAWN:
        return params.size
    shapes = [seen_shape(params, arm) for arm in params.arms]
    largest = max(shapes, key=max)
    return largest if max(largest) > max(params.size) else params.size
