"""Generators side by side, on images of 32 pixels and trainings of two steps."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from small_classes import tiny_classes

from defectlab.evaluation import frechet_distance, inception_score, mean_pairwise_distance, nearest_distances
from defectlab.experiments import generator_features, generators
from defectlab.experiments.equal_draws import at_side, drawn, equal_counts
from defectlab.experiments.generator_choices import SAMPLERS, comparators, learnt_from
from defectlab.experiments.generator_features import Features, inception_features
from defectlab.experiments.generator_measures import Judge, flat_pixels
from defectlab.experiments.generators import class_conditional, compare_generators, sampler_quality
from defectlab.runs import Run
from defectlab.synthesis.diffusion.classical import ClassicalSettings
from defectlab.synthesis.diffusion.ddpm import Ddpm
from defectlab.synthesis.diffusion.settings import DiffusionSettings, SamplingSettings

CLASSES = ("dent", "good")
TRAIN = tiny_classes({"dent": 3, "good": 3, "scratch": 2}, side=32)
HELD_OUT = tiny_classes({"dent": 4, "good": 4}, side=32)
MEANS = Features("means", "1", lambda dataset: dataset.images().flatten(2).mean(dim=2))
SETTINGS = replace(DiffusionSettings.smoke(), channels=(4, 8), steps=2)
SAMPLING = SamplingSettings("ddim", 2, batch_size=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def run(tmp_path):
    return Run.open(tmp_path, "ddpm_moco", {"profile": "smoke", "dataset": "tiny"})


def ddpm(folder, classes=CLASSES, sampling=SAMPLING, classical=None):
    return Ddpm(SETTINGS, sampling, folder, classes, classical=classical, device="cpu")


def all_four(folder, classical=None):
    others = comparators("smoke", folder, CLASSES, classical=classical, device="cpu")
    return {**others, "ddpm": ddpm(folder, classical=classical)}


def few_held_out(n=3, seed=0):
    """As many held-out images of each class as three of each are compared with."""
    rows = drawn([record.defect for record in HELD_OUT.records], dict.fromkeys(CLASSES, n), seed)
    return HELD_OUT.subset(indices=rows.tolist())


def test_all_generators_are_measured_by_class_and_together_and_their_rows_belong_to_the_run(folder, run):
    found = compare_generators(run, all_four(folder), TRAIN, HELD_OUT, 6, 0, MEANS)
    assert list(found.images) == ["gan", "vae", "flow", "ddpm"] and all(
        len(made) == 6 for made in found.images.values()
    )
    values = found.frame.set_index(["method", "class", "metric"])["value"].sort_index()
    features = MEANS.embed(found.images["gan"].subset(normal=False)), MEANS.embed(few_held_out().subset(normal=False))
    assert values["gan", "dent", "frechet"] == pytest.approx(frechet_distance(features[1], features[0]).distance)
    ratio = mean_pairwise_distance(features[0]) / mean_pairwise_distance(features[1])
    assert values["gan", "dent", "diversity"] == pytest.approx(ratio)
    rows = run.results().set_index(["method", "metric"])["value"]
    assert rows["gan", "frechet_dent"] == values["gan", "dent", "frechet"]
    assert rows["vae", "kernel"] == values["vae", "all", "kernel"]
    assert {"train_seconds", "draw_seconds", "parameters"} <= set(values["flow", "all"].index)
    assert "real" not in rows.index.get_level_values(0) and values["real", "all", "frechet"] >= 0
    assert not any(name.startswith(("copies", "closer")) for name in values["real", "all"].index)


def test_what_is_finished_is_not_measured_again(folder, run):
    first = compare_generators(run, all_four(folder), TRAIN, HELD_OUT, 6, 0, MEANS)

    def never(dataset):
        raise AssertionError(f"{dataset.name} was embedded again")

    again = compare_generators(run, all_four(folder), TRAIN, HELD_OUT, 6, 0, replace(MEANS, embed=never))
    pd.testing.assert_frame_equal(first.frame, again.frame)
    with pytest.raises(AssertionError, match="embedded again"):  # other features, other values
        compare_generators(run, all_four(folder), TRAIN, HELD_OUT, 6, 0, replace(MEANS, embed=never, digest="2"))


def test_what_was_learnt_from_includes_the_augmented_images(folder):
    plain, augmented = ddpm(folder), ddpm(folder, classical=ClassicalSettings())
    assert len(learnt_from(plain, TRAIN)) == 8 and len(learnt_from(augmented, TRAIN)) == 64


def test_generators_of_other_classes_are_not_compared(folder, run):
    both = {"ddpm": ddpm(folder, ("dent",)), "gan": comparators("smoke", folder, CLASSES)["gan"]}
    with pytest.raises(ValueError, match="expected the same classes and augmentation for all"):
        compare_generators(run, both, TRAIN, HELD_OUT, 4, 0, MEANS)


def test_copies_of_training_images_are_told_from_new_ones():
    judge = Judge(TRAIN, HELD_OUT, CLASSES, MEANS, 6)
    copied = judge(TRAIN)
    assert copied["closer_pixels"] >= 0.5 and copied["frechet_good"] >= 0
    found = nearest_distances(flat_pixels(HELD_OUT), flat_pixels(TRAIN), flat_pixels(HELD_OUT))
    assert judge(HELD_OUT)["closer_pixels"] == pytest.approx(found.closer_than_real) == 0.5
    with pytest.raises(ValueError, match="dent: expected at least 3 images to draw from, got 1"):
        judge(tiny_classes({"good": 3, "dent": 1}, side=32))
    with pytest.raises(ValueError, match="dent: expected at least two generated images, got 1"):
        Judge(TRAIN, HELD_OUT, CLASSES, MEANS, 3)
    with pytest.raises(ValueError, match="scratch: expected at least two held-out images, got 0"):
        Judge(TRAIN, HELD_OUT, ("dent", "scratch"), MEANS, 6)


def test_every_side_of_a_distance_has_as_many_images_of_each_class_and_so_has_the_floor():
    many = tiny_classes({"dent": 9, "good": 20}, side=32)
    judge = Judge(TRAIN, HELD_OUT, CLASSES, MEANS, 40)
    measured, floor = judge(many), judge.floor()
    assert judge.counts == {"dent": 3, "good": 3} and judge.images == 6
    for values in (measured, floor):
        assert (values["images_compared"], values["images_compared_dent"], values["features_compared"]) == (6, 3, 3)
    real = MEANS.embed(few_held_out())
    expected = frechet_distance(real, MEANS.embed(TRAIN.subset(defects=["dent"]))).distance
    assert floor["frechet"] == pytest.approx(expected)
    assert Judge(TRAIN, HELD_OUT, CLASSES, MEANS, 4, seed=0).counts == {"dent": 2, "good": 2}


def test_the_draw_is_without_replacement_and_follows_from_its_seed():
    names = ["dent"] * 30 + ["good"] * 30
    rows = drawn(names, {"good": 8, "dent": 8}, 3)
    assert len(set(rows.tolist())) == 16 and [names[i] for i in rows] == ["dent"] * 8 + ["good"] * 8
    assert rows.tolist() == drawn(names, {"dent": 8, "good": 8}, 3).tolist() != drawn(names, {"dent": 8}, 4).tolist()
    assert equal_counts(CLASSES, 7, {"real": HELD_OUT}) == {"dent": 3, "good": 3}


def test_the_floor_is_that_of_the_real_images_and_not_of_their_augmented_versions(folder):
    generator = ddpm(folder, classical=ClassicalSettings())
    real = TRAIN.subset(defects=["dent"])
    with_copies = Judge(real, HELD_OUT, CLASSES, MEANS, 6, learnt=learnt_from(generator, real))
    assert with_copies.floor() == Judge(real, HELD_OUT, CLASSES, MEANS, 6).floor()
    assert len(with_copies.originals.features) == 6 and len(with_copies.learnt.features) == 48
    augmented = learnt_from(generator, real).subset(indices=range(1, 48, 8))  # the second version of each
    alone = Judge(real, HELD_OUT, CLASSES, MEANS, 6)
    assert with_copies(augmented)["closer_pixels"] > alone(augmented)["closer_pixels"]


def test_another_inception_file_of_the_same_name_is_another_space(tmp_path, monkeypatch):
    monkeypatch.setattr(generator_features, "load_inception", lambda weights, dims: torch.nn.Identity())
    monkeypatch.setattr(torch.nn.Identity, "logits", None, raising=False)
    file, digests = tmp_path / "inception.pth", []
    for content in (b"one", b"two", b"one"):
        file.write_bytes(content)
        digests.append(inception_features(file, "cpu").digest)
    assert digests[0] == digests[2] != digests[1] and str(tmp_path) not in digests[0]
    assert inception_features(file, "cpu", 64).digest != digests[0]


def test_seconds_an_image_are_those_of_a_full_batch(folder, run, monkeypatch):
    clock = iter(range(0, 1000, 64))  # every drawing takes 64 seconds
    model = ddpm(folder).fit(TRAIN)
    assert [model.computed(n) for n in (2, 3, 8, 9, 10)] == [8, 8, 8, 12, 16]  # batches of 4, two classes
    monkeypatch.setattr(generators, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    frame = sampler_quality(run, model, HELD_OUT, MEANS, [SAMPLING], n=4)
    assert set(frame["seconds"]) == {8.0} and set(frame["images"]) == {4} and set(frame["features"]) == {3}
    found = compare_generators(run, {"ddpm": model}, TRAIN, HELD_OUT, 6, 0, MEANS).frame
    assert found[found["metric"] == "draw_seconds"]["value"].tolist() == [8.0]


def test_generators_of_two_sizes_are_judged_at_the_smaller_one(tmp_path, run):
    settings = replace(SETTINGS, size=64, attention_at=())
    large = Ddpm(settings, SAMPLING, tmp_path, CLASSES, device="cpu")
    sides = set()

    def embed(dataset):
        sides.update(dataset[i].image.shape[1:] for i in range(len(dataset)))
        return MEANS.embed(dataset)

    real = tiny_classes({"dent": 3, "good": 3}, side=64), tiny_classes({"dent": 4, "good": 4}, side=64)
    small = comparators("smoke", tmp_path, CLASSES, 32, device="cpu")["vae"]
    found = compare_generators(run, {"vae": small, "ddpm": large}, *real, 6, 0, replace(MEANS, embed=embed))
    assert sides == {(32, 32)} and found.images["ddpm"].size == (64, 64)
    assert found.frame[found.frame["metric"] == "side"]["value"].tolist() == [32, 32]
    assert at_side(real[0], 64) is real[0]


def test_pixels_are_compared_at_no_more_than_their_side():
    assert flat_pixels(tiny_classes({"dent": 2}, side=32)).shape == (2, 3 * 32 * 32)
    assert flat_pixels(tiny_classes({"dent": 2}, side=64)).shape == (2, 3 * 32 * 32)
    assert flat_pixels(tiny_classes({"dent": 2}, side=16)).shape == (2, 3 * 16 * 16)


def test_distances_are_called_fid_with_inception_alone():
    assert (MEANS.frechet, MEANS.kernel) == ("frechet", "kernel")
    assert (replace(MEANS, inception=True).frechet, replace(MEANS, inception=True).kernel) == ("fid", "kid")


def test_the_inception_score_is_told_where_the_features_have_classes():
    assert not any(name.startswith("inception") for name in Judge(TRAIN, HELD_OUT, CLASSES, MEANS, 6)(HELD_OUT))
    judge = Judge(TRAIN, HELD_OUT, CLASSES, replace(MEANS, logits=lambda features: 100 * features), 6)
    expected = inception_score(100 * MEANS.embed(few_held_out()), 3).mean
    assert judge(HELD_OUT)["inception_score"] == pytest.approx(expected)


def test_every_way_to_ask_has_seconds_and_distances(folder, run):
    model = ddpm(folder).fit(TRAIN)
    ways = [SAMPLING, replace(SAMPLING, sampler="ddpm")]
    frame = sampler_quality(run, model, HELD_OUT, MEANS, ways, n=4)
    assert list(zip(frame["sampler"], frame["steps"], frame["metric"], strict=True)) == [
        ("ddim", 2, "frechet"), ("ddim", 2, "kernel"), ("ddpm", 2, "frechet"), ("ddpm", 2, "kernel"),
    ]  # fmt: skip
    made = model.asked(ways[1]).synthesize(HELD_OUT, 4, 0)
    expected = frechet_distance(MEANS.embed(few_held_out(2)), MEANS.embed(made)).distance
    assert frame["distance"][2] == pytest.approx(expected) and (frame["seconds"] > 0).all()
    pd.testing.assert_frame_equal(frame, sampler_quality(run, model, HELD_OUT, MEANS, ways, n=4))


def test_one_model_for_all_is_compared_at_shares_of_the_same_steps(folder, run):
    frame = class_conditional(run, ddpm(folder), TRAIN, HELD_OUT, MEANS, n=4, shares=(0.5, 1.0), guidances=(1.0, 2.0))
    arms = frame.drop_duplicates(["model", "share", "guidance"])
    assert arms[["model", "share", "steps", "guidance"]].to_numpy().tolist() == [
        ["one a class", 1.0, 4, 1.0],
        ["one for all", 0.5, 2, 1.0], ["one for all", 0.5, 2, 2.0],
        ["one for all", 1.0, 4, 1.0], ["one for all", 1.0, 4, 2.0],
    ]  # fmt: skip
    assert set(frame["class"]) == {"all", *CLASSES} and (frame["train_seconds"] > 0).all()
    with pytest.raises(ValueError, match="expected one model a class"):
        class_conditional(run, Ddpm(SETTINGS, SAMPLING, folder, CLASSES, True), TRAIN, HELD_OUT, MEANS)


def test_every_profile_has_ways_that_divide_the_levels():
    for ways in SAMPLERS.values():
        assert all(way.calls(1000) <= 1000 for way in ways)


def test_models_asked_in_another_way_stay_the_same(folder):
    model = ddpm(folder).fit(TRAIN)
    other = model.asked(replace(SAMPLING, steps=4))
    assert other.models == model.models and other.fingerprint != model.fingerprint
    assert model.asked(SAMPLING).fingerprint == model.fingerprint
    with pytest.raises(ValueError, match="needs conditional=True"):
        model.asked(replace(SAMPLING, guidance=2.0))
    assert torch.equal(model.synthesize(TRAIN, 2, 0).images(), model.asked(SAMPLING).synthesize(TRAIN, 2, 0).images())
