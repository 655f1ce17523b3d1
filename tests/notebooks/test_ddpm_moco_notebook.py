"""The DDPM-MoCo notebook run by papermill: one small transformer and one loss, and what stops it at once."""

from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
from cells import figures, first_cells, printed
from PIL import Image

from defectlab.params import ParameterError
from defectlab.results import read_results

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "ddpm_moco.ipynb"
load = partial(first_cells, NOTEBOOK, "ddpm_moco.load(")
SMALL = {"profile": "smoke", "scale": 0.04, "n_generated": 20, "n_compared": 8, "epochs": 1, "seeds": [0]}
SMALL |= {"device": "cpu", "diffusion_steps": 1, "steps": 1}
FIGURES = ["versions", "real-generated", "generators", "collapse", "pr", "confusion", "worth"]
FIGURES += ["study-collapse", "study-effect"]


def write_classes(root, counts, size=(32, 32)):
    for name, n in counts.items():
        (root / name).mkdir(parents=True)
        for i in range(n):
            pixels = np.random.default_rng(i).integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


@pytest.fixture
def papermill_run(tmp_path, monkeypatch):
    """Executes the notebook; gives it back with its outputs, and the folder of its run."""

    def run(**changes):
        monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
        monkeypatch.chdir(NOTEBOOK.parents[1])
        target, store = tmp_path / "out.ipynb", tmp_path / "runs"
        parameters = {**SMALL, "runs": str(store), **changes}
        papermill.execute_notebook(
            str(NOTEBOOK), str(target), parameters, kernel_name="python3", language="python", progress_bar=False
        )
        (folder,) = (path.parent for path in store.glob("ddpm_moco/*/results.csv"))
        return nbformat.read(target, as_version=4), folder

    return run


def test_one_loss_on_a_small_transformer_from_beginning_to_end(papermill_run):
    notebook, folder = papermill_run(
        backbone="vit_tiny", loss="improved", data="augmented", compare_generators=False, compare_samplers=False
    )
    rows = read_results(folder / "results.csv")
    assert set(rows["method"]) == {"ddpm", "untrained", "supervised", "moco_improved"}
    regimes = set(rows["regime"][rows["method"] != "ddpm"])
    assert regimes == {"vit_tiny_patch16_224/shuffled/plain/real"}
    assert {"ap_step_good", "map_step", "mean_norm", "frechet", "frechet_dent"} <= set(rows["metric"])
    shown = figures(notebook)
    assert [about["name"] for about in shown] == [f"fig-ddpm-moco-{name}" for name in FIGURES]
    assert all(about["alt"].strip() and about["caption"].strip() for about in shown)
    text = printed(notebook)
    for words in ("What was trained", "Table 1", "Table 2", "The embeddings after the last epoch", "F9", "F10"):
        assert words in text, words


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"backbnoe": "resnet18"}, "backbnoe: no such parameter; did you mean 'backbone'?"),
        ({"loss": "improoved"}, "loss: expected one of both, original, improved, literal, all, got 'improoved'"),
        ({"n_generated": -1}, "n_generated: expected at least 10, got -1"),
        ({"tau": "warm"}, "tau: expected a number, got 'warm' (str)"),
    ],
)
def test_a_wrong_parameter_stops_the_first_cells(given, message):
    with pytest.raises(ParameterError) as caught:
        load(**given)
    assert message in str(caught.value)


BAD = {
    "missing": ({"dent": 4}, "two at least, found dent"),
    "empty": ({"dent": 4, "scratch": 0}, "scratch: no image; a class needs at least 2"),
    "alone": ({"dent": 4, "scratch": 1}, "scratch: one image only, 0.png"),
}


@pytest.mark.parametrize(("counts", "message"), BAD.values(), ids=list(BAD))
def test_folders_that_nothing_can_be_learnt_from_stop_before_any_training(counts, message, tmp_path):
    root = write_classes(tmp_path / "mine", counts)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load(
            dataset="class_folders",
            data_root=str(root),
            profile="smoke",
            runs=str(tmp_path / "runs"),
        )
    assert message in str(caught.value)
    assert not (tmp_path / "runs" / "ddpm_moco" / "models").exists()


def test_an_image_that_is_cut_off_or_of_another_size_stops_before_any_training(tmp_path):
    root = write_classes(tmp_path / "mine", {"dent": 8, "scratch": 8})
    given = {"dataset": "class_folders", "data_root": str(root), "profile": "smoke", "runs": str(tmp_path / "runs")}
    victim = root / "dent" / "3.png"
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-900])
    with pytest.raises(ValueError, match=r"3\.png"):
        load(**given)
    victim.write_bytes(whole)
    write_classes(root / "more", {"pit": 1}, size=(32, 33))
    (root / "more" / "pit" / "0.png").rename(root / "dent" / "odd.png")
    (root / "more" / "pit").rmdir()
    (root / "more").rmdir()
    with pytest.raises(ValueError, match=r"16 are 32 x 32, but .*odd\.png is 32 x 33"):
        load(**given)


def test_a_class_folder_that_is_asked_for_and_not_there_is_named(tmp_path):
    root = write_classes(tmp_path / "mine", {"dent": 8, "scratch": 8})
    with pytest.raises(FileNotFoundError, match="no folder of the class rust; class folders there: dent, scratch"):
        load(dataset="class_folders", data_root=str(root), classes=["dent", "rust"], profile="smoke",
                    runs=str(tmp_path / "runs"))  # fmt: skip
