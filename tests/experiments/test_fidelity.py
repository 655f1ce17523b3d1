from types import SimpleNamespace

import pytest
import torch
from small_data import write_folder

from defectlab.detection.backbones import BackboneSpec, create
from defectlab.detection.embedding import embed
from defectlab.evaluation import frechet_distance
from defectlab.experiments import fidelity as module
from defectlab.experiments.arms import make_synthesizers, synthesise
from defectlab.experiments.detect import classifier_config
from defectlab.experiments.fidelity import fidelity
from defectlab.experiments.splits import load_splits
from defectlab.runs import Run


def test_without_inception_nothing_is_called_fid(prepare):
    setting = prepare()
    rows = fidelity(*setting)
    names = {f"{kind}_none_stride{stride}" for kind in ("frechet", "kernel") for stride in (4, 8)}
    assert set(rows["metric"]) == names and set(rows["method"]) == {"memseg", "diag"}
    assert not any("fid" in name or "inception" in name for name in names)


def test_the_distance_is_between_all_real_training_positives_and_one_arm(prepare):
    params, splits, synthetics, run = prepare()
    rows = fidelity(params, splits, synthetics, run).set_index(["method", "metric"])["value"]
    config = classifier_config(params, 0)
    ours = [embed(part, config, 4, "cpu") for part in (splits.positives, synthetics["diag", 0].train)]
    assert rows["diag", "frechet_none_stride4"] == pytest.approx(frechet_distance(*ours).distance)


def test_features_from_a_file_give_the_distance_the_name_of_the_file(prepare, tmp_path):
    torch.save(create(BackboneSpec("test_resnet"), 3).state_dict(), tmp_path / "mine.pth")
    rows = fidelity(*prepare(weights=str(tmp_path / "mine.pth")))
    assert {name.split("_")[1] for name in rows["metric"]} == {"mine"}


def test_with_inception_it_is_fid_at_the_papers_two_layers(prepare, monkeypatch):
    asked = []

    def stand_in(real, fake, weights, device):
        asked.append((real.dtype, tuple(real.shape[1:]), weights))
        return [SimpleNamespace(frechet=SimpleNamespace(dim=dim, distance=float(dim))) for dim in (64, 192)]

    monkeypatch.setattr(module, "fid", stand_in)
    rows = fidelity(*prepare(inception="inception.pth"))
    assert dict(zip(rows["metric"], rows["value"], strict=True)) == {
        "fid_64": 64,
        "fid_192": 192,
    }
    assert asked == [(torch.uint8, (3, 64, 32), "inception.pth")] * 2


def test_real_images_are_embedded_once_for_all_arms_and_seeds(prepare, monkeypatch):
    embedded = []

    def counted(dataset, config, stride, device):
        embedded.append((dataset.name, stride))
        return embed(dataset, config, stride, device)

    monkeypatch.setattr(module, "embed", counted)
    fidelity(*prepare(seeds=[0, 1]))
    assert [embedded.count(("folder", stride)) for stride in (4, 8)] == [1, 1]
    assert len(embedded) == 2 + 2 * 4


def test_training_without_augmentation_has_no_distance(prepare):
    rows = fidelity(*prepare(regime="few_shot", n_shot=2))
    assert set(rows["method"]) == {"memseg", "diag"}


def test_a_second_call_measures_nothing(prepare, monkeypatch):
    setting = prepare()
    first = fidelity(*setting)
    monkeypatch.setattr(module, "_backbone", None)
    assert fidelity(*setting).equals(first)


def test_without_real_positives_there_is_no_distance(make_params, tmp_path):
    write_folder(tmp_path / "mine" / "train", 8, 0)
    write_folder(tmp_path / "mine" / "test", 4, 4)
    params = make_params(data_root=str(tmp_path / "mine"))
    splits, run = load_splits(params), Run.open(tmp_path / "runs", "diag", params)
    makers = {"memseg": make_synthesizers(make_params(masks="lines"), splits)["memseg"]}
    synthetics = synthesise(params, splits, makers, run)
    assert fidelity(params, splits, synthetics, run).empty
