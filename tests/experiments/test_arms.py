import shutil

import pytest
from small_data import write_folder
from tiny_pocket import write_tiny_pocket

from defectlab.experiments.arms import choose_masks, make_synthesizers, synthesise
from defectlab.experiments.splits import load_splits, real_positives
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
    folder = next((tmp_path / "runs").rglob("diag-first")) / "seed-0-of-4"
    for name in ("images/000002.png", "images/000003.png"):
        (folder / name).unlink()
    shutil.rmtree(folder.parent / "seed-0-of-10-validation")
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
    masks = choose_masks(params, splits, 0)
    assert isinstance(masks, RealMasks) and masks.ids == [record.id for record in splits.positives.records]
    assert isinstance(choose_masks(make_params(masks="lines"), splits, 0), LineMasks)
    with pytest.raises(ValueError, match="unknown mask source 'liens'.*lines"):
        choose_masks(make_params(masks="liens"), splits, 0)


def test_few_shot_paints_in_masks_of_the_n_shot_of_the_seed_and_in_no_others(prepare):
    params, splits, synthetics, _ = prepare(regime="few_shot", n_shot=2, n_aug=30, seeds=[0, 1])
    used = {}
    for seed in params.seeds:
        known = {record.id for record in real_positives(splits, params, seed).records}
        made = synthetics["diag", seed]
        used[seed] = {item.record["mask_id"] for part in (made.train, made.validation) for item in part.items}
        assert used[seed] == known and len(known) == 2
    assert used[0] != used[1]


def test_few_shot_has_folders_apart_from_regimes_that_know_more_masks(prepare, tmp_path):
    prepare(regime="few_shot", n_shot=2)
    names = sorted(path.name for path in next((tmp_path / "runs").rglob("synthetic")).iterdir())
    assert names == ["diag-first-2_shot", "memseg"]


def test_without_augmentation_few_shot_gets_images_of_memseg_for_its_threshold_and_none_to_train_on(prepare):
    _, _, synthetics, _ = prepare(regime="few_shot", n_shot=2)
    bare, memseg = synthetics["none", 0], synthetics["memseg", 0]
    assert len(bare.train) == 0 and bare.validation.images().equal(memseg.validation.images())
    for regime in ("zero_shot", "full_shot"):
        assert ("none", 0) not in prepare(regime=regime)[2]


def test_real_masks_that_nobody_drew_are_asked_for_before_any_work(make_params, tmp_path):
    params = make_params(data_root=str(write_folder(tmp_path, masks=False)))
    with pytest.raises(ValueError, match="found none; give masks with the images, .* or regions by rule: 'lines'"):
        make_synthesizers(params, load_splits(params))


def test_a_folder_that_runs_share_serves_all_counts(make_params, open_run, monkeypatch, painter, tmp_path):
    pipeline = painter()
    monkeypatch.setattr("defectlab.experiments.arms.load_inpainting", lambda name, device: pipeline)
    sets = {}
    for n in (6, 4):
        params = make_params(n_aug=n, prompts=["a crack"])
        splits = load_splits(params)
        makers = make_synthesizers(params, splits)
        sets[n] = synthesise(params, splits, makers, open_run(params), tmp_path / "shared")
    assert pipeline.painted == 6 + 10  # one prompt: the first four of six, and the same ten for the threshold
    for arm in ("memseg", "diag"):
        assert sets[4][arm, 0].train.images().equal(sets[6][arm, 0].train.images()[:4])
    assert not list((tmp_path / "runs").rglob("synthetic"))


def test_prompts_in_the_papers_order_need_a_set_for_each_count(prepare, painter, tmp_path):
    prepare(painter(), n_aug=6)
    assert next((tmp_path / "runs").rglob("diag-first/seed-0-of-6")).is_dir()


@pytest.fixture(scope="module")
def pocket(tmp_path_factory):
    return write_tiny_pocket(tmp_path_factory.mktemp("models") / "untrained")


def test_a_folder_of_pocket_takes_the_settings_of_pocket(make_params, open_run, pocket, tmp_path):
    params = make_params(generator=str(pocket), steps=2, guidance_scale=1.5, n_aug=2)
    splits = load_splits(params)
    makers = make_synthesizers(params, splits)
    assert list(makers) == ["memseg", "diag"]
    diag = makers["diag"](0, tmp_path).synthesizer
    assert isinstance(diag, Diag) and isinstance(makers["memseg"](0, tmp_path).synthesizer, MemSeg)
    wanted = DiagSettings.pocket(prompts=params.descriptions, num_inference_steps=2, guidance_scale=1.5)
    assert diag.settings == wanted
    made = synthesise(params, splits, makers, open_run(params))["diag", 0].train
    assert len(made) == 2 and {item.record["model"] for item in made.items} == {"untrained"}


def test_another_generator_takes_the_settings_of_the_paper(make_params, monkeypatch, painter, tmp_path):
    monkeypatch.setattr("defectlab.experiments.arms.load_inpainting", lambda name, device: painter())
    params = make_params(generator="owner/model", canvas=64, profile="laptop")
    makers = make_synthesizers(params, load_splits(params))
    assert makers["diag"](0, tmp_path).synthesizer.settings == DiagSettings(canvas=64)
