"""Images as feature vectors of a backbone: what Fréchet distances and nearest neighbours are measured in."""

from __future__ import annotations

import torch
from torch import Tensor

from defectlab.data.base import SurfaceDataset
from defectlab.detection.backbones import cut
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.inputs import images
from defectlab.detection.weights import load_backbone
from defectlab.devices import pick_device


def embed(dataset: SurfaceDataset, config: ClassifierConfig, stride: int, device: str = "auto") -> Tensor:
    """Mean over all places of one feature map of the frozen backbone.

    Args:
        dataset: images, brought to ``config.size``.
        config: names backbone and weights; nothing else of it is read.
        stride: pixels from one feature to the next: 4 for the first stage, 8 for the second, ...
        device: where to compute.

    Returns:
        float32 ``(n, channels)`` on the CPU. Each image goes through alone, so nothing depends on a batch.
    """
    model, spec, _ = load_backbone(config)
    chosen = pick_device(device)
    front = cut(model, spec, stride, "none").front.eval().to(chosen)
    with torch.inference_mode():
        features = [
            front(image[None].to(chosen).float().div(255)).mean(dim=(2, 3)).cpu()
            for image in images(dataset, config.size)
        ]
    return torch.cat(features)
