"""Examples: what is held out is never seen, batches depend on seed and place alone, defects where they are said."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from defectlab.data.surfaces import materials as surfaces
from defectlab.data.surfaces.defects import HELD_OUT_LOOKS
from defectlab.data.surfaces.materials import HELD_OUT_MATERIALS
from defectlab.synthesis.pocket_sd.examples import SHARES, SQUARE, TALL, BatchStream, as_input, make_example


@pytest.fixture(scope="module")
def examples():
    rng = np.random.default_rng(0)
    return [make_example(rng, 64, 48, empty=0.1) for _ in range(400)]


def test_no_held_out_material_and_no_held_out_look_is_ever_drawn(examples):
    assert not {example.facts.material for example in examples} & set(HELD_OUT_MATERIALS)
    assert not {(example.facts.defect, example.look) for example in examples} & set(HELD_OUT_LOOKS.items())
    assert len({example.facts.material for example in examples}) == 8
    assert {example.facts.defect for example in examples} == set(SHARES)


def test_the_renderers_of_held_out_materials_are_never_called(monkeypatch):
    def refuse(*args):
        raise AssertionError("a held-out material was drawn")

    for name in HELD_OUT_MATERIALS:
        monkeypatch.setitem(surfaces.MATERIALS, name, refuse)
    rng = np.random.default_rng(1)
    for _ in range(60):
        make_example(rng, 48, 48)


def test_shares_are_as_stated(examples):
    good = np.mean([example.facts.defect == "good" for example in examples])
    empty = np.mean([example.caption == "" for example in examples])
    assert good == pytest.approx(SHARES["good"], abs=0.08) and empty == pytest.approx(0.1, abs=0.05)
    assert sum(SHARES.values()) == pytest.approx(1)


def test_images_are_eight_bit_and_of_the_asked_size(examples):
    for example in examples[:20]:
        assert example.image.dtype == np.uint8 and example.image.shape == (64, 48, 3)
        assert example.mask.shape == (64, 48) and example.mask.any() == (example.facts.defect != "good")
        assert np.dot(example.facts.tint, (0.299, 0.587, 0.114)) == pytest.approx(1)


def test_a_batch_has_one_shape_and_both_shapes_come():
    batches = [BatchStream(3, 2).draw(k) for k in range(12)]
    shapes = {tuple(images.shape) for images, _, _ in batches}
    assert shapes == {(2, 3, *SQUARE), (2, 3, *TALL)}
    assert all(images.dtype == torch.uint8 and len(captions) == 2 for images, _, captions in batches)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_stream_goes_on_where_it_stopped_whatever_the_workers(workers):
    whole = list(islice(DataLoader(BatchStream(7, 2), batch_size=None, num_workers=workers), 5))
    rest = list(islice(BatchStream(7, 2, start=2), 3))
    for (one, mask, said), (two, mask_too, said_too) in zip(whole[2:], rest, strict=True):
        assert torch.equal(one, two) and torch.equal(mask, mask_too) and list(said) == said_too


def test_other_seeds_give_other_images():
    assert not torch.equal(*(BatchStream(seed, 1).draw(0)[0] for seed in (0, 4)))


def test_inputs_span_minus_one_to_one():
    assert as_input(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]
