"""Every baseline by name, so that a notebook can loop over them: presets, and whether it learns from pairs."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from defectlab.detection.base import Detector
from defectlab.detection.baselines.anomalib_models import MODELS
from defectlab.synthesis.base import Synthesizer

PROFILES = ("smoke", "laptop", "paper")


@dataclass(frozen=True)
class Baseline:
    """What is known of a baseline before its module is imported.

    Attributes:
        title: name in tables.
        module: where its settings and presets are.
        detector: name of its class there.
        needs_pairs: learns from synthetic defects beside the normal images they were made from.
        extra: extra of this package that it needs; empty for none.
        image_score: how an image's score comes from its map.
        source: who proposed it.
    """

    title: str
    module: str
    detector: str
    needs_pairs: bool
    extra: str
    image_score: str
    source: str


_ROOM = "defectlab.detection.baselines"
BASELINES: dict[str, Baseline] = {
    "nearest": Baseline(
        "Nearest patch",
        f"{_ROOM}.nearest",
        "Nearest",
        False,
        "",
        "largest distance, weighted (PatchCore Eq. 7)",
        "Roth et al., CVPR 2022 (PatchCore), reimplemented",
    ),
    "destseg": Baseline(
        "DeSTSeg",
        f"{_ROOM}.destseg",
        "Destseg",
        True,
        "",
        "mean of the 100 largest pixels",
        "Zhang et al., CVPR 2023, reimplemented",
    ),
    "simplenet": Baseline(
        "SimpleNet",
        f"{_ROOM}.simplenet",
        "SimpleNet",
        False,
        "",
        "largest place of the map",
        "Liu et al., CVPR 2023, reimplemented",
    ),
}
"""The baselines that work, by short name; those with an extra need anomalib."""
BASELINES |= {
    name: Baseline(
        f"{model.title} (anomalib)",
        f"{_ROOM}.anomalib_adapter",
        "AnomalibDetector",
        False,
        "comparison",
        model.image_score,
        f"{model.source}; anomalib",
    )
    for name, model in MODELS.items()
}


def preset_size(name: str, profile: str) -> tuple[int, int]:
    """``(height, width)`` that a baseline sees by its preset, before any is asked for.

    Raises:
        ValueError: if there is no such baseline or preset.
    """
    settings = _preset(name, profile)
    height, width = settings.filled().size if BASELINES[name].extra else settings.size
    return height, width


def make_baseline(
    name: str,
    settings: Any = "laptop",
    *,
    weights: str | None = None,
    device: str = "auto",
    synthesizer: Synthesizer | None = None,
    n_synthetic: int | None = None,
    folder: Path | None = None,
    show_progress: bool = False,
    **changes: Any,
) -> Detector:
    """A baseline ready to be fitted.

    Args:
        name: a key of `BASELINES`.
        settings: ``"smoke"``, ``"laptop"``, ``"paper"``, or settings of its own.
        weights: of the backbone, see `features.load_model`; ``None``: as the settings say. Other weights than the
            settings' need another backbone: it becomes ``"auto"`` for weights that say what they are for, unless
            ``changes`` names one.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        synthesizer: makes defects in ``fit``, for what learns from pairs; ``None``: the training set has them.
        n_synthetic: how many; ``None``: as many as there are normal images.
        folder: for checkpoints, where there is a training; ``None``: none.
        show_progress: draw a bar of steps, where there is a training.
        changes: further settings, such as ``seed=1`` or ``size=(128, 128)``.

    Raises:
        ValueError: if there is no such baseline, preset or setting.
    """
    if isinstance(settings, str) or name not in BASELINES:
        settings = _preset(name, settings)
    known = BASELINES[name]
    module = importlib.import_module(known.module)
    if weights is not None:
        backbone = {} if known.extra else _backbone(weights, settings.weights)
        changes = {"weights": weights, **backbone, **changes}
    training: dict[str, Any] = {} if name == "nearest" else {"show_progress": show_progress}
    if known.extra:
        changes = {"model": name, **changes}
    elif name != "nearest":
        training["folder"] = folder
    pairs: dict[str, Any] = {"synthesizer": synthesizer, "n_synthetic": n_synthetic} if known.needs_pairs else {}
    chosen = settings.but(**changes)
    detector: Detector = getattr(module, known.detector)(chosen, device=device, **training, **pairs)
    return detector


def _preset(name: str, profile: Any) -> Any:
    if name not in BASELINES:
        raise ValueError(f"baseline must be one of {', '.join(BASELINES)}, got {name!r}")
    if profile not in PROFILES:
        raise ValueError(f"settings must be one of {', '.join(PROFILES)}, or settings of {name}, got {profile!r}")
    known = BASELINES[name]
    return getattr(importlib.import_module(known.module), profile)(**{"model": name} if known.extra else {})


def _backbone(weights: str, before: str) -> dict[str, str]:
    says_its_own = weights not in ("imagenet", "none")
    return {"backbone": "auto"} if says_its_own and weights != before else {}
