"""The two backbones that the paper does not compare with: one that was never trained, one trained with labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from defectlab.data.base import SurfaceDataset
from defectlab.detection.inputs import images
from defectlab.detection.moco.augmentations import PRESETS
from defectlab.detection.moco.batches import check_batches, epoch_batches, step_generator
from defectlab.detection.moco.model import Embedder, make_backbone
from defectlab.detection.moco.settings import MoCoSettings
from defectlab.detection.moco.training import classes_of
from defectlab.detection.training import seeded
from defectlab.devices import pick_device


def untrained_backbone(settings: MoCoSettings) -> Embedder:
    """The weights that a training of these settings starts from; what its features give is architecture alone."""
    return _embedder(settings).eval()


def supervised_backbone(dataset: SurfaceDataset, settings: MoCoSettings, device: str = "auto") -> Embedder:
    """The same backbone trained with labels: as many epochs, the same views, batches and optimiser, cross-entropy.

    Args:
        dataset: images with classes, at least two.
        settings: queue, loss, momentum and composition are not read.
        device: where to compute.

    Raises:
        ValueError: if there is one class only, or too few images for a batch.
        RuntimeError: if the loss is no longer finite.
    """
    chosen, (labels, names) = pick_device(device), classes_of(dataset)
    if len(names) < 2:
        raise ValueError(f"a supervised backbone needs two classes at least, {dataset.name!r} has {names}")
    check_batches(labels, names, settings.batch_size, "shuffled")
    data = torch.stack(list(images(dataset, (settings.size, settings.size))))
    embedder = _embedder(settings).to(chosen)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        classifier = nn.Linear(int(embedder.backbone.num_features), len(names)).to(chosen)
    optimiser = torch.optim.SGD(
        [*embedder.backbone.parameters(), *classifier.parameters()],
        lr=settings.lr,
        momentum=settings.sgd_momentum,
        weight_decay=settings.weight_decay,
    )
    views = PRESETS[settings.augmentation]
    for epoch in range(settings.epochs):
        embedder.train()
        for group in optimiser.param_groups:
            group["lr"] = settings.rate(epoch)
        with seeded(settings.seed + epoch, chosen):
            for step, batch in enumerate(epoch_batches(labels, settings.batch_size, "shuffled", settings.seed, epoch)):
                view = views(data[batch].to(chosen), settings.size, step_generator(settings.seed, epoch, step))
                loss = F.cross_entropy(classifier(embedder.features(view)), labels[batch].to(chosen))
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
        if not torch.isfinite(loss):
            raise RuntimeError(
                f"the supervised loss became {loss.item()} in epoch {epoch + 1}: lower lr ({settings.lr})"
            )
    return embedder.eval()


def _embedder(settings: MoCoSettings) -> Embedder:
    backbone = make_backbone(settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return Embedder(backbone, settings.head, settings.dim)
