"""Masks made thinner or thicker."""

from __future__ import annotations

import numpy as np
import pytest

from defectlab.synthesis.masks import DrawnMask, PerlinMasks
from defectlab.synthesis.morphology import MorphedMasks, dilate, erode


def square(low: int, high: int, side: int = 9) -> np.ndarray:
    mask = np.zeros((side, side), bool)
    mask[low:high, low:high] = True
    return mask


def test_a_square_of_five_erodes_to_three_and_a_pixel_dilates_to_a_cross():
    np.testing.assert_array_equal(erode(square(2, 7), 1), square(3, 6))
    assert dilate(square(4, 5), 1).sum() == 5
    np.testing.assert_array_equal(erode(square(0, 9), 3), square(0, 9))  # the border of the image is no rim


def test_erosion_and_dilation_are_dual():
    mask = PerlinMasks().draw(np.random.default_rng(0), 48, 48)[0]
    np.testing.assert_array_equal(erode(mask, 2), ~dilate(~mask, 2))
    assert not (erode(mask, 2) & ~mask).any() and not (mask & ~dilate(mask, 2)).any()


def test_a_mask_that_erosion_leaves_nothing_of_stays_and_says_so():
    source = DrawnMask(square(4, 6))
    mask, name = MorphedMasks(source, "erode", 1).draw(np.random.default_rng(0), 9, 9)
    assert mask.sum() == 4 and name == "drawn:kept"


def test_masks_are_drawn_by_the_generator_alone_and_never_empty():
    source = MorphedMasks(PerlinMasks())
    for seed in range(5):
        one, two = (source.draw(np.random.default_rng(seed), 32, 40) for _ in range(2))
        np.testing.assert_array_equal(one[0], two[0])
        assert one[1] == two[1] and one[0].any() and one[0].shape == (32, 40)
    assert source.note == PerlinMasks.note


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="unknown operation 'erod'; did you mean 'erode'"):
        MorphedMasks(PerlinMasks(), "erod")
    with pytest.raises(ValueError, match="radius must be at least 1 pixel, got 0"):
        MorphedMasks(PerlinMasks(), radius=0)
