"""Triplets: drawn for each image by itself, in the order of the paper or at random."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.synthesis.triplets import draw_triplet, noise_seed, prompt_of

PROMPTS = ("white marks on the wall", "copper metal scratches")


def normals(n: int = 7, size: tuple[int, int] = (12, 8)) -> MappedDataset:
    def read(record: Record) -> Sample:
        return Sample(torch.full((3, *size), int(record.id) / 255), torch.zeros((1, *size), dtype=torch.bool), 0)

    return MappedDataset(read, "plain", "train", [Record(id=str(i), label=0) for i in range(n)], size)


class Spots:
    """One pixel at a random place; draws a varying number of random values."""

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
        place = rng.integers(height * width, size=int(rng.integers(1, 4)))[-1]
        mask = np.zeros(height * width, bool)
        mask[place] = True
        return mask.reshape(height, width), f"spot {place}"


class Nothing:
    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
        return np.zeros(self.shape, bool), "nothing"


def draw(index: int, n: int = 10, seed: int = 0, order: str = "paper", masks=None, prompts=PROMPTS):
    return draw_triplet(normals(), masks or Spots(), prompts, index, n, seed, order)


def key(triplet):
    return triplet.source, triplet.mask_id, triplet.prompt, triplet.noise_seed


def test_a_triplet_is_a_function_of_seed_and_index():
    assert key(draw(3)) == key(draw(3)) != key(draw(3, seed=1))
    assert len({key(draw(i, n=20)) for i in range(20)}) == 20


def test_the_image_is_the_normal_one_named():
    triplet = draw(4)
    assert (triplet.image == int(triplet.source)).all()
    assert triplet.image.dtype == np.uint8 and triplet.image.shape == (12, 8, 3)
    assert triplet.mask.sum() == 1 and triplet.mask_id == f"spot {triplet.mask.argmax()}"


def test_all_normals_and_both_prompts_are_drawn():
    drawn = [draw(i, order="random") for i in range(120)]
    assert {triplet.source for triplet in drawn} == {str(i) for i in range(7)}
    assert 40 < sum(triplet.prompt == PROMPTS[0] for triplet in drawn) < 80


@pytest.mark.parametrize(("n", "first"), [(80, 40), (100, 50), (5, 3), (1, 1)])
def test_the_order_of_the_paper_is_half_and_half(n, first):
    rng = np.random.default_rng(0)
    prompts = [prompt_of(PROMPTS, i, n, "paper", rng) for i in range(n)]
    assert prompts == [PROMPTS[0]] * first + [PROMPTS[1]] * (n - first)


def test_pair_41_changes_its_prompt_with_the_size_of_the_set_and_keeps_image_mask_and_noise():
    of_80, of_100 = draw(40, n=80), draw(40, n=100)
    assert (of_80.prompt, of_100.prompt) == (PROMPTS[1], PROMPTS[0])
    assert key(of_80)[:2] == key(of_100)[:2] and of_80.noise_seed == of_100.noise_seed
    assert draw(40, n=80, order="random").prompt == draw(40, n=100, order="random").prompt


def test_order_and_number_of_prompts_leave_image_and_mask_alone():
    assert key(draw(3))[:2] == key(draw(3, order="random"))[:2] == key(draw(3, prompts=("a", "b", "c")))[:2]


def test_noise_seeds_are_distinct_and_fit_a_torch_generator():
    seeds = {noise_seed(seed, index) for seed in range(20) for index in range(50)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)
    torch.Generator().manual_seed(max(seeds))


def test_an_empty_or_misshapen_mask_and_an_unknown_order_are_errors():
    with pytest.raises(ValueError, match="image 2: expected a defect in .*, got an empty mask"):
        draw(2, masks=Nothing((12, 8)))
    with pytest.raises(ValueError, match=r"got a mask of \(8, 12\)"):
        draw(2, masks=Nothing((8, 12)))
    with pytest.raises(ValueError, match="did you mean 'paper'"):
        draw(0, order="papers")
