"""Intervals of metrics that lie between 0 and 1 end there; those of distances do not."""

import pytest

from defectlab.report.cells import OURS_NOTE, our_cells
from defectlab.report.stored.beside import tables_beside
from defectlab.report.student_teacher_tables import per_cent
from defectlab.report.summary import is_share, shown_ends, summarise

SHARES = (
    "ap_step ap_step_Crack ap_trapezoid AP map_step precision recall_best_f1 image_auroc_max I-AUROC P-AUROC "
    "AUPRO aupro pixel_ap pixel_best_f1"
)
OTHERS = "fid_64 FID_192 frechet_pocket kid_dent kernel inception_score_dent"


@pytest.mark.parametrize("metric", SHARES.split())
def test_shares_are_known_by_the_names_of_rows_and_of_papers(metric):
    assert is_share(metric)


@pytest.mark.parametrize("metric", OTHERS.split())
def test_distances_and_scores_are_no_shares(metric):
    assert not is_share(metric)


def test_an_interval_of_two_seeds_is_cut_where_no_value_can_be():
    near = summarise([0.95, 0.999])
    assert near.interval.high > 1 and near.interval.low > 0.6
    assert our_cells(near, "AP")["interval"].endswith(" to 1.000")
    assert shown_ends(summarise([0.01, 0.1]), "recall")[0] == 0
    assert our_cells(summarise([0.01, 0.1]), "FID_64")["interval"].startswith("0.000 to")
    assert per_cent(near)["interval"].endswith(" to 100.0")
    assert "cut at 0 and 1" in OURS_NOTE


@pytest.mark.parametrize("paper", ["diag", "in_and_out", "ddpm_moco", "student_teacher"])
def test_no_table_of_stored_runs_shows_a_share_outside_its_range(paper):
    top = 100 if paper == "student_teacher" else 1
    for table in tables_beside(paper):
        frame = table.frame
        shares = frame[[is_share(str(name)) or "AP" in str(name) for name in frame.get("metric", ["AP"] * len(frame))]]
        for interval in shares["interval"]:
            ends = [float(end) for end in interval.split(" to ")] if " to " in interval else []
            assert all(0 <= end <= top for end in ends), (table.caption, interval)


@pytest.mark.parametrize("metric", ["fid_64", "FID_192", "frechet", "frechet_real"])
def test_the_interval_of_a_distance_ends_at_zero_and_has_no_upper_bound(metric):
    summary = summarise([0.1, 5.0])
    assert summary.interval.low < 0
    assert shown_ends(summary, metric) == (0.0, summary.interval.high)
    assert shown_ends(summary, "kid") == (summary.interval.low, summary.interval.high)  # unbiased: may be negative
