"""Small masks with anomaly maps: drawn by hypothesis with many ties, and a larger set that looks like a category."""

import numpy as np
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter


@st.composite
def tied_maps(draw, max_images=4, side=7, levels=8):
    """Masks and maps of whole-number scores, with at least one defect pixel and one normal."""
    n, h, w = draw(st.integers(1, max_images)), draw(st.integers(1, side)), draw(st.integers(2, side))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = rng.random((n, h, w)) < draw(st.sampled_from([0.05, 0.3, 0.7]))
    masks[0, 0, 0], masks[-1, -1, -1] = True, False
    scores = rng.integers(-levels, levels, (n, h, w)) + draw(st.integers(0, 4)) * masks
    return masks, scores.astype(np.float64)


def category(n=12, side=48, seed=0, dtype=np.float32, strength=2.0):
    """Half the images hold a few rectangles and maps that find them in part; the rest are good."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((n, side, side), dtype=bool)
    for i in range(0, n, 2):
        for _ in range(rng.integers(1, 4)):
            row, column = rng.integers(0, side - 9, 2)
            height, width = rng.integers(1, 9, 2)
            masks[i, row : row + height, column : column + width] = True
    noise = gaussian_filter(rng.normal(size=masks.shape), (0, 2, 2))
    found = gaussian_filter(masks.astype(float), (0, 1, 1))
    return masks, (noise / noise.std() + strength * found).astype(dtype)
