import numpy as np
import pandas as pd
import pytest

from defectlab.evaluation import average_precision
from defectlab.experiments.intervals import sampling_intervals


def store_scores(run, labels, scores, groups=None):
    for arm in ("memseg", "diag"):
        for seed, values in enumerate(scores):
            group = groups or [f"g{i}" for i in range(len(labels))]
            rows = {"split": "test", "label": labels, "group": group, "score": values}
            held_out = pd.DataFrame({"split": "validation", "label": [1], "group": ["v"], "score": [9.0]})
            run.write_table(f"scores-{arm}-{seed}", pd.concat([held_out, pd.DataFrame(rows)]))


def test_the_mean_is_over_seeds_and_the_interval_holds_it(make_params, open_run):
    params = make_params(seeds=[0, 1])
    run = open_run(params)
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    scores = [labels + rng.normal(0, 1, 40) for _ in range(2)]
    store_scores(run, labels, scores)
    table = sampling_intervals(params, run, n_resamples=200).frame
    mean = np.mean([average_precision(labels, values) for values in scores])
    assert len(table) == 2 and float(table["mean AP"][0]) == pytest.approx(mean, abs=5e-4)
    low, high = map(float, table["95 % over test images"][0].split(" to "))
    assert low < mean < high and high - low > 0.05
    assert table["test images"][0] == "20 of 40 defective, 40 groups"


def test_a_perfect_ranking_stays_perfect_whatever_is_drawn(make_params, open_run):
    params = make_params()
    run = open_run(params)
    store_scores(run, [0, 0, 0, 1, 1, 1], [[0, 1, 2, 3, 4, 5]])
    assert set(sampling_intervals(params, run, n_resamples=100).frame["95 % over test images"]) == {"1.000 to 1.000"}


def test_images_of_one_group_are_drawn_together(make_params, open_run):
    params = make_params()
    labels = [0, 1] * 12
    scores = [list(np.random.default_rng(1).normal(0, 1, 24))]
    widths = []
    for name, groups in (("alone", [f"g{i}" for i in range(24)]), ("six", [f"g{i // 6}" for i in range(24)])):
        run = open_run(make_params(n_aug=5 if name == "alone" else 6))
        store_scores(run, labels, scores, groups)
        table = sampling_intervals(params, run, n_resamples=200).frame
        assert f"{len(set(groups))} groups" in table["test images"][0]
        widths.append(table["95 % over test images"][0])
    assert widths[0] != widths[1]
