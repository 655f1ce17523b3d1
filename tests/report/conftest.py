"""Result rows as a run writes them, with values chosen by hand."""

import pandas as pd
import pytest


def result_rows(values, dataset="surfaces", profile="laptop", metric="ap_step"):
    """Rows from ``{(method, regime, n_aug): [value of seed 0, of seed 1, ...]}``."""
    return pd.DataFrame(
        [
            {
                "notebook": "diag", "method": method, "dataset": dataset, "regime": regime, "n_aug": n_aug,
                "seed": seed, "metric": metric, "value": value, "profile": profile, "device": "cpu",
                "seconds": 1.0, "commit": "unknown",
            }
            for (method, regime, n_aug), per_seed in values.items()
            for seed, value in enumerate(per_seed)
        ]
    )  # fmt: skip


@pytest.fixture
def make_rows():
    return result_rows


@pytest.fixture
def rows():
    return result_rows(
        {
            ("none", "full_shot", 0): [0.50, 0.52, 0.54],
            ("memseg", "zero_shot", 100): [0.40, 0.42, 0.41],
            ("diag", "zero_shot", 100): [0.70, 0.74, 0.72],
            ("memseg", "full_shot", 100): [0.55, 0.58, 0.56],
            ("diag", "full_shot", 100): [0.80, 0.84, 0.85],
        }
    )
