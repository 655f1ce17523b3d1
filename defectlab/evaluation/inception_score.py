"""Inception score: how sure a classifier is of each image, and how many classes it sees in all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from defectlab.evaluation.inputs import Features, as_features


@dataclass(frozen=True)
class InceptionScore:
    """A score with what is needed to read it.

    Attributes:
        mean: over the parts, in [1, classes]; higher where single images are told apart surely and differ in class.
        sd: standard deviation over the parts (divisor ``splits - 1``); 0 where there is one part.
        splits: parts that the images are cut into.
        n: number of images.
        classes: of the classifier: the score cannot be higher.
    """

    mean: float
    sd: float
    splits: int
    n: int
    classes: int

    def __str__(self) -> str:
        """One line: mean, spread, counts."""
        return f"{self.mean:.3g} ± {self.sd:.2g} ({self.n} images in {self.splits} parts, at most {self.classes})"


def inception_score(logits: Features, splits: int = 10, seed: int = 0) -> InceptionScore:
    """Exponential of the mean divergence between the classes of an image and those of its part of the set.

    It looks at generated images alone: a generator of one perfect image a class has the best score. On images of one
    texture, which ImageNet has no class for, it says little; it is here because DDPM-MoCo prints it.

    Args:
        logits: of a classifier, shape ``(n >= 2 splits, classes)``; Inception's 1008 without bias for the published
            score, see `defectlab.evaluation.inception.InceptionFeatures.logits`.
        splits: parts, at least 1; ten as published.
        seed: of the order of the images, which decides what part each is in.

    Returns:
        Mean and spread over the parts.

    Raises:
        ValueError: if the logits are unfit or too few for the parts.

    Source: Salimans et al. 2016, section 4; parts as in torchmetrics.
    """
    if splits < 1:
        raise ValueError(f"splits: expected at least 1, got {splits}")
    x = as_features("logits as", logits, at_least=2 * splits)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    scores = torch.stack([_score(part) for part in x[order.to(x.device)].chunk(splits)])
    sd = scores.std().item() if len(scores) > 1 else 0.0
    return InceptionScore(scores.mean().item(), sd, len(scores), len(x), x.shape[1])


def _score(logits: torch.Tensor) -> torch.Tensor:
    log_p = logits.log_softmax(dim=1)
    log_marginal = log_p.logsumexp(dim=0) - math.log(len(log_p))  # finite where a class is all but impossible
    return (log_p.exp() * (log_p - log_marginal)).sum(dim=1).mean().exp()  # exp E[KL(p(y | x) || p(y))]
