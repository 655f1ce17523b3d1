"""Stored runs of the student-teacher notebook: of one category, with ablations, in the tables of the book."""

import pytest

from defectlab.experiments.student_teacher_parameters import StudentTeacherParameters
from defectlab.params import resolve
from defectlab.report import stored
from defectlab.report.ablation_tables import SHOWN
from defectlab.report.directives import TABLES, markdown, stored_lines
from defectlab.report.stored import load_stored
from defectlab.report.stored.writing import store_run
from defectlab.runs import Run

VALUES = {"nearest": (0.80, 0.82), "student_teacher": (0.90, 0.93), "wo_seg": (0.85, 0.86)}


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A stored run on one category of MVTec AD, with two seeds of the floor, the method and an ablation."""
    return keep(VALUES, tmp_path, monkeypatch)


def keep(of_methods, tmp_path, monkeypatch, name="screw", **more):
    """Stores a run with the values of each method, the same in every metric."""
    monkeypatch.setattr(stored, "HOME", tmp_path / "stored")
    given = {"dataset": "mvtec", "category": "screw", "data_root": "/home/me/data", "seeds": [0, 1], **more}
    params = resolve(StudentTeacherParameters, given)
    run = Run.open(tmp_path / "runs", "student_teacher", params)
    about = {"dataset": params.name_in_rows, "regime": "per_category", "n_aug": 0}
    for method, values in of_methods.items():
        for metric in SHOWN:
            run.add(
                run.result(method=method, seed=seed, metric=metric, value=value, **about)
                for seed, value in enumerate(values)
            )
    run.finish()
    store_run(run.path, name, "Screw", "Reduced copy.")
    return load_stored(name)


def test_a_run_on_one_category_says_so_and_no_place_comes_along(kept):
    assert (kept.dataset, kept.regime, kept.notebook) == ("mvtec/screw", "per_category", "student_teacher")
    assert "category screw" in kept.command and "/home/me" not in kept.command


def test_the_methods_stand_beside_the_floor_and_the_ablation_below_the_method(kept):
    methods = TABLES["localisation"]("student_teacher").frame
    assert methods["method"].tolist() == ["Nearest neighbour", "Student-teacher"]
    assert methods["AUPRO"].tolist() == ["81.0 ± 1.4", "91.5 ± 2.1"]
    assert methods["AUPRO minus the floor (95 %)"].tolist()[0] == "–"
    assert methods["AUPRO minus the floor (95 %)"].tolist()[1].startswith("+10.5 (")
    rows = TABLES["stored_ablation"]("student_teacher").frame
    assert rows["row"].tolist() == ["Student-teacher", "w/o segmentation head"]
    assert rows["drop in AUPRO (95 %)"].tolist()[1].startswith("+6.0 (")


def test_every_metric_is_shown_and_has_an_interval_to_the_floor_and_to_destseg(tmp_path, monkeypatch):
    keep(VALUES | {"destseg": (0.95, 0.94)}, tmp_path, monkeypatch)
    methods = TABLES["localisation"]("student_teacher").frame
    assert {"pixel AP, step", "pixel F1, best threshold on the test set", "image AUROC, largest pixel"} < set(methods)
    table = TABLES["localisation_gaps"]("student_teacher")
    gaps = table.frame.set_index("metric")
    assert len(gaps) == len(SHOWN) == 6 and {"I-AUROC", "P-AUROC", "AUPRO", "pixel AP, step"} < set(gaps.index)
    assert set(gaps["minus the floor (95 %)"]) == {"+10.5 (+4.1 to +16.9)"}
    assert set(gaps["minus DeSTSeg (95 %)"].str[:6]) == {"-3.0 ("}
    assert any("DeSTSeg" in note and "DTD" in note for note in table.notes)


def test_the_floor_on_the_same_vit_is_named_and_set_beside_the_method_of_the_other_run(kept, tmp_path, monkeypatch):
    keep({"nearest": (0.70, 0.71)}, tmp_path, monkeypatch, "same_vit", backbone_weights="pocket_teacher")
    methods = TABLES["localisation"]("student_teacher").frame["method"].tolist()
    assert methods == ["Nearest neighbour, same ViT", "Nearest neighbour", "Student-teacher"]
    gaps = TABLES["localisation_gaps"]("student_teacher").frame
    assert len(gaps) == len(SHOWN)  # the run of the floor alone has no line of its own
    assert set(gaps["minus the floor (95 %)"].str[:7]) == {"+10.5 ("}
    assert set(gaps["minus the floor on the same ViT (95 %)"].str[:7]) == {"+21.0 ("}  # 90, 93 minus 70, 71


def test_the_orderings_that_the_rows_can_judge_have_verdicts(kept):
    table = TABLES["orderings"]("student_teacher")
    assert set(table.frame["claim"]) == {"F13"} and len(table.frame) == 3
    assert set(table.frame["here (95 %)"].str[:4]) == {"+6.0"}
    assert "Reduced copy." in " ".join(table.notes)


def test_pages_of_other_notebooks_leave_it_out(kept):
    assert stored_lines("mvtec/screw")[0] == "No run on `mvtec/screw` is stored yet."


def test_without_a_stored_run_the_tables_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "HOME", tmp_path)
    for kind in ("localisation", "localisation_gaps", "stored_ablation", "orderings"):
        assert "none stored yet" in "\n".join(markdown(TABLES[kind]("student_teacher")))


@pytest.mark.parametrize("kind", ["ablation", "claims", "differences", "published", "sources"])
def test_tables_of_the_paper_can_be_put_on_a_page(kind):
    lines = markdown(TABLES[kind]("student_teacher"))
    assert lines[0].startswith("```{list-table}") and len(lines) > 10
