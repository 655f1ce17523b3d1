import numpy as np
import pytest

from defectlab.synthesis.augment import (
    AUGMENTATIONS,
    augment,
    gamma_contrast,
    hue_saturation,
    posterise,
    rotate,
    solarise,
)


class Draws:
    """Stands in for a generator: gives the numbers it was told, in order."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def _next(self, *args, **kwargs):
        return self.numbers.pop(0)

    uniform = integers = random = _next


def picture(height: int = 40, width: int = 28, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_list_holds_ten():
    assert len(AUGMENTATIONS) == 10


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("size", [(40, 28), (1, 1), (3, 50)])
def test_each_keeps_shape_and_type_leaves_its_input_alone_and_repeats_itself(name, size):
    image = picture(*size)
    before = image.copy()
    results = [AUGMENTATIONS[name](image, np.random.default_rng(seed)) for seed in (7, 7)]
    assert results[0].shape == image.shape and results[0].dtype == np.uint8
    assert np.array_equal(*results) and np.array_equal(image, before)


@pytest.mark.parametrize("name", sorted(set(AUGMENTATIONS) - {"solarise", "posterise"}))
def test_each_changes_a_picture(name):
    assert np.any(AUGMENTATIONS[name](picture(), np.random.default_rng(1)) != picture())


def test_gamma_by_hand_for_each_channel():
    image = np.full((1, 1, 3), 64, np.uint8)
    # 255 (64/255)^g for g = 0.5, 1, 2
    assert gamma_contrast(image, Draws(np.array([0.5, 1.0, 2.0]))).tolist() == [[[128, 64, 16]]]


def test_hue_goes_round_and_saturation_is_cut_off():
    red = np.array([[[255, 0, 0]]], np.uint8)
    # 50/255 of the circle is 70.6 degrees, 35 steps of 2 degrees: between yellow and green
    assert hue_saturation(red, Draws(np.array([50, 50]))).tolist() == [[[212, 255, 0]]]
    assert hue_saturation(red, Draws(np.array([-50, 0]))).tolist() == [[[213, 0, 255]]]


def test_solarise_inverts_from_the_threshold_upwards_half_of_the_time():
    image = np.array([[[31, 100, 200]]], np.uint8)
    assert solarise(image, Draws(100, 0.4)).tolist() == [[[31, 155, 55]]]
    assert solarise(image, Draws(100, 0.5)).tolist() == image.tolist()


def test_posterise_to_one_bit_keeps_the_highest():
    assert posterise(np.array([[[127, 128, 255]]], np.uint8), Draws(1)).tolist() == [[[0, 128, 128]]]


def test_rotation_keeps_the_centre_and_fills_with_black():
    image = np.full((9, 9, 3), 200, np.uint8)
    turned = rotate(image, Draws(45.0))
    assert turned[4, 4].tolist() == [200, 200, 200] and turned[0, 0].tolist() == [0, 0, 0]


def test_three_different_augmentations_are_applied_in_random_order():
    rng = np.random.default_rng(0)
    chosen = [augment(picture(8, 8), rng)[1] for _ in range(300)]
    assert all(len(set(names)) == 3 for names in chosen)
    assert {names[0] for names in chosen} == set(AUGMENTATIONS) == {names[2] for names in chosen}


def test_the_names_tell_what_was_applied():
    image, names = picture(), ()
    rng = np.random.default_rng(3)
    result, names = augment(image, rng)
    replay = np.random.default_rng(3)
    replay.permutation(list(AUGMENTATIONS))
    for name in names:
        image = AUGMENTATIONS[name](image, replay)
    assert np.array_equal(result, image)


def test_eleven_augmentations_are_refused():
    with pytest.raises(ValueError, match="n must lie between 0 and 10, got 11"):
        augment(picture(), np.random.default_rng(0), 11)
