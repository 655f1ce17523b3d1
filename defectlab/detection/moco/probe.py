"""What a frozen backbone is worth: a head on its features, average precision of each class against the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score, confusion_matrix
from torch import Tensor, nn

from defectlab.data.base import SurfaceDataset
from defectlab.detection.inputs import images
from defectlab.detection.moco.model import Embedder
from defectlab.detection.moco.training import classes_of

BATCH = 64  # images a pass, fixed: features must not depend on a setting


@dataclass(frozen=True)
class ProbeSettings:
    """Training of a head.

    Attributes:
        hidden: width of a hidden layer; 0: a linear head.
        epochs: passes over the features.
        lr: learning rate of SGD, divided by ten after 60 % and 80 % of the epochs.
        batch_size: features a step.
        standardise: bring features to mean 0 and deviation 1 over the training images.
        seed: of the head and the order.
    """

    hidden: int = 0
    epochs: int = 100
    lr: float = 0.1
    batch_size: int = 64
    standardise: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size) < 1 or self.hidden < 0 or self.lr <= 0:
            raise ValueError(
                "epochs and batch_size must be at least 1, hidden at least 0 and lr above 0, "
                f"got {self.epochs}, {self.batch_size}, {self.hidden} and {self.lr}"
            )


def moco_probe() -> ProbeSettings:
    """The linear protocol of MoCo: rate 30 on features as they are (He et al. 2020, section 4.1)."""
    return ProbeSettings(lr=30.0, standardise=False, batch_size=256)


@dataclass(frozen=True)
class ProbeReport:
    """Predictions of a head on test images and what follows from them.

    Attributes:
        classes: names, in the order of the columns.
        labels: int64 ``(n,)``, true classes.
        probabilities: float64 ``(n, classes)``.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def average_precision(self) -> dict[str, float]:
        """AP of each class against the rest, by the step definition; NaN where the test set has none of it."""
        present = [(self.labels == c).any() for c in range(len(self.classes))]
        return {
            name: float(average_precision_score(self.labels == c, self.probabilities[:, c])) if present[c] else np.nan
            for c, name in enumerate(self.classes)
        }

    @property
    def mean_average_precision(self) -> float:
        """Mean over the classes that the test set has."""
        return float(np.nanmean(list(self.average_precision.values())))

    @property
    def confusion(self) -> pd.DataFrame:
        """Counts: a row a true class, a column a predicted one."""
        counts = confusion_matrix(self.labels, self.probabilities.argmax(1), labels=range(len(self.classes)))
        return pd.DataFrame(counts, index=list(self.classes), columns=list(self.classes))

    @property
    def accuracy(self) -> float:
        """Share of images whose likeliest class is the true one."""
        return float((self.probabilities.argmax(1) == self.labels).mean())


def features(dataset: SurfaceDataset, backbone: Embedder, size: int) -> Tensor:
    """Pooled features of the frozen backbone, float32 ``(n, width)`` on the CPU.

    Args:
        dataset: images, brought to ``size``.
        backbone: such as ``MoCoTrainer.backbone``; its projection is left out.
        size: side in pixels.
    """
    device, parts = next(backbone.parameters()).device, []
    backbone.eval()
    stacked = torch.stack(list(images(dataset, (size, size))))
    with torch.inference_mode():
        for batch in stacked.split(BATCH):
            parts.append(backbone.features(batch.to(device).float() / 255).cpu())
    return torch.cat(parts)


def probe(
    train: SurfaceDataset,
    test: SurfaceDataset,
    backbone: Embedder,
    size: int,
    settings: ProbeSettings | None = None,
) -> ProbeReport:
    """Trains a head on labels of ``train``, the backbone frozen, and reports on ``test``.

    Raises:
        ValueError: if ``train`` has fewer than two classes, or ``test`` has one that ``train`` has not.
    """
    labels, classes = classes_of(train)
    unknown = sorted({record.defect for record in test.records} - set(classes))
    if len(classes) < 2 or unknown:
        raise ValueError(
            f"a head needs two classes to learn and knows no other: train has {classes}, only test {unknown}"
        )
    truth = np.array([classes.index(record.defect) for record in test.records])
    learnt, asked = (features(part, backbone, size) for part in (train, test))
    return ProbeReport(classes, truth, fit_head(learnt, labels, asked, len(classes), settings or ProbeSettings()))


def fit_head(learnt: Tensor, labels: Tensor, asked: Tensor, n_classes: int, settings: ProbeSettings) -> np.ndarray:
    """Trains a head with cross-entropy.

    Args:
        learnt: features, shape ``(n, d)``.
        labels: int64 ``(n,)``.
        asked: features to predict for, shape ``(m, d)``.
        n_classes: number of classes.
        settings: the settings.

    Returns:
        Probabilities, float64 ``(m, n_classes)``.
    """
    if settings.standardise:
        mean, std = learnt.mean(dim=0), learnt.std(dim=0).clamp(min=1e-6)
        learnt, asked = (learnt - mean) / std, (asked - mean) / std
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        head = _head(learnt.shape[1], n_classes, settings.hidden)
    optimiser = torch.optim.SGD(head.parameters(), lr=settings.lr, momentum=0.9)
    drops = [round(share * settings.epochs) for share in (0.6, 0.8)]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, drops, 0.1)
    generator = torch.Generator().manual_seed(settings.seed)
    for _ in range(settings.epochs):
        for chosen in torch.randperm(len(learnt), generator=generator).split(settings.batch_size):
            loss = F.cross_entropy(head(learnt[chosen]), labels[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        schedule.step()
    with torch.inference_mode():
        predicted: np.ndarray = head(asked).double().softmax(dim=1).numpy()
    return predicted


def _head(width: int, n_classes: int, hidden: int) -> nn.Module:
    if hidden:
        return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, n_classes))
    return nn.Linear(width, n_classes)
