"""Localisation metrics written out threshold by threshold, independent of the package: slow, for small maps."""

from itertools import pairwise

import numpy as np
from scipy.ndimage import label


def regions(masks, connectivity=8):
    structure = np.ones((3, 3)) if connectivity == 8 else None
    found = []
    for i, mask in enumerate(masks):
        labels, n = label(mask, structure)
        for k in range(1, n + 1):
            found.append((i, labels == k))
    return found


def curve(masks, scores, thresholds, strict=False, connectivity=8, overlapping=None):
    """FPR and mean overlap at each threshold, counted anew each time."""
    overlapping = scores if overlapping is None else overlapping
    normals = np.concatenate([s[~m] for m, s in zip(masks, scores, strict=True)])
    fpr, pro = [], []
    for t in thresholds:
        above = (lambda s, t=t: s > t) if strict else (lambda s, t=t: s >= t)
        fpr.append(above(normals).sum() / len(normals))
        pro.append(np.mean([above(overlapping[i][region]).mean() for i, region in regions(masks, connectivity)]))
    return np.array(fpr), np.array(pro)


def aupro(masks, scores, limit=0.3, connectivity=8):
    """Every distinct score is a threshold; trapezoids, the last one cut at the limit."""
    thresholds = np.unique(np.concatenate([s.ravel() for s in scores]))[::-1]
    fpr, pro = curve(masks, scores, thresholds, connectivity=connectivity)
    fpr, pro = np.append(0.0, fpr), np.append(0.0, pro)
    area = 0.0
    for (x0, x1), (y0, y1) in zip(pairwise(fpr), pairwise(pro), strict=True):
        if x0 >= limit:
            break
        if x1 > limit:
            y1 = y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
            x1 = limit
        area += (x1 - x0) * (y0 + y1) / 2
    return area / limit


def stretched_aupro(masks, scores, limit=0.3, overlapping=None, shifted=False):
    """200 thresholds, FPR below the limit (less the smallest where shifted), divided by its largest."""
    low, high = min(s.min() for s in scores), max(s.max() for s in scores)
    thresholds = [low + j * (high - low) / 200 for j in range(200)]
    fpr, pro = curve(masks, scores, thresholds, strict=True, overlapping=overlapping)
    kept = [(f - fpr[-1] * shifted, p) for f, p in zip(fpr, pro, strict=True) if f < limit]
    if not kept or kept[0][0] == 0:
        return np.nan
    area = sum((a[0] - b[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(kept))
    return area / kept[0][0]
