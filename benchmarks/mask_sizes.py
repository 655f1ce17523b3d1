"""How much a mask grows when it is made smaller by the maximum over the area, beside the nearest pixel.

python benchmarks/mask_sizes.py                           # lines drawn at random
python benchmarks/mask_sizes.py FOLDER/screw --side 128   # masks of a category in the layout of MVTec AD

Released codes take the nearest pixel; here a pixel of the small mask is defect where any of its area was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from defectlab.data.images import read_mask, resize_mask
from defectlab.synthesis.lines import LineMasks


def nearest(mask: np.ndarray, side: int) -> np.ndarray:
    """The mask at ``(side, side)`` by its nearest pixel, as released codes do."""
    return cv2.resize(mask.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST_EXACT) > 0


def regions(mask: np.ndarray) -> int:
    """8-connected regions."""
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1


def main() -> None:
    """Prints the ratio of areas, the masks that are lost, and the number of regions."""
    parser = argparse.ArgumentParser(description="masks made smaller: maximum over the area beside the nearest pixel")
    parser.add_argument("folder", nargs="?", type=Path, help="category with ground_truth/TYPE/NAME_mask.png")
    parser.add_argument("--side", type=int, default=128, help="of the small masks in pixels (default 128)")
    args = parser.parse_args()

    if args.folder is None:
        rng = np.random.default_rng(0)
        masks = [LineMasks().draw(rng, 2 * args.side, 2 * args.side)[0] for _ in range(50)]
    else:
        masks = [read_mask(path) for path in sorted((args.folder / "ground_truth").rglob("*_mask.png"))]
    if not masks:
        parser.error(f"{args.folder}: expected masks under ground_truth, found none")
    pairs = [(resize_mask(mask, (args.side, args.side)), nearest(mask, args.side)) for mask in masks]
    ratios = [ours.sum() / theirs.sum() for ours, theirs in pairs if theirs.any()]
    print(f"{len(masks)} masks of {masks[0].shape[0]} x {masks[0].shape[1]} pixels, made {args.side} a side")
    print(
        f"  area by the maximum over that by the nearest pixel: mean {np.mean(ratios):.2f}, largest {max(ratios):.2f}"
    )
    print(f"  lost by the nearest pixel: {len(masks) - len(ratios)}")
    counts = [sum(regions(pair[way]) for pair in pairs) for way in (0, 1)]
    print(f"  regions: {counts[0]} by the maximum, {counts[1]} by the nearest pixel")


if __name__ == "__main__":
    main()
