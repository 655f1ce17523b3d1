"""`ContrastiveSetting`: what stands in the column ``regime`` of result rows of DDPM-MoCo, and which rows it fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Self

import pandas as pd

from defectlab.data.base import GOOD
from defectlab.report.summary import AP_STEP, by_seed

BACKBONES = ("R-50", "V-16")
"""Columns of the paper: ResNet-50 and ViT-B/16."""
R_50, V_16 = BACKBONES

MAP_STEP = "map_step"
"""Metric: mean of the step AP of each class against the rest."""

ORIGINAL_DATA = "_original_data"
"""End of the short name of a method that saw original images alone."""

_CHOICES = {
    "batches": ("shuffled", "single_class"),
    "batch_norm": ("plain", "shuffled", "group"),
    "test_on": ("real", "generated"),
}
_TRANSFORMERS = ("vit", "deit", "swin", "beit", "eva", "cait", "xcit")
_LAYER_NORM = ("vit", "deit", "swin", "beit", "eva", "cait", "convnext", "mixer")
"""What has no BatchNorm; a test asks models of timm of these and other names."""


@dataclass(frozen=True)
class ContrastiveSetting:
    """Setting of a pretraining and its test, beside the method and the seed.

    Attributes:
        backbone: any name without a slash, such as ``"resnet50"``.
        batches: ``"shuffled"`` or ``"single_class"``.
        batch_norm: ``"plain"``, ``"shuffled"`` or ``"group"``; of a transformer, which has none, ``"plain"``.
        test_on: ``"real"`` images, or ``"generated"`` ones as in the paper.
    """

    backbone: str
    batches: str = "shuffled"
    batch_norm: str = "plain"
    test_on: str = "real"

    def __post_init__(self) -> None:
        if not self.backbone or "/" in self.backbone:
            raise ValueError(f"backbone: expected a name without a slash, got {self.backbone!r}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {getattr(self, name)!r}")

    @property
    def regime(self) -> str:
        """What result rows have in the column ``regime``."""
        return "/".join(astuple(self))

    @classmethod
    def parse(cls, regime: str) -> Self:
        """The setting that a regime says.

        Raises:
            ValueError: if the text is none.
        """
        parts = regime.split("/")
        if len(parts) != len(_CHOICES) + 1:
            raise ValueError(f"regime: expected backbone/batches/batch_norm/test_on, got {regime!r}")
        return cls(*parts)

    @property
    def family(self) -> str:
        """Backbone of the paper that it stands beside: V-16 for transformers, R-50 for all others."""
        return BACKBONES[self._named(_TRANSFORMERS)]

    @property
    def words(self) -> str:
        """All but the backbone; equal for settings that are judged together."""
        return self._said({"plain": "plain BatchNorm", "shuffled": "shuffled BatchNorm", "group": "group norm"})

    @property
    def label(self) -> str:
        """The same for an axis: without BatchNorm there is layer norm only."""
        return self._said({self.batch_norm: "layer norm"}) if self._named(_LAYER_NORM) else self.words

    def _named(self, words: tuple[str, ...]) -> bool:
        return self.backbone.lower().removeprefix("test_").startswith(words)

    def _said(self, norms: dict[str, str]) -> str:
        batches = {"shuffled": "shuffled batches", "single_class": "batches of one class"}[self.batches]
        test = {"real": "", "generated": ", tested on generated images"}[self.test_on]
        return f"{batches}, {norms[self.batch_norm]}{test}"


def ap_of(name: str) -> str:
    """Metric of the AP of one class, such as ``"ap_step_dent"``; that of normal images is ``"ap_step_good"``."""
    return f"{AP_STEP}_{name}"


def classes_in(metrics: Iterable[str]) -> list[str]:
    """Classes that have an AP among some metrics, sorted, normal images last as in the paper."""
    names = {name.removeprefix(f"{AP_STEP}_") for name in metrics if name.startswith(f"{AP_STEP}_")}
    return sorted(names, key=lambda name: (name == GOOD, name))


def shown_class(name: str) -> str:
    """A class as the paper calls it: its normal plates are smooth."""
    return "smooth" if name == GOOD else name


def settings_in(rows: pd.DataFrame) -> list[ContrastiveSetting]:
    """Settings of some rows, sorted by what differs least often; rows of generators have none."""
    regimes = {regime for regime in rows["regime"] if "/" in str(regime)}
    return sorted(
        map(ContrastiveSetting.parse, regimes), key=lambda s: (s.test_on, s.batches, s.batch_norm, s.backbone)
    )


def values_of(rows: pd.DataFrame, key: str, metric: str) -> pd.Series:
    """Values of a method by seed.

    Raises:
        ValueError: if they are of trainings with different numbers of generated images.
    """
    own = rows[(rows["method"] == key) & (rows["metric"] == metric)]
    if own["n_aug"].nunique() > 1:
        counts = ", ".join(str(int(count)) for count in sorted(set(own["n_aug"])))
        raise ValueError(f"{key}, {metric}: expected one number of generated images, got {counts}: filter the rows")
    return by_seed(own)


def judged_settings(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows made ready for the ledger, which knows data sets, regimes and counts but no other settings.

    The regime becomes the backbone of the paper (``"R-50"`` or ``"V-16"``), and all else goes into the name of the data
    set, so that each setting is judged alone and, within it, both backbones. Where a setting has several backbones of
    one kind, each is judged alone, and so is each number of generated images; trainings on original data stand beside
    each number but none. Rows without a setting stay as they are.
    """
    settings = settings_in(rows)
    kinds = Counter((s.words, s.family) for s in settings)
    crowded = {words for (words, _), n in kinds.items() if n > 1}
    names = {s.regime: f"{s.backbone}, {s.words}" if s.words in crowded else s.words for s in settings}
    known = rows["regime"].isin(names)
    own = rows[known]
    original = own["method"].str.endswith(ORIGINAL_DATA)
    counts = sorted({int(count) for count in own[~original]["n_aug"]}) or [-1]
    parts = [rows[~known]]
    for count in counts:
        told = {0: ", no generated images"}.get(count, f", {count} generated images" if len(counts) > 1 else "")
        part = own[(~original & (own["n_aug"] == count)) | (original & (count != 0))]
        label = " (" + part["regime"].map(names) + told + ")"
        families = part["regime"].map({s.regime: s.family for s in settings})
        parts.append(part.assign(dataset=part["dataset"] + label, regime=families))
    return pd.concat([part for part in parts if len(part)], ignore_index=True) if len(own) else rows
