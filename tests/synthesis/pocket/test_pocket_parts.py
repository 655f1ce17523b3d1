"""Haar transform, words, normalisation, scales, and crops, each by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from defectlab.synthesis.pocket.crops import LEAST_SIDE, Crop, cut, put_back
from defectlab.synthesis.pocket.haar import CHANNELS, haar, inverse_haar
from defectlab.synthesis.pocket.network import SIDE, WordEncoder, make_unet, parameter_count
from defectlab.synthesis.pocket.normalise import CLIP, UNIT, Normalised, normalise
from defectlab.synthesis.pocket.scales import Scales
from defectlab.synthesis.pocket.words import (
    DEFECT_WORDS,
    DEFECTS,
    SEVERITY_WORDS,
    Meaning,
    UnknownPromptError,
    understand,
)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_haar_is_invertible_and_keeps_the_sum_of_squares(levels):
    x = noise(2, 3, 16, 24)
    z = haar(x, levels)
    assert z.shape == (2, 3 * 4**levels, 16 // 2**levels, 24 // 2**levels)
    torch.testing.assert_close(inverse_haar(z, levels), x)
    torch.testing.assert_close(z.square().sum(), x.square().sum())


def test_haar_is_an_orthonormal_matrix():
    basis = haar(torch.eye(16).view(16, 1, 4, 4)).reshape(16, 16)
    torch.testing.assert_close(basis @ basis.T, torch.eye(16))


def test_the_first_band_is_four_times_the_mean_of_a_block_and_the_rest_of_a_flat_image_is_zero():
    z = haar(torch.full((1, 1, 8, 8), 0.25))
    assert z.shape == (1, CHANNELS, 2, 2)
    torch.testing.assert_close(z[0, 0], torch.ones(2, 2))
    assert not z[0, 1:].any()


def test_one_level_by_hand():
    z = haar(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), levels=1)
    assert z.flatten().tolist() == [5.0, -1.0, -2.0, 0.0]


def test_the_two_prompts_of_the_paper_are_understood():
    assert understand("white marks on the wall") == Meaning("scratch", "bright")
    assert understand("copper metal scratches") == Meaning("scratch")


@pytest.mark.parametrize(
    ("prompt", "meaning"),
    [
        ("A DEEP, dark Crack!", Meaning("crack", "dark", SEVERITY_WORDS["deep"])),
        ("faint rust on painted steel", Meaning("corrosion", "any", SEVERITY_WORDS["faint"])),
        ("a flawless surface", Meaning("good")),
        ("a stain beside a scratch", Meaning("scratch")),
        ("several small blowholes", Meaning("pore", "any", SEVERITY_WORDS["small"])),
        ("light-weight marks", Meaning("scratch", "any", SEVERITY_WORDS["light-weight"])),
    ],
)
def test_a_prompt_tells_defect_polarity_and_severity(prompt, meaning):
    assert understand(prompt) == meaning


def test_every_word_means_one_defect():
    words = [word for names in DEFECT_WORDS.values() for word in names]
    assert len(words) == len(set(words)) and tuple(DEFECT_WORDS) == DEFECTS
    assert all(understand(word).defect == defect for defect, names in DEFECT_WORDS.items() for word in names)
    assert all(0 <= low < high <= 1 for low, high in SEVERITY_WORDS.values())


def test_an_unknown_prompt_is_an_error_with_the_near_miss_and_the_vocabulary():
    with pytest.raises(
        UnknownPromptError, match=r"no defect it knows in the prompt 'a scrach'. Did you mean 'scratch'"
    ):
        understand("a scrach")
    with pytest.raises(UnknownPromptError) as caught:
        understand("a purple elephant")
    assert "Did you mean" not in str(caught.value) and "pinhole" in str(caught.value) and "sdxl" in str(caught.value)
    with pytest.raises(ValueError, match="''"):
        understand("")


def test_the_empty_prompt_has_no_polarity_and_the_others_have():
    words = WordEncoder()
    defect = torch.tensor([len(DEFECTS)] * 2 + [1, 1])
    tokens = words(defect, torch.tensor([0, 2, 0, 2]))
    assert tokens.shape == (4, 5, 64)
    assert torch.equal(tokens[0], tokens[1]) and not torch.equal(tokens[2], tokens[3])


def test_the_network_is_small():
    assert parameter_count(make_unet(), WordEncoder()) < 5.1e6


def test_normalising_takes_illumination_and_contrast_away():
    texture = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
    slope = np.linspace(-0.1, 0.1, SIDE, dtype=np.float32)
    one = normalise(0.5 + 0.05 * texture)
    two = normalise(0.4 + 0.1 * texture + slope)
    assert np.abs(one.crop.mean()) < 0.01 and one.unit == pytest.approx(UNIT * np.hypot(0.05, 0.03), rel=0.05)
    inner = np.s_[40:-40, 40:-40]
    assert np.corrcoef(one.crop[inner].ravel(), two.crop[inner].ravel())[0, 1] > 0.999
    assert 0.8 < one.crop.std() / two.crop.std() < 1
    assert np.abs(normalise((texture > 3).astype(np.float32)).crop).max() == CLIP


def test_scales_are_undone_and_come_back_from_a_configuration():
    scales = Scales(torch.arange(1, 8).float(), torch.arange(1, 17).float(), torch.ones(16))
    layers, defects = noise(3, 1, 8, 8), torch.tensor([1, 0, 6])
    latents = scales.latents(layers, defects)
    torch.testing.assert_close(scales.layers(latents, defects), layers)
    torch.testing.assert_close(latents[2, 1], 7 * 2 * haar(layers)[2, 1])
    again = Scales.from_lists({name: value.tolist() for name, value in vars(scales).items()})
    assert all(torch.equal(getattr(again, name), value) for name, value in vars(scales).items())


def ramp(height, width):
    """An image whose value tells the place: row + column / 1000."""
    return (np.arange(height)[:, None] + np.arange(width)[None, :] / 1000).astype(np.float32) / 1000


def box(height, width, top, left, bottom, right):
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    ("edges", "padding", "expected"),
    [
        ((90, 90, 110, 130), None, (68, 78, LEAST_SIDE)),  # extent 40, side 40 + 2 * 12 = 64
        ((90, 60, 110, 160), None, (20, 30, 160)),  # extent 100, side 160, about (100, 110)
        ((90, 60, 110, 160), 0, (50, 60, 100)),
        ((0, 0, 10, 10), None, (0, 0, LEAST_SIDE)),  # pushed back into the image
        ((190, 290, 200, 300), None, (200 - LEAST_SIDE, 300 - LEAST_SIDE, LEAST_SIDE)),
    ],
)
def test_a_crop_is_a_square_about_the_mask_inside_the_image(edges, padding, expected):
    crop = cut(ramp(200, 300), box(200, 300, *edges), padding)
    assert (crop.top, crop.left, crop.side) == expected
    assert crop.seen.crop.shape == crop.mask.shape == (SIDE, SIDE)


@pytest.mark.parametrize("shape", [(40, 40), (20, 300), (300, 20), (96, 256)])
def test_a_crop_larger_than_the_image_is_mirrored_and_put_back_in_its_place(shape):
    mask = np.ones(shape, bool)
    mask[:, 0] = False
    extent = max(shape[0], shape[1] - 1)
    crop = cut(np.random.default_rng(0).random(shape, dtype=np.float32), mask, None)
    assert crop.side == max(LEAST_SIDE, extent + 2 * round(0.3 * extent))
    change = put_back(np.ones((SIDE, SIDE), np.float32), crop, mask)
    assert change.shape == shape and not change[~mask].any() and change[mask].max() > 0


def test_a_layer_comes_back_where_it_was_seen():
    mask = box(300, 300, 100, 120, 228, 248)
    crop = cut(np.random.default_rng(1).random((300, 300), dtype=np.float32), mask, 0)
    assert (crop.top, crop.left, crop.side) == (100, 120, SIDE)  # not resized
    layer = np.random.default_rng(2).random((SIDE, SIDE), dtype=np.float32)
    change = put_back(layer, crop, mask)
    inner = np.s_[10:-10, 10:-10]
    np.testing.assert_allclose(change[100:228, 120:248][inner], layer[inner] * crop.seen.unit, rtol=1e-5)
    assert not change[~mask].any()


@pytest.mark.parametrize("side", [64, 100, 128, 333])
def test_nothing_is_put_back_outside_a_mask_of_any_shape(side):
    mask = np.random.default_rng(3).random((400, 380)) > 0.97
    crop = Crop(-5, 60, side, Normalised(np.zeros((SIDE, SIDE), np.float32), 0.5), np.ones((SIDE, SIDE), np.float32))
    change = put_back(np.full((SIDE, SIDE), 2, np.float32), crop, mask)
    # a pixel is 0.955 from the rim by OpenCV's 3 x 3 distance
    assert not change[~mask].any() and change.max() == pytest.approx(0.955, abs=1e-3)
    assert not change[:60].any() and not change[60 + side :].any() and not change[:, side - 5 :].any()


def test_a_thin_mask_of_a_large_image_is_still_seen():
    mask = np.zeros((1500, 1500), bool)
    mask[np.arange(100, 1400), np.arange(100, 1400)] = True
    crop = cut(np.full(mask.shape, 0.5, np.float32), mask, None)
    assert crop.side > 1500 and (crop.mask > 0).sum() >= 50
