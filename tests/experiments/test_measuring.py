"""Simulated detectors: what is known of them in closed form."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from defectlab.experiments import measuring


def test_scores_lie_as_far_apart_as_asked():
    labels, scores = measuring.simulate_scores(np.random.default_rng(0), 4000, 4000, 1.5)
    assert labels.tolist() == [1] * 4000 + [0] * 4000
    assert scores[labels == 1].mean() - scores[labels == 0].mean() == pytest.approx(1.5, abs=0.1)


def test_the_table_of_ranks_by_hand():
    table = measuring.rank_table([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])
    assert table["TP"].tolist() == [1, 1, 2, 2] and table["FP"].tolist() == [0, 1, 1, 2]
    assert table["precision"].tolist() == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2])
    assert table["gain of recall"].tolist() == pytest.approx([0.5, 0, 0.5, 0])


def test_ap_on_infinitely_many_images_is_that_of_very_many():
    labels, scores = measuring.simulate_scores(np.random.default_rng(1), 20_000, 180_000, 2.0)
    assert measuring.true_average_precision(2.0, 0.1) == pytest.approx(
        measuring.average_precision(labels, scores), abs=0.01
    )
    assert measuring.true_average_precision(0.0, 0.3) == pytest.approx(0.3, abs=1e-6)


def test_the_base_rate_moves_ap_and_not_auroc():
    frame = measuring.by_base_rate(2.0, [0.01, 0.1])
    values = frame.pivot(index="base_rate", columns="metric", values="value")
    labels, scores = measuring.simulate_scores(np.random.default_rng(2), 20_000, 20_000, 2.0)
    assert values["AUROC"].nunique() == 1
    assert values["AUROC"].iloc[0] == pytest.approx(roc_auc_score(labels, scores), abs=0.01)
    assert values["AP"].iloc[0] < values["AP"].iloc[1]


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_the_best_threshold_lies_where_the_theorem_says(beta):
    best = measuring.best_f_beta(1.5, 0.2, beta)
    assert best["posterior"] == pytest.approx(best["f_beta"] / (1 + beta**2), abs=2e-3)
    p, r = best["precision"], best["recall"]
    assert best["f_beta"] == pytest.approx((1 + beta**2) * p * r / (beta**2 * p + r))
    assert best["recall"] == pytest.approx(norm.sf(best["threshold"] - 1.5))


def test_a_threshold_chosen_on_test_images_flatters():
    frame = measuring.threshold_protocols([10], 2.0, 0.1, repeats=60, seed=0).set_index("protocol")["f1"]
    best = measuring.best_f_beta(2.0, 0.1, 1)["f_beta"]
    assert frame["chosen on test"] > best > frame["chosen on validation"]


def test_intervals_narrow_with_the_root_of_the_positives_and_mostly_hold_the_truth():
    frame = measuring.bootstrap_behaviour([20, 80], 2.0, 0.2, repeats=12, n_resamples=100, seed=0)
    assert frame["half_width"].iloc[0] / frame["half_width"].iloc[1] == pytest.approx(2, rel=0.35)
    assert (frame["coverage"] >= 0.6).all()


def test_pairing_narrows_the_interval_where_seeds_are_shared():
    frame = measuring.paired_and_unpaired([10, 10], shared=0.1, own=0.01, gap=0.0, seed=0)
    half = frame.groupby("pairing")["half_width"].mean()
    assert half["paired"] < half["unpaired"] / 3
    assert frame["difference"].to_numpy() == pytest.approx(frame["difference"].iloc[0])


def test_what_thresholds_do_and_the_summary_of_a_detector():
    labels, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1])
    table = measuring.at_thresholds(labels, scores, {"strict": 0.85, "loose": 0.0})
    assert table["TP"].tolist() == [1, 2] and table["FP"].tolist() == [0, 2]
    values = measuring.summary(labels, scores).set_index("metric")["value"]
    assert values["AP (step)"] == pytest.approx(5 / 6) and values["AUROC"] == pytest.approx(3 / 4)
