"""A learning curve read backwards, against numbers computed by hand."""

import math

import numpy as np
import pytest

from defectlab.evaluation.learning_curve import Reading, images_worth

COUNTS = [5, 10, 20]


def test_between_two_counts_the_curve_is_straight_over_the_logarithm():
    certain = [[0.5, 0.6, 0.7], [0.4, 0.5, 0.6]]  # every seed rises alike, so the interval has no width
    reading = images_worth(COUNTS, certain, 0.15)
    assert reading.value == pytest.approx(10 * math.sqrt(2) - 5)
    assert reading.low == pytest.approx(reading.value) and reading.high == pytest.approx(reading.value)
    assert str(reading) == "9 further [9, 9]" and not reading.flat


def test_a_gain_that_a_measured_count_has_is_worth_the_step_to_it():
    exact = [[0.5, 0.625, 0.75]] * 3
    assert images_worth(COUNTS, exact, 0.125).value == pytest.approx(5)
    assert images_worth(COUNTS, exact, 0.125, start=10).value == pytest.approx(10)


def test_the_interval_is_where_the_gain_lies_between_the_ends_of_students_interval():
    # rises at 20: 0.3 and 0.5, mean 0.4, half width t(1) * 0.1 = 1.2706...; at 10: exactly 0.2
    reading = images_worth(COUNTS, [[0.1, 0.3, 0.4], [0.1, 0.3, 0.6]], 0.1)
    assert reading.value == pytest.approx(5 * math.sqrt(2) - 5)
    # the upper end goes through 0.1 on the way to 0.2 at ten images, where all seeds agree
    assert reading.low == pytest.approx(reading.value)
    # the lower end falls below the gain again behind ten images, so nothing bounds the reading
    assert reading.high == math.inf
    assert str(reading) == "2 further, at least 2; no upper end within 15"


def test_three_seeds_by_hand():
    rises = np.array([0.10, 0.12, 0.14])  # mean 0.12, half width 4.3027 * 0.02 / sqrt(3) = 0.04968
    values = np.column_stack([np.zeros(3), rises])
    reading = images_worth([4, 16], values, 0.06)
    assert reading.value == pytest.approx(4 * 4 ** (0.06 / 0.12) - 4)
    assert reading.low == pytest.approx(4 * 4 ** (0.06 / 0.16968) - 4, rel=1e-3)
    assert reading.high == pytest.approx(4 * 4 ** (0.06 / 0.07032) - 4, rel=1e-3)
    assert str(reading) == "4 further [3, 9]"


def test_a_gain_beyond_the_curve_is_worth_more_than_was_measured():
    reading = images_worth(COUNTS, [[0.5, 0.6, 0.7]] * 2, 0.3)
    assert (reading.value, reading.low, reading.high) == (math.inf,) * 3
    assert str(reading) == "more than 15 further"
    close = images_worth([4, 16], [[0, 0.10], [0, 0.12], [0, 0.14]], 0.15)
    assert close.low < 12 and close.value == math.inf
    assert str(close).endswith("the mean curve does not rise so far")


def test_a_curve_that_is_not_told_from_a_level_line_is_too_flat_to_be_read():
    reading = images_worth(COUNTS, [[0.6, 0.7, 0.5], [0.6, 0.5, 0.8], [0.6, 0.6, 0.6]], 0.01)
    assert reading.flat and str(reading) == "too flat to be read: 15 further are not told from none"


def test_a_larger_gain_is_worth_at_least_as_many_images():
    values = np.random.default_rng(0).normal([[0.3, 0.45, 0.6]], 0.02, (5, 3))
    worth = [images_worth(COUNTS, values, gain).value for gain in (0.02, 0.05, 0.1, 0.2)]
    assert worth == sorted(worth) and worth[0] > 0


def test_what_all_seeds_have_in_common_does_not_count():
    values = np.random.default_rng(1).normal([[0.3, 0.45, 0.6]], 0.02, (5, 3))
    shifted = values + np.array([[0.1], [-0.2], [0.0], [0.05], [0.15]])
    ours, theirs = images_worth(COUNTS, values, 0.1), images_worth(COUNTS, shifted, 0.1)
    assert [ours.value, ours.low, ours.high] == pytest.approx([theirs.value, theirs.low, theirs.high])


def test_the_words_for_a_reading_that_cannot_be_said_in_one_number():
    parts = {"start": 5, "gain": 0.1, "most": 15, "flat": False, "level": 0.95}
    assert str(Reading(value=math.inf, low=3, high=math.inf, **parts)).startswith("more than 3 further")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"counts": [5]}, "counts: expected at least 2, ascending"),
        ({"counts": [5, 5, 20]}, "counts: expected at least 2, ascending"),
        ({"values": [[0.1, 0.2]]}, r"values: expected shape \(at least 2 seeds, 3 counts\)"),
        ({"values": [[0.1, 0.2, 0.3]]}, r"at least 2 seeds"),
        ({"values": [[0.1, 0.2, math.nan]] * 2}, "values: expected finite"),
        ({"gain": 0.0}, "gain must be above 0"),
        ({"start": 20}, "start must be a count with another behind it, 5, 10; got 20"),
    ],
)
def test_what_cannot_be_read_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        images_worth(**{"counts": COUNTS, "values": [[0.1, 0.2, 0.3]] * 2, "gain": 0.1} | given)
