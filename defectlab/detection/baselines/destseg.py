"""`Destseg`: DeSTSeg, a student that must say what was normal under the defect, and a head that learns to compare."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from defectlab.detection.backbones import BackboneSpec, create
from defectlab.detection.baselines.destseg_network import DestsegNetwork, shrink_mask
from defectlab.detection.baselines.features import FrozenMaps, load_model, map_indices
from defectlab.detection.inputs import FLIPS
from defectlab.detection.student_teacher.losses import Losses, distance_loss, focal_loss
from defectlab.detection.student_teacher.network import Output
from defectlab.detection.student_teacher.pair_detector import PairDetector
from defectlab.detection.student_teacher.settings import TrainingSettings
from defectlab.detection.student_teacher.training import PairTrainer
from defectlab.detection.weights import WeightsReport

STRIDES = (4, 8, 16)
"""Of the teacher's maps: the first three stages of its ResNet-18."""


@dataclass(frozen=True)
class DestsegSettings(TrainingSettings):
    """Settings of `Destseg`; the defaults are the paper's (Zhang et al. 2023, section 4.1).

    Attributes:
        backbone: timm name of a convolutional network, teacher and the student's encoder; ResNet-18, or ``"auto"``.
        weights: of the teacher, as `features.load_model`.
        size: ``(height, width)`` of the images; 256.
        layers: the teacher's maps; ``None``: those of stride 4, 8 and 16.
        head_width: channels of the head; not stated.
        gamma: of the focal loss; 4.
        cosine_batch: the cosine loss of a batch is the ``"sum"`` of its images', as in the released code, which the
            learning rate goes with; or their ``"mean"``.
        top_k: pixels that the score of an image averages; 100.
        cosine_steps: steps in which the student learns alone, after which it is frozen and the head learns; 1000.
        steps: both phases; 5000.
        batch_size: triplets a step; 32.
        lr: of SGD with momentum, of the student; 0.4.
        lr_residual: of the head's residual blocks; 0.1.
        lr_pyramid: of its spatial pyramid; 0.01.
        momentum: 0.9.
        weight_decay: 1e-4.
        clip: largest norm of the gradient; none.
        normal_share: share of draws with the normal image and an empty mask; 0, every image of the paper is anomalous
            (though a Perlin mask may be empty).
        flips: mirror images that a draw picks from.
        amp: bfloat16 on a GPU while training.
        every: steps from one checkpoint and row of the log to the next.
        seed: of weights and order.
    """

    backbone: str = "resnet18.tv_in1k"
    weights: str = "imagenet"
    size: tuple[int, int] = (256, 256)
    layers: tuple[int, ...] | None = None
    head_width: int = 256
    gamma: float = 4.0
    cosine_batch: str = "sum"
    cosine_steps: int = 1000
    steps: int = 5000
    batch_size: int = 32
    lr: float = 0.4
    lr_residual: float = 0.1
    lr_pyramid: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 1e-4
    clip: float = math.inf
    normal_share: float = 0.0

    def __post_init__(self) -> None:
        if self.cosine_batch not in ("sum", "mean"):
            raise ValueError(f"cosine_batch must be sum or mean, got {self.cosine_batch!r}")
        if self.flips not in FLIPS:
            raise ValueError(f"flips must be one of {', '.join(FLIPS)}, got {self.flips!r}")
        for name, least in {"head_width": 1, "top_k": 1, "every": 1, "batch_size": 2, "gamma": 0, "seed": 0}.items():
            if getattr(self, name) < least:  # BatchNorm over the whole image needs two
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if min(self.lr, self.lr_residual, self.lr_pyramid, self.clip) <= 0 or not 0 <= self.momentum < 1:
            raise ValueError("lr, lr_residual, lr_pyramid and clip must be above 0 and momentum in [0, 1)")
        if not 0 <= self.cosine_steps < self.steps or not 0 <= self.normal_share < 1:
            raise ValueError(
                "cosine_steps must be at least 0 and below steps, normal_share in [0, 1), "
                f"got {self.cosine_steps} of {self.steps}, {self.normal_share}"
            )


