import numpy as np
import pytest

from defectlab.synthesis.foreground import MVTEC_FOREGROUND, OtsuForeground, ThresholdForeground, foreground_for


def grey(rows: list[list[int]]) -> np.ndarray:
    return np.repeat(np.array(rows, np.uint8)[..., None], 3, axis=2)


def test_the_threshold_itself_counts_as_dark():
    image = grey([[49, 50, 51]])
    assert ThresholdForeground(50).__call__(image).tolist() == [[True, True, False]]
    assert ThresholdForeground(50, brighter=True)(image).tolist() == [[False, False, True]]


def test_the_table_has_every_class_of_mvtec_and_its_values():
    assert len(MVTEC_FOREGROUND) == 15
    assert MVTEC_FOREGROUND["hazelnut"] == ThresholdForeground(50, brighter=True)
    assert MVTEC_FOREGROUND["screw"] == ThresholdForeground(110)
    surfaces = {name for name, foreground in MVTEC_FOREGROUND.items() if foreground is None}
    assert surfaces == {"carpet", "grid", "leather", "tile", "wood"}


def test_otsu_finds_a_bright_disc_and_closes_its_holes():
    row, column = np.mgrid[:60, :80]
    disc = (row - 30) ** 2 + (column - 40) ** 2 < 20**2
    image = grey(np.where(disc, 200, 30))
    image[30, 40] = 30
    found = OtsuForeground()(image)
    assert found.shape == (60, 80) and found.dtype == bool and found[30, 40]
    assert (found != disc).sum() < 0.02 * disc.sum()
    assert np.array_equal(OtsuForeground(radius=0)(image), image[..., 0] > 100)
    assert np.array_equal(OtsuForeground(brighter=False, radius=0)(image), image[..., 0] < 100)


def test_foregrounds_by_name():
    assert foreground_for("none") is None and foreground_for("wood") is None
    assert foreground_for("otsu") == OtsuForeground()


def test_an_unknown_name_is_answered_with_the_near_miss():
    with pytest.raises(ValueError, match="unknown foreground 'hazlenut'; did you mean 'hazelnut'"):
        foreground_for("hazlenut")


@pytest.mark.parametrize(
    ("make", "message"),
    [(lambda: ThresholdForeground(256), "0 to 255, got 256"), (lambda: OtsuForeground(radius=-1), "got -1")],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
