from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import defectlab
from defectlab.report.differences import differences_table, load_differences
from defectlab.report.summary import plain
from defectlab.report.tables import ReportTable, detection_table, fidelity_table, results_table


def line(table, method, metric):
    frame = table.frame
    return frame[(frame["method"] == method) & (frame["metric"] == metric)].iloc[0]


def test_the_papers_value_stands_beside_ours_with_every_seed(rows):
    diag = line(detection_table(rows, "zero_shot", 100), "DIAG", "AP")
    assert diag["paper"] == "0.801"
    assert diag["ours"] == "0.720 ± 0.020"
    assert diag["interval"] == "0.670 to 0.770"  # 0.72 -+ 4.3027 * 0.02 / sqrt(3)
    assert diag["seeds"] == "0.700, 0.740, 0.720"
    assert diag["n"] == 3
    assert diag["protocol"] == "step AP"


def test_rows_from_in_and_out_are_compared_by_trapezoid(rows, make_rows):
    trapezoid = make_rows({("memseg", "zero_shot", 100): [0.45, 0.47]}, metric="ap_trapezoid")
    table = detection_table(pd.concat([rows, trapezoid]), "zero_shot", 100)
    assert line(table, "MemSeg", "AP")["ours"].startswith("0.460")
    assert line(table, "MemSeg", "AP")["protocol"] == "trapezoid AP"


def test_another_data_set_is_not_comparable_and_the_table_says_so(rows):
    table = detection_table(rows, "zero_shot", 100)
    assert line(table, "DIAG", "AP")["verdict"] == "≠ not comparable"
    assert line(table, "In&Out", "AP")["verdict"] == "– not attempted"
    assert "absolute values are not comparable" in table.notes[-1]


def test_ksdd2_at_the_paper_profile_gets_a_verdict(make_rows):
    rows = make_rows({("diag", "zero_shot", 100): [0.79, 0.80, 0.81]}, dataset="ksdd2", profile="paper")
    assert line(detection_table(rows, "zero_shot", 100), "DIAG", "AP")["verdict"] == "✓ reproduced"


def test_a_smoke_run_shows_values_and_gives_no_verdict(make_rows):
    rows = make_rows({("diag", "zero_shot", 100): [0.79, 0.80]}, dataset="ksdd2", profile="smoke")
    table = detection_table(rows, "zero_shot", 100)
    assert line(table, "DIAG", "AP")["verdict"] == "– not attempted"
    assert line(table, "DIAG", "AP")["n"] == 2
    assert "Smoke profile: not a result." in table.notes


def test_training_without_augmentation_is_listed_without_a_value_of_the_paper(rows):
    none = line(detection_table(rows, "full_shot", 100), "No augmentation", "AP")
    assert (none["paper"], none["n_aug"], none["ours"]) == ("–", 0, "0.520 ± 0.020")


def test_all_counts_of_the_paper_are_shown_by_default(rows):
    assert set(detection_table(rows, "zero_shot").frame["n_aug"]) == {80, 100, 120}


def test_a_count_or_regime_that_the_paper_lacks_is_an_error(rows):
    with pytest.raises(ValueError, match="DIAG prints values for n_aug 80, 100, 120; asked for \\[90\\]"):
        detection_table(rows, "zero_shot", 90)
    with pytest.raises(ValueError, match="DIAG prints no table for regime 'few_shot'"):
        detection_table(rows, "few_shot")


def test_two_data_sets_in_one_table_are_an_error(rows, make_rows):
    other = make_rows({("diag", "zero_shot", 100): [0.5]}, dataset="ksdd2")
    with pytest.raises(ValueError, match="one table shows one dataset; got ksdd2, surfaces"):
        detection_table(pd.concat([rows, other]), "zero_shot")


def test_other_frechet_distances_are_never_called_fid(make_rows):
    table = fidelity_table(make_rows({("diag", "zero_shot", 100): [3.0, 4.0]}, metric="frechet_resnet18"))
    other = line(table, "DIAG", "frechet_resnet18")
    assert other["paper"] == "–"
    assert "not FID" in other["protocol"]
    assert line(table, "DIAG", "FID_64")["verdict"] == "– not attempted"


def test_an_undefined_value_is_left_out(rows, make_rows):
    gap = make_rows({("diag", "zero_shot", 100): [np.nan, 0.5]}, metric="precision_best_f1")
    assert line(detection_table(pd.concat([rows, gap]), "zero_shot", 100), "DIAG", "precision")["n"] == 1


