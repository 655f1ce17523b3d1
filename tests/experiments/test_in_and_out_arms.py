"""The arms of In&Out: what they share, and that a run that was killed anywhere ends as an unbroken one does."""

import pytest

from defectlab.detection.training import Training
from defectlab.experiments import closeness as module
from defectlab.experiments.arms import make_synthesizers, synthesise
from defectlab.experiments.closeness import change_rows, changes, closeness, closeness_table
from defectlab.experiments.detect import detect, make_fold
from defectlab.experiments.fidelity import STRIDES
from defectlab.experiments.splits import load_splits, real_positives
from defectlab.runs import Run
from defectlab.synthesis import fine_tuned
from defectlab.synthesis.dreambooth.training import FineTuning
from defectlab.synthesis.in_and_out import mix


@pytest.fixture
def prepare_mixed(make_mixed, tmp_path):
    """Everything up to training, in a run store by name."""

    def prepared(store="runs", **changes):
        params = make_mixed(**changes)
        splits, run = load_splits(params), Run.open(tmp_path / store, "in_and_out", params)
        makers = make_synthesizers(params, splits)
        return params, splits, makers, run

    return prepared


@pytest.fixture
def count_images(monkeypatch):
    """Counts the images that diffusion makes, and stops at one of them if asked."""
    made, stop = [], []
    generate = fine_tuned.generate

    def counted(pipeline, prompts, seeds, **options):
        if stop and len(made) == stop[0]:
            raise KeyboardInterrupt
        made.extend(seeds)
        return generate(pipeline, prompts, seeds, **options)

    monkeypatch.setattr(fine_tuned, "generate", counted)
    return made, stop


def test_in_and_out_takes_its_halves_from_the_sets_of_both_methods_and_makes_no_image(prepare_mixed, count_images):
    params, splits, makers, run = prepare_mixed(n_aug=5)
    made = synthesise(params, splits, makers, run)
    assert len(count_images[0]) == 5 + 10
    mixed, diffusion, memseg = (made[arm, 0] for arm in ("in_and_out", "ddpm", "memseg"))
    assert mixed.train.images().equal(mix(diffusion.train, memseg.train, 5).images())
    assert [item.record["method"] for item in mixed.train.items] == ["ddpm"] * 3 + ["memseg"] * 2
    assert mixed.validation.images().equal(mix(diffusion.validation, memseg.validation, 10).images())
    assert all(item.mask is None for item in diffusion.train.items)


def test_a_shared_folder_serves_all_counts_and_regimes_apart(prepare_mixed, count_images, tmp_path):
    made, _ = count_images
    for n, expected in ((6, 6 + 10), (4, 0), (8, 2)):
        params, splits, makers, run = prepare_mixed(n_aug=n)
        synthesise(params, splits, makers, run, tmp_path / "shared")
        assert len(made) == expected
        made.clear()
    params, splits, makers, run = prepare_mixed(n_aug=4, regime="few_shot")
    synthesise(params, splits, makers, run, tmp_path / "shared")
    assert len(made) == 4 + 10
    names = [path.name.partition("-")[0] for path in sorted((tmp_path / "shared").iterdir())]
    assert names == ["ddpm", "ddpm", "fine", "memseg"]


def test_in_and_out_alone_makes_only_the_halves(prepare_mixed, count_images):
    params, splits, makers, run = prepare_mixed(methods=["in_and_out"], n_aug=6)
    assert set(synthesise(params, splits, makers, run)) == {("in_and_out", 0)} and len(count_images[0]) == 3 + 5


@pytest.mark.parametrize("regime", ["zero_shot", "few_shot", "full_shot"])
def test_every_regime_trains_on_its_positives_and_exactly_n_aug_images(prepare_mixed, regime):
    params, splits, makers, run = prepare_mixed(regime=regime)
    made = synthesise(params, splits, makers, run)
    real = len(real_positives(splits, params, 0))
    for arm in params.arms:
        fold = make_fold(params, splits, made, arm, 0)
        assert fold.train.labels.sum() == real + (0 if arm == "none" else 4)
        assert len(fold.validation.subset(normal=False)) == (
            len(splits.validation.subset(normal=False)) if regime == "full_shot" else 10
        )


