import shutil

import pytest
from small_data import write_folder
from tiny_pocket import write_tiny_pocket

from defectlab.experiments.arms import choose_masks, make_synthesizers, synthesise
from defectlab.experiments.splits import load_splits
from defectlab.synthesis.diag import Diag, DiagSettings
from defectlab.synthesis.masks import LineMasks, RealMasks
from defectlab.synthesis.memseg import MemSeg


def test_every_arm_and_seed_has_exactly_the_images_asked_for(prepare):
    _, splits, synthetics, _ = prepare(n_aug=3, seeds=[0, 4])
    assert set(synthetics) == {(arm, seed) for arm in ("memseg", "diag") for seed in (0, 4)}
    for made in synthetics.values():
        assert len(made.train) == 3 and len(made.validation) == 10
        assert made.train.labels.all() and made.validation.labels.all()
        assert made.train.size == made.validation.size == splits.train.size == (64, 32)


def test_validation_has_a_fifth_of_the_images_where_that_is_more_than_ten(prepare):
    assert len(prepare(n_aug=60)[2]["memseg", 0].validation) == 12


def test_training_images_come_from_training_normals_and_validation_images_from_held_out_ones(prepare):
    _, splits, synthetics, _ = prepare(n_aug=12)
    training = {record.id for record in splits.normals.records}
    held_out = {record.id for record in splits.validation.subset(defective=False).records}
    for made in synthetics.values():
        assert {item.record["source"] for item in made.train.items} <= training
        assert {item.record["source"] for item in made.validation.items} <= held_out


def test_no_two_sets_share_their_draws(prepare):
    _, _, synthetics, _ = prepare(n_aug=10, seeds=[0, 1])
    noise = [
        item.record["noise_seed"] for (arm, _), made in synthetics.items() if arm == "diag" for item in made.train.items
    ]
    noise += [item.record["noise_seed"] for item in synthetics["diag", 0].validation.items]
    assert len(set(noise)) == len(noise)


def test_a_second_call_reads_what_is_stored_and_makes_nothing(prepare, painter):
    first, second = painter(), painter()
    before, after = prepare(first)[2]["diag", 0], prepare(second)[2]["diag", 0]
    assert first.painted == 13 and second.painted == 0
    assert before.train.images().equal(after.train.images())


def test_a_set_that_was_killed_on_its_way_is_finished_with_the_same_images(prepare, painter, tmp_path):
    pipeline = painter()
    before = prepare(pipeline, n_aug=4)[2]["diag", 0].train
    folder = next((tmp_path / "runs").rglob("diag-first")) / "seed-0"
    for name in ("images/000002.png", "images/000003.png"):
        (folder / name).unlink()
    shutil.rmtree(folder.parent / "seed-0-validation")
    resumed = painter()
    after = prepare(resumed, n_aug=4)[2]["diag", 0].train
    assert resumed.painted == 2 + 10
    assert before.images().equal(after.images())


def test_another_revision_of_the_model_has_a_folder_of_its_own(prepare, painter, tmp_path):
    prepare(painter("first"))
    other = painter("second")
    prepare(other)
    assert other.painted == 13
    names = sorted(path.name for path in next((tmp_path / "runs").rglob("synthetic")).iterdir())
    assert names == ["diag-first", "diag-second", "memseg"]


def test_masks_are_those_of_the_real_training_positives_or_by_rule(make_params):
    params = make_params()
    splits = load_splits(params)
    assert isinstance(choose_masks(params, splits), RealMasks)
    assert isinstance(choose_masks(make_params(masks="lines"), splits), LineMasks)
    with pytest.raises(ValueError, match="unknown mask source 'liens'.*lines"):
        choose_masks(make_params(masks="liens"), splits)


def test_real_masks_that_nobody_drew_are_asked_for_before_any_work(make_params, tmp_path):
    params = make_params(data_root=str(write_folder(tmp_path, masks=False)))
    with pytest.raises(ValueError, match="found none; give masks with the images, .* or regions by rule: 'lines'"):
        choose_masks(params, load_splits(params))


@pytest.fixture(scope="module")
def pocket(tmp_path_factory):
    return write_tiny_pocket(tmp_path_factory.mktemp("models") / "untrained")


def test_a_folder_of_pocket_takes_the_settings_of_pocket(make_params, open_run, pocket):
    params = make_params(generator=str(pocket), steps=2, guidance_scale=1.5, n_aug=2)
    splits = load_splits(params)
    synthesizers = make_synthesizers(params, choose_masks(params, splits))
    assert list(synthesizers) == ["memseg", "diag"] and isinstance(synthesizers["memseg"], MemSeg)
    diag = synthesizers["diag"]
    assert isinstance(diag, Diag)
    wanted = DiagSettings.pocket(prompts=params.descriptions, num_inference_steps=2, guidance_scale=1.5)
    assert diag.settings == wanted
    made = synthesise(params, splits, synthesizers, open_run(params))["diag", 0].train
    assert len(made) == 2 and {item.record["model"] for item in made.items} == {"untrained"}


def test_another_generator_takes_the_settings_of_the_paper(make_params, monkeypatch, painter):
    monkeypatch.setattr("defectlab.experiments.arms.load_inpainting", lambda name, device: painter())
    params = make_params(generator="owner/model", canvas=64, profile="laptop")
    settings = make_synthesizers(params, LineMasks())["diag"].settings
    assert settings == DiagSettings(canvas=64)