def test_results_table_has_one_line_a_setting(rows):
    assert len(results_table(rows).frame) == 5


def test_html_has_caption_headers_and_escaped_names(rows):
    soup = BeautifulSoup(detection_table(rows, "zero_shot", 100)._repr_html_(), "html.parser")
    assert "Table I" in soup.caption.text
    assert {cell["scope"] for cell in soup.find_all("th")} == {"col", "row"}
    assert soup.find(role="region")["tabindex"] == "0"
    assert "In&Out" in soup.table.text


def test_plain_form_reads_in_a_terminal(rows):
    text = str(detection_table(rows, "zero_shot", 100))
    assert text.startswith("DIAG, Table I (zero-shot)")
    assert "<" not in text


def test_a_table_of_any_frame_keeps_its_text():
    table = ReportTable(pd.DataFrame({"a": ["<b>"]}), "caption")
    assert "&lt;b&gt;" in table._repr_html_()


def test_differences_are_numbered_and_cover_the_register():
    items = load_differences("diag")
    assert [item.number for item in items] == list(range(1, len(items) + 1))
    assert {f"D{n}" for n in range(19, 25)} | {"D30"} <= {item.register for item in items}
    assert all(item.paper and item.code and item.here for item in items)
    assert len(differences_table("diag").frame) == len(items)


@pytest.mark.parametrize("paper", ["diag", "in_and_out", "ddpm_moco", "student_teacher"])
def test_the_list_of_differences_shows_the_test_that_checks_each_point(paper):
    frame = differences_table(paper).frame
    assert list(frame)[-2:] == ["checked by", "point"]
    tests = [item.test for item in load_differences(paper)]
    assert any(tests) and list(frame["checked by"]) == [f"`{test}`" if test else "–" for test in tests]


def test_the_differences_of_in_and_out_cover_its_part_of_the_register():
    items = load_differences("in_and_out")
    assert {f"D{n}" for n in range(25, 31)} <= {item.register for item in items}
    assert all(item.paper and item.code and item.here for item in items)


@pytest.mark.parametrize("paper", ["diag", "in_and_out", "student_teacher"])
def test_tests_that_a_list_of_differences_names_are_there(paper):
    root = Path(defectlab.__file__).resolve().parent.parent
    for item in load_differences(paper):
        file, _, name = item.test.partition("::")
        assert not file or (root / file).is_file(), (item.topic, file)
        assert not name or f"def {name}(" in (root / file).read_text(encoding="utf-8"), (item.topic, name)


def test_an_unknown_list_of_differences_names_those_there_are():
    with pytest.raises(ValueError, match="no differences of paper 'x'; there are lists for: .*diag, in_and_out"):
        load_differences("x")


def test_a_sentence_in_a_cell_keeps_a_readable_width():
    frame = pd.DataFrame([{"name": "a", "said": "x" * 41, "short": "y" * 40}])
    cells = BeautifulSoup(ReportTable(frame, "A table")._repr_html_(), "html.parser").select("td")
    assert [cell.get("class") for cell in cells] == [["defectlab-long"], None]


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("ap_step", "step AP"),
        ("ap_step_corrosion", "step AP of corrosion"),
        ("ap_step_good", "step AP of normal"),
        ("image_auroc", "image AUROC"),
        ("something_else", "something_else"),
    ],
)
def test_a_reader_is_told_a_metric_in_words(metric, words):
    assert plain(metric) == words


def test_a_table_without_rows_is_a_sentence_and_no_head():
    frame = pd.DataFrame(columns=["seed", "folder"])
    told = ReportTable(frame, "Images that were written", ("Set `-p out FOLDER`.",))
    assert str(told) == "Images that were written: none.\nSet `-p out FOLDER`."
    said = "<p>Images that were written: none.</p><p>Set <code>-p out FOLDER</code>.</p>"
    assert told._repr_html_() == f'<div class="defectlab-notes">{said}</div>'
    assert str(ReportTable(frame, "Differences")) == "Differences: none."


def test_the_verdict_stands_before_the_values(rows):
    columns = list(detection_table(rows, "zero_shot", 100).frame)
    assert columns[:5] == ["method", "n_aug", "metric", "verdict", "paper"] and columns[-1] == "protocol"
