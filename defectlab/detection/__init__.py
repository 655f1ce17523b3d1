"""Detectors: what tells defective surfaces from normal ones."""

from defectlab.detection.base import Detector, Scores, require_both_classes, require_masks
from defectlab.detection.classifier import Classifier
from defectlab.detection.config import ClassifierConfig, in_and_out, laptop, paper, released, smoke
from defectlab.detection.weights import WeightsReport

__all__ = [
    "Classifier",
    "ClassifierConfig",
    "Detector",
    "Scores",
    "WeightsReport",
    "in_and_out",
    "laptop",
    "paper",
    "released",
    "require_both_classes",
    "require_masks",
    "smoke",
]
