import numpy as np
import pandas as pd
import pytest

from defectlab.report.in_and_out_tables import in_and_out_tables

METRICS = (
    "ap_trapezoid",
    "ap_step",
    "precision_best_f1",
    "recall_best_f1",
    "precision_validation",
    "recall_validation",
)


def lines(table, method, n_aug, metric="AP"):
    frame = table.frame
    return frame[(frame["method"] == method) & (frame["n_aug"] == n_aug) & (frame["metric"] == metric)]


@pytest.fixture
def grid(make_rows):
    """Two seeds of every method and count; the value says metric, count and seed."""

    def rows(regime="zero_shot", methods=("memseg", "ddpm", "in_and_out"), counts=(80, 100, 120), **kwargs):
        parts = [
            make_rows(
                {(m, regime, n): [0.5 + place / 100, 0.6 + place / 100] for m in methods for n in counts},
                metric=metric,
                **kwargs,
            )
            for place, metric in enumerate(METRICS)
        ]
        return pd.concat(parts, ignore_index=True)

    return rows


def test_each_regime_has_its_two_tables(grid):
    for regime, numbers in {"zero_shot": (1, 2), "few_shot": (3, 4), "full_shot": (5, 6)}.items():
        captions = [table.caption for table in in_and_out_tables(grid(regime), regime)]
        assert [f"Table {n} ({regime.replace('_', '-')})" in c for n, c in zip(numbers, captions, strict=True)] == [
            True,
            True,
        ]


def test_the_paper_is_compared_with_the_trapezoid_and_the_step_sum_stands_below(grid):
    first, second = in_and_out_tables(grid(), "zero_shot", 100)[1].frame.iloc[[0, 1]].to_dict("records")
    assert (first["metric"], first["paper"], first["protocol"]) == ("AP", "0.626 ± 0.059", "trapezoid AP")
    assert (first["ours"], first["n"]) == ("0.550 ± 0.071", 2)
    assert (second["metric"], second["paper"], second["protocol"]) == ("AP", "–", "step AP")
    assert (second["ours"], second["verdict"]) == ("0.560 ± 0.071", "–")


def test_both_thresholds_are_shown_and_named(grid):
    table = in_and_out_tables(grid(), "zero_shot", 80)[0]
    papers, honest = lines(table, "MemSeg", 80, "precision").to_dict("records")
    assert (papers["paper"], papers["protocol"]) == ("0.733 ± 0.113", "best-F1 threshold, test set")
    assert (honest["paper"], honest["protocol"]) == ("–", "threshold from validation")
    assert honest["ours"].startswith("0.590")


def test_the_average_is_taken_seed_by_seed(make_rows):
    values = {80: [0.1, 0.5], 100: [0.3, 0.3], 120: [0.5, 0.1]}
    rows = make_rows({("memseg", "zero_shot", n): v for n, v in values.items()}, metric="ap_trapezoid")
    (average,) = lines(in_and_out_tables(rows, "zero_shot")[0], "MemSeg", "average").to_dict("records")
    assert average["paper"] == "0.471 ± 0.047"
    assert average["ours"] == "0.300 ± 0.000"  # the mean of the deviations would be .189
    assert average["seeds"] == "0.300, 0.300"


def test_a_seed_without_all_counts_is_no_part_of_the_average(make_rows):
    values = {80: [0.1, 0.4, 0.9], 100: [0.3, 0.4], 120: [0.5, 0.4]}
    rows = make_rows({("memseg", "zero_shot", n): v for n, v in values.items()}, metric="ap_trapezoid")
    table = in_and_out_tables(rows, "zero_shot")[0]
    assert lines(table, "MemSeg", "average").iloc[0]["seeds"] == "0.300, 0.400"
    assert lines(table, "MemSeg", 80).iloc[0]["n"] == 3
    assert any("which is not that of the average" in note for note in table.notes)


def test_one_count_shows_no_average(grid):
    table = in_and_out_tables(grid(counts=(100,)), "zero_shot", 100)[0]
    assert set(table.frame["n_aug"]) == {100}
    assert not any("average" in note for note in table.notes)


