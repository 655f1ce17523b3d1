"""The student-teacher notebook run by papermill: whole, with ablations, on textures, and what stops it at once."""

from functools import partial
from pathlib import Path

import nbformat
import papermill
import pytest
from cells import figures, first_cells, outputs, printed
from small_categories import write_mpdd, write_visa

from defectlab.params import ParameterError
from defectlab.results import read_results

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "student_teacher.ipynb"
load = partial(first_cells, NOTEBOOK, "load_units")
FIGURES = ["strength", "masks", "opacity", "real", "training", "maps", "metrics", "aupro"]


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """Executes the notebook at the smoke profile; gives it back with its outputs, and its result rows."""

    def run(cwd=NOTEBOOK.parents[1], **given):
        monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
        monkeypatch.chdir(cwd)
        target, store = tmp_path / "executed.ipynb", tmp_path / "runs"
        parameters = {"profile": "smoke", "category": "leather", "device": "cpu", "runs": str(store), **given}
        papermill.execute_notebook(
            str(NOTEBOOK), str(target), parameters, kernel_name="python3", language="python", progress_bar=False
        )
        (results,) = store.glob("student_teacher/*/results.csv")
        return nbformat.read(target, as_version=4), read_results(results)

    return run


def test_from_another_folder_with_an_ablation_it_runs_to_the_end(executed, tmp_path):
    elsewhere = tmp_path / "here and there"
    elsewhere.mkdir()
    notebook, rows = executed(elsewhere, ablations=["wo_seg"], out="made")
    assert set(rows["method"]) == {"nearest", "simplenet", "destseg", "student_teacher", "wo_seg"}
    shown = figures(notebook)
    assert [about["name"] for about in shown] == [f"fig-student-teacher-{name}" for name in FIGURES]
    assert all(about["alt"].strip() and about["caption"].strip() for about in shown)
    text = printed(notebook)
    for words in ("Table 1", "Table 3", "Table 6", "whose number", "F11", "F14", "violations"):
        assert words in text, words
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert len(list((elsewhere / "made").glob("*/images/*.png"))) == 6


@pytest.mark.parametrize(
    ("dataset", "write", "regime", "said"),
    [
        ("visa", write_visa, "unified", ("candle", "pcb1", "Table 4: VisA in the paper, here on visa")),
        ("mpdd", write_mpdd, "per_category", ("connector", "tubes", "Table 5: MPDD in the paper, here on mpdd")),
    ],
)
def test_it_runs_on_categories_in_other_layouts(executed, tmp_path, dataset, write, regime, said):
    home = write(tmp_path / dataset)
    notebook, rows = executed(
        dataset=dataset, category="", data_root=str(home), regime=regime, methods=["nearest", "student_teacher"],
        morphology="random",
    )  # fmt: skip
    assert set(rows["dataset"]) == {dataset} and set(rows["regime"]) == {regime}
    assert set(rows["method"]) == {"nearest", "student_teacher"}
    text = printed(notebook)
    assert all(words in text for words in said)
    assert [about["name"] for about in figures(notebook)] == [f"fig-student-teacher-{name}" for name in FIGURES]
    assert not [output for output in outputs(notebook) if output.output_type == "error"]


def test_without_a_method_that_learns_from_pairs_it_makes_no_defect(executed):
    notebook, rows = executed(methods=["nearest"])
    assert set(rows["method"]) == {"nearest"} and set(rows["n_aug"]) == {0}
    names = [about["name"] for about in figures(notebook)]
    assert names == [f"fig-student-teacher-{name}" for name in ("masks", "maps", "metrics", "aupro")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"categry": "screw"}, "categry: no such parameter; did you mean 'category'?"),
        ({"dataset": "mvtek"}, "dataset: expected one of surfaces, mvtec, .*did you mean 'mvtec'"),
        ({"dataset": "ksdd2", "category": "screw"}, "category: ksdd2 has none"),
    ],
)
def test_a_wrong_parameter_stops_the_first_cells(given, message):
    with pytest.raises(ParameterError, match=message):
        load(**given)


def test_data_that_are_not_there_are_named_with_the_way_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="data_root: .*nowhere is not there"):
        load(dataset="mvtec", category="screw", data_root=str(tmp_path / "nowhere"), profile="smoke")
