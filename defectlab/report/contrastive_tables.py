"""Does the improved loss help, and which generator is nearest: tables that DDPM-MoCo does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from defectlab.evaluation.seeds import PairedDifference
from defectlab.report.cells import rows_of_one_run, smoke_note, where
from defectlab.report.collapse import UNTRAINED, runs_at_the_end
from defectlab.report.compared import BASIS, basis, basis_in_words, basis_notes
from defectlab.report.contrastive_setting import MAP_STEP, ContrastiveSetting, settings_in, values_of
from defectlab.report.identity import in_order, method
from defectlab.report.published.moco import moco_cells
from defectlab.report.rules import RULES_NOTE
from defectlab.report.summary import by_seed, mean_and_sd, paired, protocol, summarise
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import EXCLUDED, evidence, excludes, of_ordering

GENERATORS = ("ddpm", "gan", "vae", "flow")

COMPARED = (
    ("moco_improved", "moco_original"),
    ("moco_literal", "moco_original"),
    ("moco_original", "untrained"),
    ("moco_improved", "untrained"),
    ("supervised", "moco_original"),
)
"""Pairs whose difference is shown; the first is the claim, the third says whether there was anything to improve."""

_EFFECT_NOTES = (
    "Differences paired by seed, mean and 95 % interval; the backbone is frozen, and a linear head tells what it is "
    "worth. Norm: length of the mean embedding, of the improved loss and of the untrained encoder that it began with; "
    "1 where all images are at one point. Collapsed: runs of the improved loss that have a norm near 1 and at most a "
    "quarter of the untrained spread, 1 less the square of the norm.",
    RULES_NOTE,
)
_COLUMN = {
    "frechet": "Frechet distance",
    "kernel": "kernel distance",
    "fid": "FID",
    "kid": "KID",
    "closer_features": "closer (features)",
    "closer_pixels": "closer (pixels)",
    "copies_features": "copies (features)",
    "copies_pixels": "copies (pixels)",
    "train_seconds": "training, s",
    "draw_seconds": "an image, s",
}
_GENERATOR_NOTE = (
    "Mean ± standard deviation over seeds; distances are to real images that no generator saw, less is nearer. "
    "Diversity: mean distance of two images over that of two real ones. Closer: chance that an image lies nearer to "
    "its nearest training image than a held-out real one does; one half is as in reality, 1 a copy. Copies: share of "
    "images nearer than every held-out one. Real training images: without their augmented versions."
)
_COST_NOTE = (
    "The budgets are not equal: seconds of training stand beside, and what they are of those of diffusion. Seconds an "
    "image are those of a full batch."
)
_RATIO = "training, of DDPM's"


def effect(
    rows: pd.DataFrame, setting: ContrastiveSetting, left: str, right: str, metric: str = MAP_STEP
) -> PairedDifference | None:
    """Difference of two methods in one setting, paired by seed; ``None`` where they share no seed."""
    own = rows[rows["regime"] == setting.regime]
    return paired(values_of(own, left, metric), values_of(own, right, metric))


def paper_gain(family: str, metric: str = MAP_STEP) -> float:
    """What the improved loss adds in the paper's Table 2, NaN for a metric that it does not print.

    Args:
        family: ``"R-50"`` or ``"V-16"``.
        metric: as result rows name it.
    """
    cells = moco_cells()
    cells = cells[(cells["regime"] == family) & (cells["column"] == metric)]
    values = dict(zip(cells["method"], cells["paper"].astype(float), strict=True))
    return values["moco_improved"] - values["moco_original"] if values else float("nan")


def loss_effect_table(rows: pd.DataFrame, metric: str = MAP_STEP) -> ReportTable:
    """What the losses are worth, one line a setting: batches, BatchNorm, backbone.

    Args:
        rows: result rows of one data set and one profile.
        metric: metric to compare in, such as ``"map_step"`` or ``"ap_step_dent"``.

    Raises:
        ValueError: if the rows mix data sets or profiles, or have no setting.
    """
    rows = rows_of_one_run(rows)
    settings = settings_in(rows)
    if not settings:
        raise ValueError("no row has a setting of a contrastive pretraining in its regime")
    lines, ended = [], runs_at_the_end(rows, metric)
    for setting in settings:
        claimed = effect(rows, setting, *COMPARED[0], metric)
        own = ended[(ended["regime"] == setting.regime) & (ended["method"] == "moco_improved")]
        gain = paper_gain(setting.family, metric)
        lines.append(
            {
                "backbone": setting.backbone,
                "batches and normalisation": setting.label,
                "paper's gain": f"{gain:+.3f}",
                **{_title(*pair): signed(effect(rows, setting, *pair, metric)) for pair in COMPARED},
                "seeds": 0 if claimed is None else len(claimed.values),
                "norm": _norm(own["mean_norm"]),
                "norm, untrained": _norm(own[UNTRAINED].dropna()),
                "collapsed": f"{int(own['gone'].sum())} of {own[UNTRAINED].notna().sum()}" if len(own) else "–",
                EXCLUDED: "–" if claimed is None else excludes(gain, claimed.t.low, claimed.t.high),
                "verdict": of_ordering(claimed if len(evidence(rows)) else None, gain).marked,
            }
        )
    caption = f"What the losses are worth on {where(rows)}: {protocol(metric)}"
    return ReportTable(pd.DataFrame(lines), caption, (*_EFFECT_NOTES, *smoke_note(rows)))


def _norm(values: pd.Series) -> str:
    """Mean and deviation of norms, which lie near 1: four digits."""
    return mean_and_sd(summarise(values), 4) if len(values) else "–"


def generators_table(rows: pd.DataFrame, real: Mapping[str, float] | None = None) -> ReportTable:
    """One line a generator, one column a metric of all classes together.

    Args:
        rows: result rows of one data set and one profile; those of generators are shown, but for metrics of one class.
        real: the same metrics of as many real training images, shown above as what a generator can be compared with.

    Raises:
        ValueError: if the rows mix data sets or profiles, or have no such row.
    """
    rows = rows_of_one_run(rows)
    own = rows[rows["method"].isin(GENERATORS) & ~rows["regime"].astype(str).str.contains("/")]
    names = [name for name in dict.fromkeys(own["metric"]) if name not in BASIS]
    names = [name for name in names if not name.startswith(f"{BASIS[0]}_")]
    shown = [name for name in names if not any(name != stem and name.startswith(f"{stem}_") for stem in names)]
    if not shown:
        raise ValueError(f"no rows of generators; the rows have methods {', '.join(sorted(set(rows['method'])))}")
    trained, lines = by_seed(own, method="ddpm", metric="train_seconds"), []
    if real:
        cells = {_COLUMN.get(m, m): _number(m, [real.get(m)]) for m in shown}
        lines.append({"generator": "Real training images", **_with_ratio(cells, "–", trained)})
    for identity in in_order(set(own["method"])):
        values = {m: by_seed(own, method=identity.key, metric=m) for m in shown}
        cells = {_COLUMN.get(m, m): _number(m, list(found)) for m, found in values.items()}
        ratio = _ratio(values.get("train_seconds", trained[:0]), trained)
        lines.append({"generator": identity.name, **_with_ratio(cells, ratio, trained)})
    caption = f"Generators that learnt the same images: {where(rows)}{basis_in_words(basis(own))}"
    notes = (_GENERATOR_NOTE, *((_COST_NOTE,) if len(trained) else ()), *basis_notes(own), *smoke_note(rows))
    return ReportTable(pd.DataFrame(lines), caption, notes)


def _ratio(seconds: pd.Series, trained: pd.Series) -> str:
    """Seconds of training over those of diffusion, in per cent."""
    return f"{seconds.mean() / trained.mean():.0%}" if len(seconds) and len(trained) else "–"


def _with_ratio(cells: Mapping[str, str], ratio: str, trained: pd.Series) -> dict[str, str]:
    """The cells with the share of the training behind its seconds; as they are where diffusion has no seconds."""
    if not len(trained):
        return dict(cells)
    seconds, found = _COLUMN["train_seconds"], dict[str, str]()
    for name, cell in cells.items():
        found |= {name: cell} | ({_RATIO: ratio} if name == seconds else {})
    return found


def _number(metric: str, values: Sequence[float | None]) -> str:
    """Mean and deviation in the digits that the metric deserves; a dash for none."""
    found = [value for value in values if value is not None]
    if not found:
        return "–"
    if metric == "parameters":
        return f"{found[0]:,.0f}"
    summary = summarise(found)
    digits = next(digits for digits, below in ((3, 10), (1, 1000), (0, float("inf"))) if abs(summary.mean) < below)
    return mean_and_sd(summary, digits)


def signed(difference: PairedDifference | None) -> str:
    """``+0.05 (+0.01 to +0.09)``; without an interval for one seed, a dash for none."""
    if difference is None:
        return "–"
    interval = f" ({difference.t.low:+z.3f} to {difference.t.high:+z.3f})" if len(difference.values) > 1 else ""
    return f"{difference.mean:+z.3f}{interval}"


def _title(left: str, right: str) -> str:
    return " minus ".join(method(key).name.removeprefix("MoCo, ").lower() for key in (left, right))
