"""From squares to tall images: sizes by hand, shapes of a drawn defect under each rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defectlab.synthesis.tall import RULES, generated_size, to_target


@pytest.mark.parametrize(
    ("target", "side", "step", "expected"),
    [
        ((600, 200), 512, 64, (896, 320)),  # 512 sqrt(3) = 886.8, 512 / sqrt(3) = 295.6
        ((600, 200), 512, 8, (888, 296)),
        ((632, 224), 512, 64, (832, 320)),  # 860.0 is 13.4 steps, 304.8 is 4.8
        ((256, 96), 128, 16, (208, 80)),
        ((512, 512), 512, 64, (512, 512)),
        ((1000, 10), 64, 16, (640, 16)),  # 6.4 is less than a step
    ],
)
def test_native_keeps_the_area_of_the_square_and_the_aspect_of_the_target(target, side, step, expected):
    assert generated_size("native", target, side, step) == expected


@given(st.integers(64, 1000), st.integers(64, 1000), st.sampled_from([(512, 64), (512, 8), (128, 16)]))
def test_native_is_within_half_a_step_of_the_exact_sides(height, width, model):
    side, step = model
    exact = side * math.sqrt(height / width), side * math.sqrt(width / height)
    for found, wanted in zip(generated_size("native", (height, width), side, step), exact, strict=True):
        assert found % step == 0 and abs(found - wanted) <= max(step / 2, step - wanted)


@pytest.mark.parametrize("rule", ["stretch", "crop"])
def test_the_other_rules_generate_the_square(rule):
    assert generated_size(rule, (600, 200), 512, 64) == (512, 512)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("target", [(60, 20), (20, 60), (31, 7)])
def test_each_rule_ends_at_the_target(rule, target):
    image = np.random.default_rng(0).integers(0, 256, (*generated_size(rule, target, 32, 8), 3), dtype=np.uint8)
    assert to_target(image, target, rule).shape == (*target, 3)


def angle_of(image: np.ndarray) -> float:
    """Angle to the horizontal of the dark line in an image, in degrees, of the long axis of its pixels."""
    rows, columns = np.nonzero(image[..., 0] < 128)
    values, axes = np.linalg.eigh(np.cov(np.stack([columns, rows])))
    return math.degrees(math.atan2(abs(axes[1, values.argmax()]), abs(axes[0, values.argmax()])))


def diagonal(height: int, width: int, thickness: int = 5) -> np.ndarray:
    """White, with a dark line of 45 degrees through the centre, 40 pixels high."""
    rows, columns = np.mgrid[:height, :width]
    on = (abs((rows - height // 2) - (columns - width // 2)) < thickness) & (abs(rows - height // 2) <= 20)
    return np.repeat(np.where(on, 0, 255)[..., None], 3, axis=2).astype(np.uint8)


def test_a_crack_of_45_degrees_keeps_its_angle_unless_it_is_stretched():
    target, square = (600, 200), diagonal(512, 512)
    native = diagonal(*generated_size("native", target, 512, 64))
    assert angle_of(to_target(square, target, "crop")) == pytest.approx(45, abs=1)
    assert angle_of(to_target(native, target, "native")) == pytest.approx(45, abs=3)  # 896 x 320 is 2.8, not 3
    assert angle_of(to_target(square, target, "stretch")) > 65


def test_a_cut_keeps_the_centre_and_loses_the_sides():
    image = np.zeros((6, 6, 3), np.uint8)
    image[:, 2:4] = 200
    assert (to_target(image, (6, 2), "crop") == 200).all()
    assert (to_target(image.swapaxes(0, 1), (2, 6), "crop") == 200).all()
    assert to_target(image, (6, 6), "crop").tolist() == image.tolist()


def test_what_is_not_a_rule_or_no_size_of_the_model_is_named():
    with pytest.raises(ValueError, match="unknown square_to_tall 'strech'; did you mean 'stretch'"):
        generated_size("strech", (600, 200), 512, 64)
    with pytest.raises(ValueError, match="unknown square_to_tall"):
        to_target(np.zeros((4, 4, 3), np.uint8), (4, 2), "pad")
    with pytest.raises(ValueError, match="side: expected a multiple of 64, the step of the model's sizes, got 500"):
        generated_size("native", (600, 200), 500, 64)
