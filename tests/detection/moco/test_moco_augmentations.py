"""Views of MoCo: torchvision as the second library, and batches that depend on nothing but the generator."""

from __future__ import annotations

import pytest
import torch
import torchvision.transforms.v2.functional as tv

from defectlab.detection.moco.augmentations import (
    PRESETS,
    blend_grey,
    crop_and_flip,
    gaussian_blur,
    hue_rotation,
    jitter,
)


def pictures(n: int = 4, side: int = 24) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("preset", PRESETS)
def test_views_are_images_of_the_size_asked_for_and_of_the_generator(preset):
    views = PRESETS[preset]
    one = views(pictures(), 16, torch.Generator().manual_seed(1))
    assert one.shape == (4, 3, 16, 16) and one.dtype == torch.float32
    assert one.min() >= 0 and one.max() <= 1
    assert torch.equal(one, views(pictures(), 16, torch.Generator().manual_seed(1)))
    assert not torch.allclose(one, views(pictures(), 16, torch.Generator().manual_seed(2)))


def test_bytes_and_floats_give_the_same_views():
    bytes_ = (pictures() * 255).round().to(torch.uint8)
    views = [PRESETS["v2"](x, 16, torch.Generator().manual_seed(0)) for x in (bytes_, bytes_.float() / 255)]
    assert torch.allclose(views[0], views[1], atol=1e-6)


@pytest.mark.parametrize("preset", PRESETS)
def test_an_image_does_not_depend_on_those_after_it(preset):
    whole = PRESETS[preset](pictures(4), 16, torch.Generator().manual_seed(5))
    part = PRESETS[preset](pictures(4)[:2], 16, torch.Generator().manual_seed(5))
    assert torch.allclose(whole[:2], part, atol=1e-6)


def test_a_crop_of_whole_pixels_is_a_slice_and_flips_mirror():
    images = pictures(2, 24)
    boxes = torch.tensor([[4.0, 6.0, 8.0, 8.0], [0.0, 16.0, 8.0, 8.0]])
    crops = crop_and_flip(images, 8, boxes, torch.tensor([False, True]))
    assert torch.allclose(crops[0], images[0, :, 4:12, 6:14], atol=1e-5)
    assert torch.allclose(crops[1], images[1, :, 0:8, 16:24].flip(-1), atol=1e-5)


@pytest.mark.parametrize(
    ("column", "adjust"), [(0, tv.adjust_brightness), (1, tv.adjust_contrast), (2, tv.adjust_saturation)]
)
@pytest.mark.parametrize("amount", [-0.4, 0.3])
def test_brightness_contrast_and_saturation_are_torchvisions(column, adjust, amount):
    factors = torch.zeros(4, 4)
    factors[:, column] = amount
    # torchvision rounds the weights of the luma to four digits
    assert torch.allclose(jitter(pictures(), factors), adjust(pictures(), 1 + amount), atol=3e-4)


def test_grey_is_torchvisions_and_each_image_has_its_own_weight():
    mixed = blend_grey(pictures(2), torch.tensor([0.0, 1.0]))
    assert torch.allclose(mixed[0], tv.rgb_to_grayscale(pictures(2)[0], 3), atol=3e-4)
    assert torch.allclose(mixed[1], pictures(2)[1], atol=1e-6)


def test_a_third_of_a_turn_makes_red_green_and_grey_stays():
    rotation = hue_rotation(torch.tensor([1 / 3, 0.1, 0.0]))
    assert torch.allclose(rotation[0] @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]), atol=1e-6)
    assert torch.allclose(rotation[1] @ torch.ones(3), torch.ones(3), atol=1e-6)
    assert torch.allclose(rotation[2], torch.eye(3), atol=1e-6)
    red = tv.adjust_hue(torch.tensor([1.0, 0, 0]).view(3, 1, 1), 1 / 3).flatten()
    assert torch.allclose(rotation[0] @ torch.tensor([1.0, 0, 0]), red, atol=1e-3)


def test_the_blur_is_torchvisions_and_none_where_sigma_is_zero():
    blurred = gaussian_blur(pictures(2), torch.tensor([1.0, 0.0]), 1.0)
    assert torch.allclose(blurred[0], tv.gaussian_blur(pictures(2)[0], [7, 7], [1.0, 1.0]), atol=1e-6)
    assert torch.allclose(blurred[1], pictures(2)[1], atol=1e-6)


def test_the_shares_of_the_presets_are_kept():
    images = pictures(1, 16).expand(800, -1, -1, -1)
    grey = PRESETS["v1"](images, 4, torch.Generator().manual_seed(0))
    share = ((grey[:, 0] - grey[:, 1]).abs().flatten(1).amax(1) < 1e-5).float().mean().item()
    assert share == pytest.approx(0.2, abs=0.05)
