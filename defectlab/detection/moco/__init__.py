"""Momentum contrast: encoders trained on images without labels, and what they are worth."""

from defectlab.detection.moco.baselines import supervised_backbone, untrained_backbone
from defectlab.detection.moco.diagnostics import Diagnosis, collapsed, diagnose
from defectlab.detection.moco.losses import LOSSES, contrastive_loss
from defectlab.detection.moco.probe import ProbeReport, ProbeSettings, probe
from defectlab.detection.moco.settings import MoCoSettings, laptop, paper, smoke, v1, v2
from defectlab.detection.moco.training import MoCoTrainer

__all__ = [
    "LOSSES",
    "Diagnosis",
    "MoCoSettings",
    "MoCoTrainer",
    "ProbeReport",
    "ProbeSettings",
    "collapsed",
    "contrastive_loss",
    "diagnose",
    "laptop",
    "paper",
    "probe",
    "smoke",
    "supervised_backbone",
    "untrained_backbone",
    "v1",
    "v2",
]
