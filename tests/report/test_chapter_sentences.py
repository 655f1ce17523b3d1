"""What the chapters say of results in words holds on the stored rows, and the words still stand in the chapters."""

import re
from pathlib import Path

import pytest

import defectlab
from defectlab.report.power_tables import paper_power_table
from defectlab.report.published import diag_cells
from defectlab.report.stored.grids import stored_grids
from defectlab.report.summary import (
    AP_TRAPEZOID,
    PRECISION_HONEST,
    RECALL,
    RECALL_HONEST,
    by_seed,
    by_seed_over_counts,
    paired,
)

BOOK = Path(defectlab.__file__).resolve().parent.parent / "book"


def say(page, sentence):
    """The sentence stands in the page, however its lines are broken."""
    assert sentence in re.sub(r"\s+", " ", (BOOK / page).read_text(encoding="utf-8")), sentence


@pytest.fixture(scope="module")
def grid():
    (found,) = stored_grids("in_and_out")
    return found


def average(grid, method, regime, metric=AP_TRAPEZOID):
    """Value of each seed, the mean over the counts; without added images there is but one."""
    rows = grid.rows[(grid.rows["metric"] == metric) & (grid.rows["regime"] == regime)]
    own = rows[rows["method"] == method]
    return by_seed(own) if method == "none" else by_seed_over_counts(own, grid.n_aug)


def test_in_and_out_is_above_diffusion_alone_at_every_count_of_zero_shot(grid):
    say("in-and-out.md", "is above DDPM at every count")
    rows = grid.rows[(grid.rows["metric"] == AP_TRAPEZOID) & (grid.rows["regime"] == "zero_shot")]
    for count in grid.n_aug:
        both = (by_seed(rows, method=method, n_aug=count) for method in ("in_and_out", "ddpm"))
        assert paired(*both).t.low > 0


def test_in_zero_shot_the_difference_to_memseg_contains_zero_and_recall_is_lower(grid):
    say(
        "in-and-out.md",
        "In AP its difference to MemSeg contains zero, which does not show that the two are equal;",
    )
    gap = paired(average(grid, "in_and_out", "zero_shot"), average(grid, "memseg", "zero_shot")).t
    assert gap.low < 0 < gap.high
    lower = paired(*(average(grid, method, "zero_shot", RECALL) for method in ("in_and_out", "memseg"))).t
    assert lower.high < 0


def test_fine_tuned_diffusion_is_above_memseg_in_full_shot_in_every_seed(grid):
    say("in-and-out.md", "has a higher mean AP than MemSeg in both regimes, in full-shot in every seed.")
    for regime in ("few_shot", "full_shot"):
        assert average(grid, "ddpm", regime).mean() > average(grid, "memseg", regime).mean()
    assert (average(grid, "ddpm", "full_shot") > average(grid, "memseg", "full_shot")).all()


def test_the_mixture_beats_both_of_its_halves_in_no_regime(grid):
    say("in-and-out.md", "In full-shot In&Out then lies between its two halves; in few-shot it is level with MemSeg.")
    say("in-and-out.md", "That a mixture beats both of its halves is not seen here.")
    memseg, mixed, ddpm = (average(grid, name, "full_shot").mean() for name in ("memseg", "in_and_out", "ddpm"))
    assert memseg < mixed < ddpm
    level = paired(average(grid, "in_and_out", "few_shot"), average(grid, "memseg", "few_shot"))
    assert level.t.low < 0 < level.t.high and abs(level.mean) < 0.01
    for regime in grid.regimes:
        halves = [average(grid, name, regime).mean() for name in ("memseg", "ddpm")]
        assert average(grid, "in_and_out", regime).mean() < max(halves)


def test_all_real_positives_alone_rank_the_test_set_perfectly_and_nothing_added_does_better(grid):
    say("in-and-out.md", "puts every defective image of this small test set above every normal one;")
    assert (average(grid, "none", "full_shot") == 1).all()
    assert all((average(grid, name, "full_shot") <= 1).all() for name in grid.methods)


def test_with_five_positives_every_method_scatters_less_than_none(grid):
    say("in-and-out.md", "the result depends on which five, and with any of the four methods it depends on that less.")
    assert len(grid.methods) == 4
    rows = grid.rows[(grid.rows["metric"] == AP_TRAPEZOID) & (grid.rows["regime"] == "few_shot")]
    alone = by_seed(rows, method="none").std()
    assert all(by_seed(rows, method=name, n_aug=n).std() < alone for name in grid.methods for n in grid.n_aug)


def test_an_honest_threshold_finds_almost_nothing_for_diffusion_in_zero_shot(grid):
    say(
        "in-and-out.md",
        "precision and recall at that threshold are almost zero. The threshold that is best",
    )
    honest = [average(grid, "ddpm", "zero_shot", metric).mean() for metric in (PRECISION_HONEST, RECALL_HONEST)]
    assert max(honest) < 0.05
    assert average(grid, "ddpm", "zero_shot", RECALL).mean() > 0.5


def test_every_printed_gap_of_full_shot_is_below_what_four_seeds_detect():
    say(
        "in-and-out.md",
        "Every gap between averages is smaller than what four seeds detect, and every interval",
    )
    lines = paper_power_table(n_seeds=4, regime="full_shot").frame
    assert len(lines) and set(lines["claim"]) == {"F8"}
    for line in lines.to_dict("records"):
        assert abs(float(line["gap"])) < min(float(part) for part in line["detectable"].split("/"))
        interval = next(text for name, text in line.items() if "95 %" in name)
        low, high = (float(part) for part in interval.split(" to "))
        assert low < 0 < high


def test_the_rows_of_memseg_and_in_and_out_in_diags_tables_come_from_the_other_paper():
    say("diag.md", "repeat the In&Out paper digit for digit")
    say("diag.md", "Its DIAG rows look like single runs")
    cells = diag_cells()
    rows = cells[(cells["table"] != "III") & (cells["method"] != "diag")]
    assert len(rows) and rows["source"].str.startswith("IO Table").all()  # equal digits: test_published.py
