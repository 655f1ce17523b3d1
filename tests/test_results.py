import math

import pandas as pd
import pytest

from defectlab.results import COLUMNS, Result, merge, read_results, to_frame


def row(**changes):
    values = {
        "notebook": "diag",
        "method": "diag",
        "dataset": "surfaces",
        "regime": "zero_shot",
        "n_aug": 100,
        "seed": 0,
        "metric": "ap_step",
        "value": 0.5,
        "profile": "smoke",
    }
    return Result(**{**values, **changes})


def test_the_columns_are_those_agreed():
    names = "notebook method dataset regime n_aug seed metric value profile device seconds commit"
    assert names.split() == COLUMNS


@pytest.mark.parametrize("changes", [{"method": ""}, {"n_aug": -1}, {"seconds": -1.0}, {"value": math.inf}])
def test_a_row_that_makes_no_sense_is_refused(changes):
    with pytest.raises(ValueError, match="result: "):
        row(**changes)


def test_a_row_with_the_same_key_takes_the_place_of_the_old_one():
    old = to_frame([row(value=0.1), row(seed=1, value=0.2)])
    merged = merge(old, to_frame([row(value=0.9), row(seed=2, value=0.3)]))
    assert merged["value"].tolist() == [0.9, 0.2, 0.3] and merged["seed"].tolist() == [0, 1, 2]


def test_values_survive_the_file_to_the_last_digit(tmp_path):
    table = to_frame([row(value=0.1 + 0.2, method="none", dataset="NA"), row(seed=1, value=math.nan)])
    path = tmp_path / "results.csv"
    table.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_results(path), table)


def test_a_file_with_other_columns_is_refused(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="expected the columns notebook, .* found a, b"):
        read_results(path)