def test_a_count_that_the_paper_lacks_is_shown_with_ours_alone(grid):
    (table, _) = in_and_out_tables(grid(counts=(40,)), "zero_shot", 40)
    assert set(table.frame["paper"]) == {"–"}
    assert len(lines(table, "MemSeg", 40)) == 2


def test_a_table_without_anything_is_left_out_and_nothing_at_all_is_an_error(grid):
    (only,) = in_and_out_tables(grid(methods=("memseg",), counts=(40,)), "zero_shot", 40)
    assert "Table 1" in only.caption
    with pytest.raises(ValueError, match=r"neither the paper nor the rows have n_aug \[90\] in zero_shot"):
        in_and_out_tables(grid(), "zero_shot", 90)


def test_full_shot_has_the_run_without_added_images_and_the_reference(grid, make_rows):
    none = make_rows({("none", "full_shot", 0): [0.7, 0.8]}, metric="ap_trapezoid")
    table = in_and_out_tables(pd.concat([grid("full_shot"), none]), "full_shot")[0]
    assert lines(table, "No augmentation", 0).iloc[0][["paper", "ours"]].tolist() == ["0.747 ± 0.055", "0.750 ± 0.071"]
    reference = lines(table, "MixSegdec", "–").iloc[0]
    assert (reference["paper"], reference["ours"]) == ("0.733", "–")
    assert table.frame["method"].tolist()[0] == "MixSegdec"


def test_methods_that_the_paper_lacks_are_listed_once(grid, make_rows):
    extra = make_rows({("none", "few_shot", 0): [0.4], ("diag", "few_shot", 100): [0.9]}, metric="ap_step")
    first, second = in_and_out_tables(pd.concat([grid("few_shot"), extra]), "few_shot", 100)
    assert not {"DIAG", "No augmentation"} & set(first.frame["method"])
    assert lines(second, "DIAG", 100).iloc[0]["ours"] == "0.900"
    assert lines(second, "No augmentation", 0).iloc[0]["paper"] == "–"


def test_cells_are_judged_on_ksdd2_at_the_paper_profile_only(grid):
    here = in_and_out_tables(grid(), "zero_shot", 100)[1]
    assert lines(here, "In&Out", 100).iloc[0]["verdict"] == "≠ not comparable"
    assert "absolute values are not comparable" in here.notes[-1]
    there = in_and_out_tables(grid(dataset="ksdd2", profile="paper"), "zero_shot", 100)[1]
    shown = lines(there, "In&Out", 100).iloc[0]
    assert shown["verdict"] == "✗ not reproduced"  # .626 lies in .55 -+ .64, which shows nothing, and is .08 from .55
    smoke = in_and_out_tables(grid(dataset="ksdd2", profile="smoke"), "zero_shot", 100)[1]
    assert lines(smoke, "In&Out", 100).iloc[0]["verdict"] == "– not attempted"
    assert smoke.notes[-1] == "Smoke profile: not a result."


def test_a_method_that_was_not_run_is_not_attempted(grid):
    table = in_and_out_tables(grid(methods=("memseg",)), "zero_shot", 80)[0]
    assert lines(table, "DDPM", 80)["verdict"].tolist() == ["– not attempted"]


def test_an_undefined_value_is_left_out(grid, make_rows):
    rows = grid(methods=("ddpm",), counts=(80,))
    gap = make_rows({("memseg", "zero_shot", 80): [np.nan, 0.5]}, metric="ap_trapezoid")
    table = in_and_out_tables(pd.concat([rows, gap]), "zero_shot", 80)[0]
    assert lines(table, "MemSeg", 80).iloc[0]["n"] == 1


def test_unfit_rows_and_regimes_are_named(grid):
    with pytest.raises(ValueError, match="In&Out prints no table for regime 'one_shot'; it has zero_shot, few_shot"):
        in_and_out_tables(grid(), "one_shot")
    with pytest.raises(ValueError, match="one table shows one dataset; got ksdd2, surfaces"):
        in_and_out_tables(pd.concat([grid(), grid(dataset="ksdd2")]), "zero_shot")
