"""What the book shows of stored grids, on rows chosen by hand."""

import json

import pandas as pd
import pytest

from defectlab.report import stored
from defectlab.report.stored import grid_tables
from defectlab.results import COLUMNS

METRICS = {"ap_trapezoid": 0.0, "ap_step": 0.1, "precision_best_f1": 0.0, "recall_best_f1": 0.0}
METHODS = {"memseg": 0.5, "ddpm": 0.4, "in_and_out": 0.6}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "HOME", tmp_path)
    return tmp_path


def keep(home, regimes=("zero_shot", "full_shot"), baselines=("full_shot",)):
    """A stored grid in which AP rises by a tenth with every step of n_aug and by a hundredth with the seed."""
    rows = []
    for regime in regimes:
        arms = [(name, n, base + step / 10) for name, base in METHODS.items() for step, n in enumerate((80, 100))]
        arms += [("none", 0, 0.3)] if regime in baselines else []
        for name, n_aug, value in arms:
            for seed in (0, 1):
                for metric, shift in METRICS.items():
                    rows.append(("in_and_out", name, "kolektor_sdd", regime, n_aug, seed, metric,
                                 value + shift + seed / 100, "laptop", "cpu", 1.0, "abc"))  # fmt: skip
    folder = home / "grid"
    folder.mkdir()
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(folder / "results.csv", index=False)
    record = {
        "title": "A grid", "paper": "in_and_out", "dataset": "kolektor_sdd", "profile": "laptop",
        "methods": list(METHODS), "n_aug": [80, 100], "regimes": list(regimes), "seeds": [0, 1],
        "baselines": list(baselines), "parameters": {}, "command": "defectlab grid run in_and_out", "commit": "abc",
        "device": "cpu", "minutes": 1.0, "cells": 14, "date": "2026-01-01", "note": "A reduced copy.",
        "test_images": {"normal": 9, "defective": 3, "groups": 2},
    }  # fmt: skip
    (folder / "grid.json").write_text(json.dumps(record))


def test_each_regime_and_count_is_a_line_with_paired_differences(home):
    keep(home)
    frame = grid_tables.stored_grid_counts("in_and_out").frame
    assert list(frame["regime"]) == ["zero-shot", "zero-shot", "full-shot", "full-shot"]
    assert list(frame["n_aug"]) == ["80", "100", "80", "100"]
    assert frame["MemSeg"][1] == "0.605 ± 0.007"  # (.60 + .61) / 2; sd of .60 and .61
    assert frame["In&Out minus MemSeg (95 %)"][0] == "+0.100 (+0.100 to +0.100)"
    assert list(frame["No augmentation"]) == ["–", "–", "0.305 ± 0.007", "0.305 ± 0.007"]


def test_one_regime_alone_can_be_asked_for(home):
    keep(home)
    assert set(grid_tables.stored_grid_counts("in_and_out", "zero_shot").frame["regime"]) == {"zero-shot"}
    assert set(grid_tables.stored_grid_means("in_and_out", "full_shot").frame["regime"]) == {"full-shot"}


def test_means_are_over_the_counts_and_every_metric_names_its_protocol(home):
    keep(home)
    frame = grid_tables.stored_grid_means("in_and_out").frame
    assert list(frame["metric"][:2]) == ["trapezoid AP", "step AP"]
    assert frame["In&Out"][0] == "0.655 ± 0.007"  # (.60 + .70) / 2 + .005
    assert frame["In&Out minus DDPM (95 %)"][0].startswith("+0.200")


def test_claims_are_judged_on_the_rows_of_the_grid(home):
    keep(home)
    table = grid_tables.stored_grid_claims("in_and_out")
    assert {"F6"} <= set(table.frame["claim"])
    assert all("reproduced" in text for text in table.frame["verdict"])


def test_the_line_that_makes_a_grid_again_stands_under_every_table(home):
    keep(home)
    for make in (grid_tables.stored_grid_counts, grid_tables.stored_grid_means, grid_tables.stored_grid_claims):
        notes = make("in_and_out").notes
        assert "A reduced copy." in notes and any("defectlab grid run in_and_out" in note for note in notes)


def test_the_figure_of_a_regime_comes_with_its_grid(home):
    keep(home, regimes=("zero_shot",), baselines=())
    ((grid, plot),) = grid_tables.stored_grid_plots("in_and_out", "zero_shot")
    assert grid.name == "grid" and "MemSeg goes from 0.51" in plot.alt
    assert not list(grid_tables.stored_grid_plots("in_and_out", "few_shot"))


def test_without_a_stored_grid_the_table_says_so(home):
    for make in (grid_tables.stored_grid_counts, grid_tables.stored_grid_means, grid_tables.stored_grid_claims):
        assert make("in_and_out").frame.iloc[0, 0] == "none stored"
