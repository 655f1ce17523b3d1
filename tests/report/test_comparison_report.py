"""Tables and figures of the comparison, on rows chosen by hand."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from defectlab.files import write_json
from defectlab.report.comparison_plots import cost_and_value, front, matrix_plot, pareto_plot
from defectlab.report.comparison_setting import DETECTOR_SECONDS, SYNTHESIS_SECONDS, cells, parts, why_not
from defectlab.report.comparison_tables import cost_table, matrix_table, order_in_words, ranking_table
from defectlab.report.stored.comparison import stored_matrices, stored_rankings
from defectlab.report.stored.grids import COLLECTED, TABLE, store_grid
from defectlab.results import COLUMNS

AP = {
    "none/nearest": [0.60, 0.60, 0.60],
    "memseg/classifier": [0.50, 0.52, 0.54],
    "diag/classifier": [0.70, 0.72, 0.75],
    "ddpm/classifier": [0.45, 0.55, 0.53],
    "memseg/student_teacher": [0.40, 0.41, 0.42],
    "diag/student_teacher": [0.30, 0.31, 0.33],
}
AUPRO = {
    "none/nearest": [0.5, 0.5, 0.5],
    "memseg/student_teacher": [0.3, 0.3, 0.3],
    "diag/student_teacher": [0.2, 0.2, 0.2],
}
SECONDS = {"none": 0.0, "memseg": 1.0, "diag": 30.0, "ddpm": 500.0}


@pytest.fixture
def comparison(make_rows):
    """Rows of three seeds at a profile."""

    def made(profile="laptop"):
        def of(values, metric):
            keyed = {(name, "zero_shot", 0 if name.startswith("none") else 8): each for name, each in values.items()}
            return make_rows(keyed, metric=metric, profile=profile)

        synthesis = {name: [SECONDS[name.split("/")[0]]] * 3 for name in AP}
        training = dict.fromkeys(AP, [10.0] * 3)
        tables = [
            of(AP, "ap_step"),
            of(AUPRO, "aupro"),
            of(synthesis, SYNTHESIS_SECONDS),
            of(training, DETECTOR_SECONDS),
        ]
        return pd.concat(tables, ignore_index=True).assign(notebook="comparison")

    return made


@pytest.fixture
def rows(comparison):
    return comparison()


def test_a_cell_is_named_by_both_sides_and_read_back():
    assert parts("memseg/student_teacher") == ("memseg", "student_teacher")
    with pytest.raises(ValueError, match="expected 'synthesizer/detector' such as 'memseg/classifier', got 'memseg'"):
        parts("memseg")


@pytest.mark.parametrize(
    ("synthesizer", "detector", "regime", "reason"),
    [
        ("ddpm", "student_teacher", "zero_shot", "needs masks"),
        ("in_and_out", "destseg", "full_shot", "needs masks"),
        ("none", "classifier", "zero_shot", "needs positives"),
        ("none", "classifier", "few_shot", ""),
        ("none", "student_teacher", "full_shot", "needs synthetic defects"),
        ("memseg", "nearest", "zero_shot", "learns from normals alone"),
        ("perturbed", "destseg", "zero_shot", ""),
    ],
)
def test_why_a_cell_cannot_be(synthesizer, detector, regime, reason):
    assert why_not(synthesizer, detector, regime) == reason
    assert (cells([synthesizer], [detector], regime) == []) == bool(reason)


def test_the_matrix_has_a_value_or_a_reason_everywhere(rows):
    frame = matrix_table(rows).frame.set_index("synthesizer")
    assert list(frame.columns) == ["Classifier", "Student-teacher", "Nearest neighbour"]
    assert frame.loc["DDPM"].tolist() == ["0.510 (0.379 to 0.641)", "needs masks", "learns from normals alone"]
    assert frame.loc["No augmentation", "Classifier"] == "needs positives"
    located = matrix_table(rows, "aupro").frame.set_index("synthesizer")
    assert located.loc["MemSeg"].tolist() == ["gives no map", "0.300 (0.300 to 0.300)", "learns from normals alone"]
    partial = rows[rows["method"] != "diag/student_teacher"]
    assert matrix_table(partial).frame.set_index("synthesizer").loc["DIAG", "Student-teacher"] == "not run"


def test_rows_of_two_regimes_or_of_no_cell_are_refused(rows):
    with pytest.raises(ValueError, match="one table shows one regime; got few_shot, zero_shot"):
        matrix_table(pd.concat([rows, rows.assign(regime="few_shot")]))
    with pytest.raises(ValueError, match="expected 'synthesizer/detector'"):
        matrix_table(rows[rows["method"] == "memseg/classifier"].assign(method="memseg"))


def test_the_ranking_is_within_a_detector_and_against_memseg(rows):
    frame = ranking_table(rows).frame
    assert frame[["detector", "rank", "synthesizer", "seeds above", "verdict"]].to_numpy().tolist() == [
        ["Classifier", 1, "DIAG", "3 of 3", "above"],
        ["Classifier", 2, "MemSeg", "–", "reference"],
        ["Classifier", 3, "DDPM", "1 of 3", "not told apart"],
        ["Student-teacher", 1, "MemSeg", "–", "reference"],
        ["Student-teacher", 2, "DIAG", "0 of 3", "below"],
    ]
    # differences 0.20, 0.20, 0.21: mean 0.2033, t(2) x sd / sqrt(3) = 4.303 x 0.005774 / 1.732 = 0.0143
    assert frame.loc[0, "minus MemSeg (95 %)"] == "+0.203 (+0.189 to +0.218)"


def test_words_say_which_order_the_seeds_support_and_whether_detectors_agree(rows):
    said = order_in_words(rows)
    assert said.startswith("Classifier: DIAG > MemSeg > DDPM; 3 seeds tell 2 of 3 pairs apart (all but ")
    assert "(all but MemSeg and DDPM), the rest may change with other seeds." in said
    assert "Student-teacher: MemSeg > DIAG; 3 seeds tell 1 of 1 pair apart, the order stands." in said
    assert "Classifier and Student-teacher order 0 of 1 pairs alike." in said
    equal = rows[rows["method"].isin(["memseg/classifier", "diag/classifier"])].assign(value=0.5)
    assert "= " in order_in_words(equal) and "no order is shown" in order_in_words(equal)
    alone = rows[rows["method"] == "none/nearest"]
    assert "there is no order to speak of" in order_in_words(alone)


def test_cost_adds_both_parts(rows):
    frame = cost_table(rows).frame
    assert frame[frame["synthesizer"] == "DIAG"]["together, s"].tolist() == ["40", "40"]


def test_the_front_holds_what_no_other_beats_in_both():
    points = pd.DataFrame({"name": list("abcd"), "seconds": [1.0, 2.0, 2.0, 9.0], "value": [0.5, 0.4, 0.7, 0.7]})
    assert front(points)["name"].tolist() == ["a", "c"]


def test_points_of_the_pareto_figure_are_means_of_cells(rows):
    points = cost_and_value(rows).set_index(["synthesizer", "detector"])
    assert points.loc[("ddpm", "classifier")].tolist() == pytest.approx([510.0, 0.51])


def test_figures_tell_their_numbers_and_reasons(rows, comparison):
    matrix, pareto = matrix_plot(rows), pareto_plot(rows)
    assert "DIAG 0.72 ± 0.03 (3 seeds)" in matrix.alt and "DDPM needs masks" in matrix.alt
    assert "Nearest neighbour 0.60 in 10 s" in pareto.alt
    assert "Not beaten in both: Nearest neighbour, DIAG. Student-teacher:" in pareto.alt
    assert matrix_plot(comparison("smoke"), profile="smoke").alt.endswith("not a result.")
    with pytest.raises(ValueError, match="no result rows of metric 'map'"):
        pareto_plot(rows, "map")
    plt.close("all")


def test_stored_studies_have_a_line_each_cell_and_none_says_so(rows, tmp_path):
    assert stored_matrices(root=tmp_path).frame["data"].tolist() == ["none stored"]
    folder = tmp_path / "run"
    folder.mkdir()
    rows[COLUMNS].to_csv(folder / TABLE, index=False)
    record = {
        "paper": "comparison", "dataset": "surfaces", "profile": "laptop", "methods": list(AP), "n_aug": [0, 8],
        "regimes": ["zero_shot"], "seeds": [0, 1, 2], "baselines": [], "parameters": {},
        "command": "defectlab study comparison", "commit": "abc1234", "device": "cpu", "cells": 18, "missing": [],
        "seconds": 60.0, "finished": "2026-01-01T00:00:00", "test_images": {},
    }  # fmt: skip
    write_json(folder / COLLECTED, record)
    store_grid(folder, "surfaces-comparison", "All against all", "Small images.", tmp_path / "stored")
    table = stored_matrices(root=tmp_path / "stored")
    assert table.frame[["data", "regime", "synthesizer"]].iloc[1].tolist() == ["surfaces", "zero-shot", "MemSeg"]
    assert "Small images." in table.notes and any("made by `defectlab study comparison`" in n for n in table.notes)
    ranking = stored_rankings(root=tmp_path / "stored")
    assert len(ranking.frame) == 5 and ranking.notes[-1].startswith("surfaces: Classifier: DIAG")
