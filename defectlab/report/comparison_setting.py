"""Cells of the comparison: which synthesizer can feed which detector, and how result rows name the two.

A row has one column for the method, so a cell is called ``memseg/student_teacher``: synthesizer, slash, detector.
"""

from __future__ import annotations

from collections.abc import Iterable

from defectlab.report.identity import method

SYNTHESIZERS = ("none", "memseg", "texture", "diag", "ddpm", "in_and_out", "perturbed")
"""Short names in the order of tables; ``none``: no synthetic image."""
DETECTORS = ("classifier", "student_teacher", "destseg", "nearest", "simplenet")
PAIRED = ("student_teacher", "destseg")
"""Detectors that learn from a normal image, the same with a defect, and the mask."""
NORMAL_ONLY = ("nearest", "simplenet")
"""Detectors that learn from normal images and nothing else."""
LOCATING = PAIRED + NORMAL_ONLY
"""Detectors that give maps."""
WITHOUT_MASKS = ("ddpm", "in_and_out")
"""Synthesizers of which all images, or a half, have neither a mask nor a normal image that they were made from."""
REFERENCE = "memseg"
"""What every other synthesizer is compared with."""
LEFT_OUT = {"class_ddpm": "draws squares of its own side from noise, without masks; see the DDPM-MoCo notebook"}
"""Synthesizers of the book whose images cannot join the others', and why."""

NEEDS_MASKS = "needs masks"
NEEDS_POSITIVES = "needs positives"
NEEDS_DEFECTS = "needs synthetic defects"
NORMALS_ALONE = "learns from normals alone"

SYNTHESIS_SECONDS = "synthesis_seconds"
DETECTOR_SECONDS = "detector_seconds"
OWN_AUROC = "image_auroc_own"
NAMES = {
    "ap_step": "image AP, step",
    OWN_AUROC: "image AUROC",
    "pixel_ap": "pixel AP, step",
    "pixel_auroc": "pixel AUROC",
    "aupro": "AUPRO, FPR up to 0.3",
    SYNTHESIS_SECONDS: "seconds of synthesis",
    DETECTOR_SECONDS: "seconds of detector training",
}
"""What a reader is told of a metric: an image score is the detector's own."""


def cell_name(synthesizer: str, detector: str) -> str:
    """What result rows of a cell have in the column ``method``."""
    return f"{synthesizer}/{detector}"


def parts(name: str) -> tuple[str, str]:
    """Synthesizer and detector of a cell.

    Raises:
        ValueError: if the name is not that of a cell.
    """
    synthesizer, slash, detector = name.partition("/")
    if not slash or synthesizer not in SYNTHESIZERS or detector not in DETECTORS:
        raise ValueError(f"method: expected 'synthesizer/detector' such as 'memseg/classifier', got {name!r}")
    return synthesizer, detector


def why_not(synthesizer: str, detector: str, regime: str) -> str:
    """Why a cell cannot be, in a few words; empty where it can.

    Args:
        synthesizer: a name of `SYNTHESIZERS`.
        detector: a name of `DETECTORS`.
        regime: ``zero_shot``, ``few_shot`` or ``full_shot``: with real positives a classifier needs no synthetic ones.
    """
    if detector in NORMAL_ONLY:
        return "" if synthesizer == "none" else NORMALS_ALONE
    if synthesizer == "none":
        if detector in PAIRED:
            return NEEDS_DEFECTS
        return NEEDS_POSITIVES if regime == "zero_shot" else ""
    return NEEDS_MASKS if detector in PAIRED and synthesizer in WITHOUT_MASKS else ""


def cells(synthesizers: Iterable[str], detectors: Iterable[str], regime: str) -> list[tuple[str, str]]:
    """The cells that can be, synthesizer by synthesizer, in the order of tables."""
    wanted, asked = set(synthesizers), set(detectors)
    return [
        (synthesizer, detector)
        for synthesizer in SYNTHESIZERS
        for detector in DETECTORS
        if synthesizer in wanted and detector in asked and not why_not(synthesizer, detector, regime)
    ]


def detector_title(key: str) -> str:
    """Name of a detector in tables and figures."""
    return "Classifier" if key == "classifier" else method(key).name


def label(metric: str) -> str:
    """What a reader is told of a metric."""
    return NAMES.get(metric, metric)
