"""What localisation was measured in: one model or several, at which size, on the release's images or a reduced copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from defectlab.report.summary import AUPRO
from defectlab.report.verdict import is_comparable

N_CATEGORIES = {"mvtec": 15, "visa": 12, "mpdd": 6}
"""Of the official release: fewer give no average that may stand beside the paper's."""

BENCHMARK_SIZE = (256, 256)
"""``(height, width)`` that the log of ADer, whose numbers the paper's baselines are, was measured at."""

_MVTEC_SMALLER = {"bottle": 900, "capsule": 1000, "metal_nut": 700, "pill": 800, "tile": 840}
_SHORTER_SIDE = {"mvtec": 1024, "mpdd": 1024, "visa": 900}
_MODELS = {"unified": "one for all categories", "per_category": "one a category"}


@dataclass(frozen=True)
class LocalisationSetting:
    """Sizes behind the result rows of one run.

    Attributes:
        measured: ``(height, width)`` in pixels that maps and masks were compared at.
        networks: the same of what each method's network saw, by its short name.
        native: smallest ``(height, width)`` of the image files of each category; empty where images are drawn.
    """

    measured: tuple[int, int]
    networks: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    native: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def shorter_side(dataset: str, category: str) -> int:
    """Shorter side in pixels that the files of a category have at least in the official release; 0 where unknown.

    Source: Bergmann et al. 2021, Table 1 (MVTec AD); Jezek et al. 2021 (MPDD); Zou et al. 2022 (VisA: some 1500 x 1000,
    different from file to file).
    """
    smaller = _MVTEC_SMALLER if dataset == "mvtec" else {}
    return smaller.get(category, _SHORTER_SIDE.get(dataset, 0))


def why_not_comparable(rows: pd.DataFrame, setting: LocalisationSetting | None, whose: str) -> str:
    """Why absolute values may not stand beside those of the paper's tables; empty where they may.

    A baseline's printed number is that of one model for all categories at `BENCHMARK_SIZE`. Of its own rows the paper
    states neither setting nor size, so that they are compared in either.

    Args:
        rows: result rows of one data set and one profile.
        setting: sizes behind them, ``None`` where they are not known.
        whose: short name of the method.
    """
    if not is_comparable(rows):
        return "other data than the paper's, or not at the paper profile"
    if setting is None:
        return "the size of the images is not recorded"
    dataset, _, category = str(rows["dataset"].iloc[0]).partition("/")
    expected = [category] if category else categories(rows)
    for name in expected:
        height, width = setting.native.get(name, (0, 0))
        if min(height, width) < shorter_side(dataset, name):
            return (
                f"{name} has files of {pixels((height, width))} pixels, a copy that was reduced: the release has "
                f"{shorter_side(dataset, name)} a side or more"
            )
    if whose == "student_teacher":
        return ""
    if set(rows["regime"]) != {"unified"} or len(categories(rows)) < N_CATEGORIES.get(dataset, 0):
        return "the printed number is that of one model for all categories, ours is not"
    if setting.measured != BENCHMARK_SIZE:
        return f"the printed number was measured at {pixels(BENCHMARK_SIZE)}, ours at {pixels(setting.measured)}"
    return ""


def stated(rows: pd.DataFrame, setting: LocalisationSetting | None, whose: str) -> dict[str, str]:
    """Cells that say in which setting the rows of a method were measured."""
    own = rows[rows["method"] == whose]
    regime = ", ".join(dict.fromkeys(own["regime"])) or "–"
    network = None if setting is None else setting.networks.get(whose)
    return {
        "models": _MODELS.get(regime, regime),
        "measured at": "–" if setting is None or own.empty else pixels(setting.measured),
        "network sees": "–" if network is None or own.empty else pixels(network),
    }


def pixels(size: tuple[int, int]) -> str:
    """``256 x 192``: height by width."""
    return f"{size[0]} x {size[1]}"


def categories(rows: pd.DataFrame) -> list[str]:
    """Categories that have metrics of their own in the rows, in their order."""
    prefix = f"{AUPRO}_"
    return [name.removeprefix(prefix) for name in dict.fromkeys(rows["metric"]) if name.startswith(prefix)]
