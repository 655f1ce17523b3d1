from dataclasses import replace

import pytest
import torch
from small_classes import tiny_classes

from defectlab.detection.moco import MoCoTrainer
from defectlab.detection.moco.keeping import read_backbone
from defectlab.detection.moco.settings import smoke
from defectlab.experiments.contrast import Contrast, contrast, contrast_all, method_name, report_of
from defectlab.experiments.held_images import HeldImages
from defectlab.runs import Run

COUNTS = {"dent": 8, "good": 8, "scratch": 8}
SETTINGS = smoke(backbone="test_resnet", size=16, batch_size=4, queue=8, epochs=1)


@pytest.fixture(scope="module")
def held():
    return HeldImages(tiny_classes(COUNTS), 16)


@pytest.fixture
def run(tmp_path):
    return Run.open(tmp_path, "tiny", {"profile": "smoke", "dataset": "tiny"})


def job_of(held, kind="improved", **changes):
    return replace(Contrast(kind, SETTINGS, 0, held, held, "test_resnet/shuffled/plain/real"), **changes)


def test_held_images_are_those_of_the_data_set_without_masks(held):
    source = tiny_classes(COUNTS)
    assert torch.equal(held[9].image, (source[9].image * 255).round() / 255) and held[9].mask is None
    assert [r.defect for r in held.records] == [r.defect for r in source.records]
    part = held.subset(indices=[2, 20])
    assert torch.equal(part.pixels, held.pixels[[2, 20]]) and torch.equal(part[1].image, held[20].image)


def test_a_digest_changes_with_a_pixel_or_a_class(held):
    assert held.digest == HeldImages(tiny_classes(COUNTS), 16).digest
    assert held.subset(indices=[0, 1]).digest != held.subset(indices=[1, 2]).digest
    renamed = HeldImages(tiny_classes({"pit": 8, "good": 8, "scratch": 8}), 16)
    assert torch.equal(renamed.pixels, held.pixels) and renamed.digest != held.digest


def test_names_of_methods_say_loss_and_data():
    assert method_name("improved") == "moco_improved" and method_name("untrained") == "untrained"
    assert method_name("original", "original") == "moco_original_original_data"


def test_a_job_stores_rows_of_each_class_and_of_the_collapse(held, run):
    assert contrast(job_of(held, also=("test_resnet/single_class/plain/real",)), run, "cpu")
    rows = run.results()
    assert set(rows["regime"]) == {"test_resnet/shuffled/plain/real", "test_resnet/single_class/plain/real"}
    own = rows[rows["regime"] == "test_resnet/shuffled/plain/real"].set_index("metric")["value"]
    classes = ["ap_step_dent", "ap_step_good", "ap_step_scratch"]
    assert {*classes, "map_step", "accuracy", "mean_norm", "effective_rank"} <= set(own.index)
    assert own["map_step"] == pytest.approx(own[classes].mean())
    assert set(rows["method"]) == {"moco_improved"}


def test_a_finished_job_is_not_done_again_and_other_images_do_it_again(held, run):
    job = job_of(held)
    assert contrast(job, run, "cpu") and not contrast(job, run, "cpu")
    assert not list(run.folder("checkpoints").iterdir())
    assert not (run.path / "encoders").exists()  # this one is not to be kept
    assert contrast(replace(job, test=held.subset(indices=range(1, 24))), run, "cpu")


def test_the_stored_scores_give_the_report_back(held, run):
    job = job_of(held, "untrained")
    contrast(job, run, "cpu")
    report = report_of(run.read_table(f"scores-{job.name}"))
    rows = run.results().set_index("metric")["value"]
    assert report.mean_average_precision == pytest.approx(rows["map_step"]) and "mean_norm" in rows
    assert report.confusion.to_numpy().sum() == 24


def test_the_supervised_baseline_has_no_embeddings_to_collapse(held, run):
    contrast(job_of(held, "supervised", keep=True), run, "cpu")
    assert [path.name for path in (run.path / "encoders").iterdir()] == [job_of(held, "supervised").name]
    assert set(run.results()["method"]) == {"supervised"} and "mean_norm" not in set(run.results()["metric"])


def test_the_history_has_the_collapse_by_epoch(held, run):
    job = job_of(held, "original", settings=SETTINGS.but(epochs=2))
    contrast(job, run, "cpu")
    history = run.read_table(f"history-{job.name}")
    assert list(history["epoch"]) == [0, 1, 2] and {"mean_norm", "uniformity", "alignment", "method"} <= set(history)
    rows = run.results().set_index("metric")["value"]
    for metric in ("mean_norm", "features_mean_norm", "features_effective_rank"):
        assert rows[metric] == history[metric].iloc[-1]


def test_a_pretraining_outlives_a_probe_that_fails(held, run, monkeypatch):
    job = job_of(held, keep=True)
    with monkeypatch.context() as patched:
        patched.setattr("defectlab.experiments.contrast.probe", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            contrast(job, run, "cpu")
    (folder,) = run.folder("checkpoints").iterdir()
    assert (folder / "checkpoint.pt").is_file()
    with monkeypatch.context() as patched:
        patched.setattr(MoCoTrainer, "_epoch", lambda *_: 1 / 0)  # trained it is already
        assert contrast(job, run, "cpu")
    assert not list(run.folder("checkpoints").iterdir())
    assert read_backbone(run.path / "encoders" / job.name).head[-1].out_features == 16


def test_the_head_of_a_job_is_part_of_what_it_depends_on(held, run):
    linear, mlp = (job_of(held, "untrained", head=head) for head in ("linear", "mlp"))
    contrast(linear, run, "cpu")
    scores = run.read_table(f"scores-{linear.name}")
    assert linear.inputs != mlp.inputs and contrast(mlp, run, "cpu")
    assert not scores.equals(run.read_table(f"scores-{mlp.name}"))


def test_all_jobs_say_how_far_they_are(held, run, caplog):
    with caplog.at_level("INFO", "defectlab"):
        contrast_all([job_of(held, "untrained")], run, "cpu")
    said = caplog.records[-1].getMessage()
    assert said.startswith("encoders: training 1 of 1, untrained, test_resnet/shuffled/plain/real, seed 0, took")
