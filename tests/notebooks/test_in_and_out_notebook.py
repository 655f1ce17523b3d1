"""The In&Out notebook run by papermill: regimes, folders, base models, methods, and what stops it at once."""

from functools import partial
from pathlib import Path

import papermill
import pytest
from cells import figures, first_cells, outputs, printed
from small_data import write_folder

from defectlab import cli
from defectlab.params import ParameterError
from defectlab.report.stored.grids import stored_grids
from defectlab.results import read_results

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "in_and_out.ipynb"
load = partial(first_cells, NOTEBOOK, "load_splits")
FIGURES = ["fine-tuning", "change", "grid", "training", "pr", "ap", "operating-points"]


def stored(regime):
    """Names of the figures of stored grids, which come after those of the run."""
    return [grid.name for grid in stored_grids("in_and_out") if regime in grid.regimes]


@pytest.fixture
def settings(tiny_sd):
    """What makes the notebook small: few steps of a random Stable Diffusion in a folder."""
    return {"base_model": str(tiny_sd), "fine_tune_steps": 2, "n_negatives": 4, "n_shot": 2, "canvas": 32}


def test_zero_shot_from_the_root_of_the_checkout(execute, settings):
    notebook, folder = execute(NOTEBOOK, **settings, seeds=[0, 1])
    rows = read_results(folder / "results.csv")
    assert set(rows["method"]) == {"memseg", "ddpm", "in_and_out"} and set(rows["regime"]) == {"zero_shot"}
    assert {"ap_step", "ap_trapezoid", "precision_best_f1", "recall_validation"} <= set(rows["metric"])
    shown = figures(notebook)
    assert [about["name"] for about in shown] == [f"fig-in-and-out-{name}" for name in FIGURES + stored("zero_shot")]
    assert all(about["alt"].strip() and about["caption"].strip() for about in shown)
    text = printed(notebook)
    for words in ("What is trained", "before fine-tuning", "Table 1", "Table 2", "What 4 seeds can show", "F6", "F8"):
        assert words in text, words
    assert len(list((folder / "synthetic" / "fine-tuned").glob("adapter-*"))) == 2
    assert not [output for output in outputs(notebook) if output.output_type == "error"]


def test_few_shot_with_all_methods_from_another_folder_on_images_of_ones_own(execute, settings, tmp_path):
    elsewhere = tmp_path / "here and there"
    elsewhere.mkdir()
    write_folder(elsewhere / "mine", 20, 8)
    methods = ["none", "memseg", "ddpm", "in_and_out", "diag"]
    given = {"dataset": "folder", "data_root": "mine", "regime": "few_shot", "out": "made", "methods": methods}
    notebook, folder = execute(NOTEBOOK, cwd=elsewhere, **settings, **given, n_aug=5)
    rows = read_results(folder / "results.csv")
    assert set(rows["method"]) == set(methods) and set(rows["n_aug"][rows["method"] == "in_and_out"]) == {5}
    assert len(figures(notebook)) == len(FIGURES + stored("few_shot")) and "Table 4" in printed(notebook)
    assert len(list((elsewhere / "made" / "seed-0" / "images").glob("*.png"))) == 5
    assert len(list((elsewhere / "made" / "seed-0" / "masks").glob("*.png"))) == 2  # diffusion gives none


def test_the_command_line_runs_one_method_to_the_end(settings, pocket, tmp_path, capsys):
    small = {"height": 64, "width": 32, "scale": 0.02, "n_aug": 2, "seeds": "[0]", "profile": "smoke", "epochs": 1}
    small |= {"weights": "none", "backbone": "test_resnet", "regime": "full_shot", "methods": "['none', 'memseg']"}
    words = [word for name, value in (small | settings).items() for word in ("-p", name, str(value))]
    assert cli.main(["run", "in_and_out", *words, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "surfaces, full_shot: method (synthetic positives), 1 seed" in said and "ap_trapezoid" in said
    (page,) = (tmp_path / "out").glob("*.html")
    assert 'alt="' in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_agu": 5}, "n_agu: no such parameter; did you mean 'n_aug'?"),
        ({"n_aug": -1}, "n_aug: expected between 2 and 10000, got -1"),
        ({"merge_ratio": "much"}, "merge_ratio: expected a number, got 'much' (str)"),
        ({"methods": ["in&out"]}, "methods: expected one of none, memseg, ddpm, in_and_out, diag, got 'in&out'"),
        ({"regime": "fewshot"}, "regime: expected one of zero_shot, few_shot, full_shot, got 'fewshot'; did you mean"),
    ],
)
def test_a_wrong_parameter_stops_the_first_cells(given, message):
    with pytest.raises(ParameterError) as caught:
        load(**given)
    assert message in str(caught.value)


def test_papermill_stops_at_the_cell_after_the_parameters_and_names_all_of_them(execute, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        execute(NOTEBOOK, base_modle="sd15", fine_tune_steps="many", n_aug=-1)
    assert caught.value.ename == "ParameterError"
    for words in ("3 problems", "did you mean 'base_model'?", "fine_tune_steps: expected a whole number", "n_aug: exp"):
        assert words in caught.value.evalue
    assert not (tmp_path / "runs").exists()


def test_data_that_are_not_there_are_named_with_the_way_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="data_root: .*nowhere is not there"):
        load(dataset="folder", data_root=str(tmp_path / "nowhere"), profile="smoke")


def test_an_image_that_is_cut_off_stops_before_any_fine_tuning(tmp_path):
    victim = write_folder(tmp_path) / "defect" / "002.png"
    victim.write_bytes(victim.read_bytes()[:-900])
    with pytest.raises(ValueError, match=r"defect/002\.png"):
        load(dataset="folder", data_root=str(tmp_path), height=64, width=32, profile="smoke")
