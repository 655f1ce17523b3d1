from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_diffusion import tiny_classes

from defectlab.data import split_by_group
from defectlab.synthesis.diffusion.classes import PAPER_CLASSES, aluminium, class_images
from defectlab.synthesis.diffusion.classical import (
    ClassicalSettings,
    add_contrast,
    augment_classically,
    pad_edges,
    version,
)

DATA = tiny_classes({"dent": 3, "good": 2})


def test_each_image_becomes_eight_and_the_first_is_itself():
    eight = augment_classically(DATA)
    assert len(eight) == 8 * len(DATA) and eight.labels.tolist() == [1] * 24 + [0] * 16
    for i in range(len(DATA)):
        assert torch.equal(eight[8 * i].image, DATA[i].image)
    versions = eight.images(range(8)).flatten(1)
    assert len(torch.unique(versions, dim=0)) == 8


def test_equal_seeds_give_equal_versions_in_any_order_and_subset():
    eight, again = augment_classically(DATA, seed=3), augment_classically(DATA, seed=3)
    assert torch.equal(again.subset(indices=[13])[0].image, eight[13].image)
    assert not torch.equal(augment_classically(DATA, seed=4)[15].image, eight[15].image)


def test_versions_do_not_depend_on_the_other_images():
    alone = augment_classically(DATA.subset(indices=[1, 4]), seed=3)
    assert torch.equal(alone.images(range(8)), augment_classically(DATA, seed=3).images(range(8, 16)))


def test_a_split_by_group_keeps_the_versions_of_an_image_together():
    rest, part = split_by_group(augment_classically(tiny_classes({"dent": 6, "good": 6})), 0.5, 0)
    assert not set(rest.groups) & set(part.groups) and len(part) % 8 == 0


@pytest.mark.parametrize(("flip", "axis"), [("horizontal", -1), ("vertical", -2)])
def test_a_flip_is_the_mirror_image_of_image_and_mask(flip, axis):
    made = version(DATA[0], 1, ClassicalSettings(flip=flip), np.random.default_rng(0))
    assert torch.equal(made.image, DATA[0].image.flip(axis)) and torch.equal(made.mask, DATA[0].mask.flip(axis))


def test_padding_repeats_the_edge_and_keeps_size_and_flat_images():
    flat = torch.full((3, 8, 8), 0.25)
    torch.testing.assert_close(pad_edges(flat, (2, 1, 3, 2)), flat)
    step = torch.cat([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)], dim=2)
    padded = pad_edges(step, (8, 0, 0, 0))  # 16 columns, the left 12 of them black
    assert padded.shape == (1, 4, 8) and padded.mean().item() == pytest.approx(0.25, abs=0.01)


def test_a_defect_of_one_pixel_survives_the_padding():
    mask = torch.zeros(1, 16, 16, dtype=torch.bool)
    mask[0, 5, 5] = True
    made = version(replace(DATA[0], mask=mask), 2, ClassicalSettings(padding=0.5), np.random.default_rng(0))
    assert made.mask.any() and made.mask.dtype == torch.bool


def test_contrast_multiplies_the_distance_from_the_mean():
    image = torch.tensor([[[0.4, 0.6]]])
    torch.testing.assert_close(add_contrast(image, 1.5), torch.tensor([[[0.35, 0.65]]]))
    assert add_contrast(image, 100.0).tolist() == [[[0.0, 1.0]]]


def test_an_absent_mask_stays_absent():
    made = version(replace(DATA[0], mask=None), 7, ClassicalSettings(), np.random.default_rng(0))
    assert made.mask is None


def test_the_aluminium_preset_has_the_four_classes_of_the_paper():
    plates = aluminium(size=32, scale=0.04)
    images, labels = class_images(plates, PAPER_CLASSES, 32)
    assert images.shape == (8, 3, 32, 32) and images.dtype == torch.uint8
    assert sorted(labels.tolist()) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len(aluminium()) == 200


def test_classes_that_are_missing_or_of_another_size_are_refused_by_name():
    with pytest.raises(ValueError, match=r"scratch has 0; expected at least 2 .* There are: dent \(3\), good \(2\)"):
        class_images(DATA, ("dent", "scratch"), 16)
    with pytest.raises(ValueError, match=r"dent/0 is \(16, 16\), expected 32 x 32; load the data set with size"):
        class_images(DATA, ("dent",), 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flip": "horizontl"}, "did you mean 'horizontal'"),
        ({"padding": 0.6}, "expected a share in"),
        ({"contrast": (0.5, 2.0)}, "expected a range from 1 up"),
    ],
)
def test_strengths_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ClassicalSettings(**change)