def killed_once(monkeypatch, owner, name, when):
    """The method raises at one call, as a kill would end it."""
    calls = []
    original = getattr(owner, name)

    def counted(self, *arguments):
        calls.append(name)
        if len(calls) == when:
            raise KeyboardInterrupt
        return original(self, *arguments)

    monkeypatch.setattr(owner, name, counted)


def results_of(prepare_mixed, store):
    params, splits, makers, run = prepare_mixed(store, fine_tune_steps=4, n_aug=3, epochs=2, methods=["in_and_out"])
    made = synthesise(params, splits, makers, run)
    rows = detect(params, splits, made, run)
    return made["in_and_out", 0].train.images(), rows.set_index(["method", "seed", "metric"])["value"]


def test_a_run_killed_in_fine_tuning_synthesis_and_training_ends_as_an_unbroken_one(
    prepare_mixed, count_images, monkeypatch
):
    unbroken = results_of(prepare_mixed, "unbroken")
    for owner, name, when in ((FineTuning, "_train_step", 4), (Training, "_epoch", 2)):
        with monkeypatch.context() as patch:
            killed_once(patch, owner, name, when)
            with pytest.raises(KeyboardInterrupt):
                results_of(prepare_mixed, "broken")
        if owner is FineTuning:
            made, stop = count_images
            made.clear()
            stop.append(1)
            with pytest.raises(KeyboardInterrupt):
                results_of(prepare_mixed, "broken")
            stop.clear()
    images, values = results_of(prepare_mixed, "broken")
    assert images.equal(unbroken[0])
    assert values.equals(unbroken[1])


def test_what_fine_tuning_changed_is_shown_with_the_same_words_and_noise(prepare_mixed):
    params, splits, makers, run = prepare_mixed(n_aug=6, fine_tune_steps=4)
    found = changes(params, splits, makers, run)[0]
    assert len(found.before) == len(found.after) == 3 and len(found.learnt) == params.n_negatives
    for without, given in zip(found.before.items, found.after.items, strict=True):
        assert all(without.record[name] == given.record[name] for name in ("prompt", "noise_seed", "generated"))
    assert not found.before.images().equal(found.after.images())
    assert not found.reference.labels.any()
    made = synthesise(params, splits, makers, run)["ddpm", 0].train
    assert found.after.images().equal(made.images()[:3])
    assert [row.title for row in change_rows({0: found}, n=2)] == ["Real, held out", "Before", "After"]


def test_with_positives_the_reference_is_held_out_positives(prepare_mixed):
    params, splits, makers, run = prepare_mixed(regime="full_shot")
    found = changes(params, splits, makers, run)[0]
    assert found.reference.labels.all() and not {r.id for r in found.reference.records} & {
        r.id for r in found.learnt.records
    }


def test_closeness_has_a_line_for_each_side_and_is_measured_once(prepare_mixed, monkeypatch):
    params, splits, makers, run = prepare_mixed(n_aug=6)
    found = changes(params, splits, makers, run)
    table = closeness(params, found, run)
    assert [name.partition(" (")[0] for name in table["images"]] == list(found[0].named())
    assert (table[[f"stride {stride}" for stride in STRIDES]] >= 0).all().all()
    monkeypatch.setattr(module, "_distances", None)
    assert closeness(params, found, run).equals(table)
    assert "held-out normal images on none features" in str(closeness_table(params, found, run))


def test_without_a_fine_tuned_method_there_is_nothing_to_compare(prepare_mixed):
    params, splits, makers, run = prepare_mixed(methods=["memseg"])
    found = changes(params, splits, makers, run)
    assert found == {} and closeness(params, found, run).empty and closeness_table(params, found, run).frame.empty
