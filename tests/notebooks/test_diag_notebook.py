"""The DIAG notebook run by papermill: profiles, regimes, folders, generators, and what stops it at once."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import papermill
import pytest
import tiny_sdxl
from cells import figures, first_cells, printed
from small_data import write_folder

from defectlab import cli
from defectlab.params import ParameterError
from defectlab.results import read_results

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "diag.ipynb"
load = partial(first_cells, NOTEBOOK, "load_splits")
FIGURES = ["fig-diag-grid", "fig-diag-training", "fig-diag-pr", "fig-diag-ap"]


def test_full_shot_from_the_root_of_the_checkout(execute):
    notebook, folder = execute(NOTEBOOK, regime="full_shot")
    rows = read_results(folder / "results.csv")
    assert set(rows["method"]) == {"none", "memseg", "diag"} and set(rows["regime"]) == {"full_shot"}
    assert {"ap_step", "precision_best_f1", "recall_validation", "frechet_none_stride4"} <= set(rows["metric"])
    shown = figures(notebook)
    assert [about["name"] for about in shown] == FIGURES
    assert all(about["alt"].strip() and about["caption"].strip() for about in shown)
    text = printed(notebook)
    assert "Random weights: nothing was pretrained" in text and "Table II" in text
    assert not [cell.id for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == "error"]


def test_a_hundred_images_from_another_folder_on_images_of_ones_own(execute, tmp_path):
    elsewhere = tmp_path / "here and there"
    elsewhere.mkdir()
    write_folder(elsewhere / "mine", 20, 8)
    given = {"dataset": "folder", "data_root": "mine", "n_aug": 100, "out": "made", "layout": "coco", "masks": "lines"}
    notebook, folder = execute(NOTEBOOK, cwd=elsewhere, **given)
    rows = read_results(folder / "results.csv")
    assert set(rows["n_aug"]) == {100} and set(rows["method"]) == {"memseg", "diag"}
    assert len(figures(notebook)) == len(FIGURES) and all(about["alt"] for about in figures(notebook))
    made = elsewhere / "made" / "seed-0"
    assert len(list((made / "images").glob("*.png"))) == 100 == len(list((made / "masks").glob("*.png")))
    assert (made / "coco" / "annotations.json").is_file() and (made / "records.csv").is_file()


def test_sdxl_from_a_folder(execute, tmp_path):
    generator = tiny_sdxl.save_tiny_sdxl(tmp_path / "tiny-sdxl")
    notebook, folder = execute(NOTEBOOK, generator=str(generator), canvas=64, steps=2, guidance_scale=3.0, n_aug=2)
    assert set(read_results(folder / "results.csv")["method"]) == {"memseg", "diag"}
    assert "white marks on the wall" in printed(notebook)
    (diag,) = (folder / "synthetic").glob("diag-*")
    assert "EulerDiscreteScheduler" in (diag / "seed-0-of-2" / "settings.json").read_text()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_agu": 5}, "n_agu: no such parameter; did you mean 'n_aug'?"),
        ({"epochs": "many"}, "epochs: expected a whole number, got 'many' (str)"),
        ({"n_aug": -1}, "n_aug: expected between 2 and 10000, got -1"),
        (
            {"regime": "zeroshot"},
            "regime: expected one of zero_shot, few_shot, full_shot, got 'zeroshot'; did you mean",
        ),
    ],
)
def test_a_wrong_parameter_stops_the_first_cells(given, message):
    with pytest.raises(ParameterError) as caught:
        load(**given)
    assert message in str(caught.value)


def test_papermill_stops_at_the_cell_after_the_parameters_and_names_all_of_them(execute, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        execute(NOTEBOOK, n_agu=5, epochs="many", n_aug=-1)
    assert caught.value.ename == "ParameterError"
    for words in ("3 problems", "did you mean 'n_aug'?", "epochs: expected a whole number", "n_aug: expected between"):
        assert words in caught.value.evalue
    assert not (tmp_path / "runs").exists()


def small(root, **changes):
    return {"dataset": "folder", "data_root": str(root), "height": 64, "width": 32, "profile": "smoke", **changes}


def test_images_of_ones_own_are_loaded_by_the_first_cells(tmp_path):
    assert len(load(**small(write_folder(tmp_path)))["data"].test) > 0


def test_data_that_are_not_there_are_named_with_the_way_to_get_them(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="data_root: .*nowhere is not there"):
        load(**small(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="(?s)ksdd2.*DEFECTLAB_DATA.*vicos.si"):
        load(dataset="ksdd2", profile="smoke")


def test_a_folder_without_good_images_is_named(tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match="normal images to train on|good"):
        load(**small(write_folder(tmp_path, normal=0)))


def test_an_image_that_is_cut_off_stops_before_any_synthesis(tmp_path):
    victim = write_folder(tmp_path) / "defect" / "002.png"
    victim.write_bytes(victim.read_bytes()[:-900])
    with pytest.raises(ValueError, match=r"defect/002\.png"):
        load(**small(tmp_path))


def test_the_command_line_says_it_in_one_line_and_ends_with_two(tmp_path, capsys):
    victim = write_folder(tmp_path / "mine") / "good" / "004.png"
    victim.write_bytes(b"")
    words = [word for name, value in small(tmp_path / "mine").items() for word in ("-p", name, str(value))]
    code = cli.main(["run", "diag", *words, "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert code == 2 and "good/004.png" in said and "diag.ipynb: ImageError" in said
    assert not list((tmp_path / "out").glob("*.html"))


def test_the_command_line_runs_it_to_the_end(pocket, tmp_path):
    settings = {"height": 64, "width": 32, "scale": 0.02, "n_aug": 2, "seeds": "[0]", "steps": 1, "guidance_scale": 1}
    settings |= {"weights": "none", "backbone": "test_resnet", "epochs": 1, "profile": "smoke", "generator": pocket}
    words = [word for name, value in settings.items() for word in ("-p", name, str(value))]
    out = tmp_path / "out"
    command = [sys.executable, "-m", "defectlab", "run", "diag", *words, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "surfaces, zero_shot: method (synthetic positives), 1 seed" in done.stdout and "ap_step" in done.stdout
    (page,) = out.glob("*.html")
    assert str(page) in done.stdout and 'alt="' in page.read_text(encoding="utf-8")
