import numpy as np
import pytest
import scipy.ndimage

from defectlab.synthesis.lines import BlobMasks, LineMasks


def draws(source, n: int, height: int, width: int) -> list[np.ndarray]:
    return [source.draw(np.random.default_rng((0, i)), height, width)[0] for i in range(n)]


@pytest.mark.parametrize("source", [LineMasks(), BlobMasks()])
@pytest.mark.parametrize("size", [(224, 560), (128, 128), (7, 90), (1, 1)])
def test_masks_of_any_size_are_never_empty_and_repeat_themselves(source, size):
    for mask, again in zip(draws(source, 40, *size), draws(source, 40, *size), strict=True):
        assert mask.shape == size and mask.dtype == bool and mask.any()
        assert np.array_equal(mask, again)


def test_a_straight_line_has_the_length_and_width_asked_for():
    law = LineMasks(length=(0.5, 0.5), width=(0.02, 0.02), margin=(0.01, 0.01), waviness=(0, 0), branching=0)
    inside = [m for m in draws(law, 60, 200, 300) if not (m[0].any() or m[-1].any() or m[:, 0].any() or m[:, -1].any())]
    assert len(inside) > 10
    for mask in inside:
        row, column = np.nonzero(mask)
        extent = np.hypot(np.ptp(row), np.ptp(column))
        assert 95 <= extent <= 112  # half of the shorter side, and the margins
        assert 4 <= mask.sum() / extent <= 10  # 4 pixels varying by a third, tapered, and 2 pixels of margin


def test_lines_are_slender_whatever_their_length():
    law = LineMasks(length=(0.1, 0.2), width=(0.05, 0.05), margin=(0.05, 0.05), waviness=(0, 0), branching=0)
    for mask in draws(law, 30, 224, 224):
        if not (mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()):
            row, column = np.nonzero(mask)
            assert np.hypot(np.ptp(row), np.ptp(column)) ** 2 / mask.sum() > 3


def test_some_lines_cross_the_border_and_some_do_not():
    crossing = [m[0].any() or m[-1].any() or m[:, 0].any() or m[:, -1].any() for m in draws(LineMasks(), 200, 560, 224)]
    assert 0.15 < np.mean(crossing) < 0.85


def test_an_orientation_is_kept():
    law = LineMasks(length=(0.6, 0.6), waviness=(0, 0), branching=0, orientation=90, spread=0)
    for mask in draws(law, 20, 200, 200):
        row, column = np.nonzero(mask)
        assert np.ptp(row) > 2 * np.ptp(column) or np.ptp(row) < 12  # upright, unless the border cut it short


def test_orientation_counts_counter_clockwise_from_the_horizontal():
    law = LineMasks(length=(0.4, 0.4), waviness=(0, 0), branching=0, orientation=45, spread=0)
    row, column = np.nonzero(draws(law, 1, 200, 200)[0])
    assert np.corrcoef(row, column)[0, 1] < -0.8  # upwards to the right: rows fall where columns rise


def test_branches_are_joined_to_their_line():
    law = LineMasks(length=(0.5, 0.9), branching=1.0)
    for i in range(20):
        mask, mask_id = law.draw(np.random.default_rng(i), 300, 300)
        assert mask_id.endswith(":3b")
        inside = not (mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
        assert not inside or scipy.ndimage.label(mask, np.ones((3, 3)))[1] == 1


def test_a_smooth_blob_has_the_area_of_its_diameter():
    law = BlobMasks(diameter=(0.2, 0.2), elongation=(1, 1), roughness=0)
    areas = [m.sum() for m in draws(law, 60, 300, 300)]
    assert np.median(areas) == pytest.approx(np.pi * 30**2, rel=0.05)  # a polygon is filled with its outline


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LineMasks(length=(0.5, 0.1)), r"length must satisfy 0 <= low <= high, got \(0.5, 0.1\)"),
        (lambda: LineMasks(length=(0, 0.1)), "length must be above 0"),
        (lambda: LineMasks(branching=1.5), "branching must be a probability, got 1.5"),
        (lambda: LineMasks(spread=-1), "spread must be at least 0 degrees, got -1"),
        (lambda: BlobMasks(elongation=(0.5, 1)), "elongation must be at least 1"),
        (lambda: BlobMasks(roughness=1), r"roughness must lie in \[0, 1\), got 1"),
        (lambda: BlobMasks(diameter=(-1, 1)), "diameter must satisfy"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
