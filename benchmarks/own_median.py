"""What a map without any learning gets: how far each pixel is from the median grey of its own image.

python benchmarks/own_median.py                                          # the embedded surfaces
python benchmarks/own_median.py --dataset mvtec --category screw --root FOLDER

Nothing is fitted and no normal image is read. Where such a map does well, the data reward finding the object, or an
image that is darker than others, and a detector has to be above it before it can be said to find defects.
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np

from defectlab.data import SurfaceDataset
from defectlab.evaluation import auroc, localisation_metrics, top_k_mean
from defectlab.experiments.categories import load_units
from defectlab.experiments.student_teacher_study import study_parameters


def own_median(image: np.ndarray, sigma: float = 2.0) -> np.ndarray:
    """Absolute difference of the smoothed grey image to its median.

    Args:
        image: ``(3, H, W)``, any range.
        sigma: of the Gaussian, in pixels.

    Returns:
        float32 ``(H, W)``, 0 where the image has its median grey.
    """
    grey = image.astype(np.float32).mean(axis=0)
    return np.abs(cv2.GaussianBlur(grey, (0, 0), sigma) - np.median(grey))


def measure(test: SurfaceDataset) -> dict[str, float]:
    """Metrics of the map on test images, the image score as in Eq. 6 of the student-teacher paper."""
    samples = [test[index] for index in range(len(test))]
    maps = np.stack([own_median(sample.image.numpy()) for sample in samples])
    masks = [np.zeros(maps.shape[1:], bool) if s.mask is None else s.mask[0].numpy().astype(bool) for s in samples]
    located = localisation_metrics(masks, maps)
    return {
        "image AUROC": auroc(test.labels, top_k_mean(maps)),
        "pixel AUROC": located.auroc,
        "pixel AP": located.average_precision,
        "AUPRO": located.aupro,
    }


def main() -> None:
    """Prints the metrics of each category, in per cent."""
    parser = argparse.ArgumentParser(description="a map without any learning on the test images of a data set")
    parser.add_argument("--dataset", default="surfaces")
    parser.add_argument("--category", default="", help="one category; empty: all that are there")
    parser.add_argument("--root", default="", help="folder of the data")
    args = parser.parse_args()
    given = {"dataset": args.dataset, "category": args.category, "data_root": args.root}
    for unit in load_units(study_parameters(given)).units:
        for category, test in unit.tests.items():
            values = ", ".join(f"{name} {100 * value:.1f}" for name, value in measure(test).items())
            print(f"{category}: {values}")


if __name__ == "__main__":
    main()
