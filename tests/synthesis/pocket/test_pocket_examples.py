"""Training examples: the layer lives in its region, nothing held out is drawn, a loader goes on where one stopped."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from defectlab.data.surfaces.defects import HELD_OUT_LOOKS
from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS
from defectlab.synthesis.pocket import examples
from defectlab.synthesis.pocket.examples import SHARES, ExampleStream, any_region, make_example
from defectlab.synthesis.pocket.network import SIDE
from defectlab.synthesis.pocket.normalise import CLIP
from defectlab.synthesis.pocket.words import DEFECTS, POLARITIES


def rng(*seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_layer_is_zero_outside_its_region_and_about_one_inside(defect):
    for i in range(8):
        example = make_example(rng(1, i), defect=defect)
        assert example.defect == DEFECTS.index(defect)
        assert all(getattr(example, name).shape == (SIDE, SIDE) for name in ("crop", "mask", "layer"))
        assert all(getattr(example, name).dtype == np.float32 for name in ("crop", "mask", "layer"))
        assert example.mask.min() >= 0 and 0.3 < example.mask.max() <= 1
        assert np.abs(example.crop).max() <= CLIP
        assert not example.layer[example.mask == 0].any()
        assert example.layer.any() == (defect != "good")
        assert np.abs(example.layer).max() <= 2.001  # its strongest tenth is about 1, its largest at most 2


def test_a_tight_mask_hugs_the_defect_and_the_layer_stays_inside_it():
    masks = [[make_example(rng(6, i), defect="crack", tight=tight) for i in range(12)] for tight in (False, True)]
    areas = np.array([[(example.mask > 0).mean() for example in row] for row in masks])
    assert (areas[1] <= areas[0] * 1.2).all() and (areas[1] < 0.6 * areas[0]).sum() >= 2
    assert not any(example.layer[example.mask == 0].any() for example in masks[1])


def test_polarity_is_told_from_the_layer():
    for i in range(20):
        example = make_example(rng(2, i), defect="crack")
        lean = example.layer.sum() / np.abs(example.layer).sum()
        assert POLARITIES[example.polarity] == ("dark" if lean < -0.4 else "bright" if lean > 0.4 else "any")
    assert make_example(rng(3), defect="good").polarity == POLARITIES.index("any")


def test_nothing_held_out_is_drawn(monkeypatch):
    materials, looks = set(), set()
    scene, change = examples.make_scene, examples.make_change

    def watch_scene(generator, height, width, material):
        materials.add(material)
        return scene(generator, height, width, material)

    def watch_change(generator, defect, region, look):
        looks.add((defect, look))
        return change(generator, defect, region, look)

    monkeypatch.setattr(examples, "make_scene", watch_scene)
    monkeypatch.setattr(examples, "make_change", watch_change)
    for i in range(100):
        make_example(rng(4, i), defect=DEFECTS[i % 7])
    assert len(materials) == 8 and not materials & set(HELD_OUT_MATERIALS)
    assert len(looks) == 12 and not looks & set(HELD_OUT_LOOKS.items())


def test_shares_are_one_a_class_and_sum_to_one():
    assert len(SHARES) == len(DEFECTS) and sum(SHARES) == pytest.approx(1)


def test_a_region_for_a_trial_depends_on_its_generator_alone():
    one, two = any_region(rng(5)), any_region(rng(5))
    np.testing.assert_array_equal(one.mask, two.mask)
    assert one.mask.shape == (SIDE, SIDE) and one.mask.any()


def marked(monkeypatch):
    """Examples that say where they come from instead of costing time."""

    def name(generator, tight):
        return [*generator.bit_generator.seed_seq.entropy, int(tight)]

    monkeypatch.setattr(examples, "make_example", name)
    monkeypatch.setattr(examples, "as_tensors", lambda entropy: {"from": torch.tensor(entropy)})


def drawn(workers, batches, done=0, tight_from=3):
    loader = iter(DataLoader(ExampleStream(7, 3, done, tight_from), batch_size=3, num_workers=workers))
    return [next(loader)["from"].tolist() for _ in range(batches)]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("done", [1, 5])
def test_a_loader_goes_on_where_one_stopped_whatever_the_number_of_workers(monkeypatch, workers, done):
    marked(monkeypatch)
    unbroken = drawn(workers, 7)
    assert unbroken[done:] == drawn(workers, 7 - done, done)
    assert len({tuple(example) for batch in unbroken for example in batch}) == 21
    assert [{example[3] for example in batch} for batch in unbroken] == [{0}] * 3 + [{1}] * 4


def test_one_worker_draws_what_the_process_itself_draws(monkeypatch):
    marked(monkeypatch)
    expected = [[[7, 0, i, 0] for i in (0, 1, 2)], [[7, 0, i, 1] for i in (3, 4, 5)]]
    assert drawn(0, 2, tight_from=1) == drawn(1, 2, tight_from=1) == expected


def test_examples_of_a_stream_are_tensors_that_batch():
    batch = next(iter(DataLoader(ExampleStream(0), batch_size=2)))
    assert batch["crop"].shape == batch["mask"].shape == batch["layer"].shape == (2, 1, SIDE, SIDE)
    assert batch["defect"].shape == batch["polarity"].shape == (2,)
