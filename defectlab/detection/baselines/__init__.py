"""The systems that the student-teacher paper compares with, as detectors of this package."""

from defectlab.detection.baselines.registry import BASELINES, Baseline, make_baseline

__all__ = ["BASELINES", "Baseline", "make_baseline"]
