import math
import time

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from defectlab.synthesis.perlin import Perlin, draw_angles, perlin_noise, rotate


def reference_noise(angles: np.ndarray, height: int, width: int) -> np.ndarray:
    """The textbook formula, in double precision, whole-image arrays of gradients, one corner after the other."""
    cells_y, cells_x = angles.shape[0] - 1, angles.shape[1] - 1
    padded = math.ceil(height / cells_y) * cells_y, math.ceil(width / cells_x) * cells_x
    row, column = np.mgrid[0 : padded[0], 0 : padded[1]].astype(np.float64)
    y, x = row * cells_y / padded[0], column * cells_x / padded[1]
    i, j = np.floor(y + 1e-9).astype(int), np.floor(x + 1e-9).astype(int)

    def corner(di: int, dj: int) -> np.ndarray:
        angle = angles.astype(np.float64)[i + di, j + dj]
        return np.cos(angle) * (y - i - di) + np.sin(angle) * (x - j - dj)

    def fade(t: np.ndarray) -> np.ndarray:
        return 6 * t**5 - 15 * t**4 + 10 * t**3

    top = corner(0, 0) * (1 - fade(x - j)) + corner(0, 1) * fade(x - j)
    bottom = corner(1, 0) * (1 - fade(x - j)) + corner(1, 1) * fade(x - j)
    return (math.sqrt(2) * (top * (1 - fade(y - i)) + bottom * fade(y - i)))[:height, :width]


def reference_mask(rng: np.random.Generator, side: int) -> np.ndarray:
    """DRAEM's mask from the textbook formula and scipy's rotation; may be empty."""
    cells = 2 ** rng.integers(0, 6), 2 ** rng.integers(0, 6)
    noise = reference_noise(rng.random((cells[0] + 1, cells[1] + 1)) * 2 * np.pi, side, side)
    return scipy.ndimage.rotate(noise, rng.uniform(-90, 90), reshape=False, order=1) > 0.5


@pytest.mark.parametrize("size", [(256, 256), (200, 600), (632, 224), (37, 50), (5, 3)])
@pytest.mark.parametrize("cells", [(1, 1), (1, 32), (8, 2), (32, 32)])
def test_noise_equals_the_textbook_formula_at_any_size(size, cells):
    angles = draw_angles(np.random.default_rng(3), cells)
    noise = perlin_noise(angles, *size)
    assert noise.shape == size and noise.dtype == np.float32
    np.testing.assert_allclose(noise, reference_noise(angles, *size), atol=1e-6)


def test_one_cell_by_hand():
    # all gradients point down the rows: the noise is sqrt(2) * (y - fade(y)), whatever the column
    noise = perlin_noise(np.zeros((2, 2), np.float32), 4, 3)
    y = np.array([0, 0.25, 0.5, 0.75])
    expected = math.sqrt(2) * (y - np.array([0, 0.103515625, 0.5, 0.896484375]))
    np.testing.assert_allclose(noise, np.repeat(expected[:, None], 3, axis=1), atol=1e-6)


def test_noise_is_zero_at_lattice_points_and_bounded_by_one():
    rng = np.random.default_rng(0)
    noise = [perlin_noise(draw_angles(rng, (4, 8)), 64, 64) for _ in range(50)]
    assert np.abs(np.stack(noise)[:, ::16, ::8]).max() < 1e-6
    assert 0.7 < np.abs(noise).max() <= 1.0


def test_rotation_by_ninety_degrees_is_the_exact_quarter_turn():
    noise = np.random.default_rng(0).random((9, 9), dtype=np.float32)
    np.testing.assert_allclose(rotate(noise, 90), np.rot90(noise, -1), atol=1e-6)


def test_areas_have_the_distribution_of_the_straightforward_implementation():
    rng = np.random.default_rng(11)
    ours = [Perlin(allow_empty=True).draw(rng, 64, 64).mask.mean() for _ in range(1500)]
    theirs = [reference_mask(rng, 64).mean() for _ in range(1500)]
    assert scipy.stats.ks_2samp(ours, theirs).pvalue > 0.01
    assert np.mean(np.equal(ours, 0)) == pytest.approx(np.mean(np.equal(theirs, 0)), abs=0.03)


def test_area_statistics_at_256_without_rotation():
    # 600 draws of the reference code: mean .054, median .054, 90th percentile .082, largest .188, 4.7 % empty
    rng, law = np.random.default_rng(5), Perlin(rotation=0, allow_empty=True)
    areas = np.array([law.draw(rng, 256, 256).mask.mean() for _ in range(1500)])
    assert areas.mean() == pytest.approx(0.054, abs=0.004)
    assert np.median(areas) == pytest.approx(0.054, abs=0.004)
    assert np.quantile(areas, 0.9) == pytest.approx(0.082, abs=0.008)
    assert (areas == 0).mean() == pytest.approx(0.047, abs=0.02)


def test_an_empty_mask_is_drawn_again_in_full_and_the_draws_are_counted():
    law, loose = Perlin(exponents=(0, 1)), Perlin(exponents=(0, 1), allow_empty=True)
    for seed in range(20):
        found = law.draw(np.random.default_rng(seed), 64, 64)
        rng = np.random.default_rng(seed)
        draws = [loose.draw(rng, 64, 64) for _ in range(found.draws)]
        assert found.mask.any() and not any(draw.mask.any() for draw in draws[:-1])
        assert np.array_equal(found.mask, draws[-1].mask)


def test_the_same_seed_gives_the_same_bytes():
    first, second = (Perlin().draw(np.random.default_rng(4), 200, 600) for _ in range(2))
    assert first.mask.tobytes() == second.mask.tobytes() and first.rotation == second.rotation


def test_an_image_too_small_to_hold_a_mask_says_so():
    with pytest.raises(RuntimeError, match="20 Perlin masks of 1 x 1 were empty: use a larger image"):
        Perlin(max_draws=20).draw(np.random.default_rng(0), 1, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"exponents": (3, 3)}, r"exponents must satisfy .* got \(3, 3\)"),
        ({"threshold": 1.0}, r"threshold must lie in \[0, 1\)"),
        ({"rotation": -1}, "rotation must lie in .* got -1"),
        ({"max_draws": 0}, "max_draws must be at least 1, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Perlin(**settings)


def test_a_size_of_zero_is_refused():
    with pytest.raises(ValueError, match="positive size, got height 0 and width 8"):
        Perlin().draw(np.random.default_rng(0), 0, 8)


def test_a_mask_takes_well_under_a_millisecond_of_one_core():
    law, rng = Perlin(), np.random.default_rng(0)
    seconds = []
    for _ in range(5):
        start = time.process_time()  # of this process alone: others may hold the core meanwhile
        for _ in range(60):
            law.draw(rng, 256, 256)
        seconds.append((time.process_time() - start) / 60)
    assert min(seconds) < 1 / 1500