def paper(**changes: Any) -> DestsegSettings:
    """One GPU: the settings of the paper."""
    return replace(DestsegSettings(), **changes)


def laptop(**changes: Any) -> DestsegSettings:
    """Minutes without a GPU: the shipped encoder as teacher at 128 pixels, 300 steps in the paper's two phases."""
    small: dict[str, Any] = {"backbone": "auto", "weights": "pocket", "size": (128, 128), "head_width": 32}
    small |= {"steps": 300, "cosine_steps": 150, "batch_size": 8, "every": 50}
    return paper(**small | changes)


def smoke(**changes: Any) -> DestsegSettings:
    """Seconds, for tests: a random ResNet of ten layers, four steps on 32 pixels."""
    tiny: dict[str, Any] = {"backbone": "test_resnet", "weights": "none", "size": (32, 32), "head_width": 8}
    tiny |= {"steps": 4, "cosine_steps": 2, "batch_size": 2, "every": 2}
    return laptop(**tiny | changes)


class DestsegTrainer(PairTrainer):
    """SGD at three rates; the student first, then the head."""

    network: DestsegNetwork
    settings: DestsegSettings

    def make_optimiser(self) -> torch.optim.SGD:
        """Student, residual blocks and pyramid, each at its own rate."""
        s, network = self.settings, self.network
        parts = ((network.student, s.lr), (network.head.residual, s.lr_residual), (network.head.pyramid, s.lr_pyramid))
        groups = [{"params": list(part.parameters()), "scale": rate / s.lr} for part, rate in parts]
        return torch.optim.SGD(groups, lr=s.lr, momentum=s.momentum, weight_decay=s.weight_decay)

    def losses(self, output: Output, mask: Tensor) -> Losses:
        """Cosine distance summed over levels; focal and L1 at the size of the head's map."""
        s = self.settings
        levels = torch.stack([(1 - (t * f).sum(dim=1)).mean() for t, f in output.pairs])
        cosine = levels.sum() * (len(mask) if s.cosine_batch == "sum" else 1)  # DeSTSeg Eq. 2 and 3
        if output.logits is None:
            zero = torch.zeros((), device=mask.device)
            return Losses(cosine, zero, zero, cosine)
        logits = output.logits.float()
        small = shrink_mask(mask, (logits.shape[2], logits.shape[3]))
        focal, distance = focal_loss(logits, small, s.gamma), distance_loss(logits, small)  # Eq. 4 and 5
        return Losses(cosine, focal, distance, cosine + focal + distance)


class Destseg(PairDetector):
    """DeSTSeg, written from its paper: see `DestsegSettings`, and `PairDetector` for everything else.

    Source: Zhang, Li, Lin, Wu, Tang: DeSTSeg: Segmentation Guided Denoising Student-Teacher for Anomaly Detection,
    CVPR 2023. The paper makes its anomalies as DRAEM does; here they come from the synthesizer that is given.
    """

    name = "destseg"
    settings_class = DestsegSettings
    trainer_class = DestsegTrainer
    settings: DestsegSettings

    def make_network(self) -> tuple[DestsegNetwork, WeightsReport]:
        """Teacher with its weights, student and head."""
        s = self.settings
        model, spec, report = load_model(s.backbone, s.weights, s.size, s.seed)
        if len({int(stage["reduction"]) for stage in model.feature_info}) < len(STRIDES):
            raise ValueError(
                f"DeSTSeg needs a convolutional teacher with maps of stride {STRIDES}, got {spec.architecture!r}: "
                "take backbone='resnet18.tv_in1k' or weights='pocket'"
            )
        return self._around(FrozenMaps(model, spec, map_indices(model, spec, s.layers, STRIDES))), report

    def remake_network(self, spec: BackboneSpec) -> DestsegNetwork:
        """The network for weights still to come."""
        model = create(spec, seed=0)
        return self._around(FrozenMaps(model, spec, map_indices(model, spec, self.settings.layers, STRIDES)))

    def _around(self, teacher: FrozenMaps) -> DestsegNetwork:
        return DestsegNetwork(teacher, self.settings.head_width, self.settings.seed, self.settings.cosine_steps > 0)
