"""Inception score: bounds, a case by hand, torchmetrics."""

import math

import pytest
import torch
from torch import nn
from torchmetrics.image.inception import InceptionScore as Peer

from defectlab.evaluation.inception_score import inception_score


class Given(nn.Module):
    """Hands torchmetrics logits that are computed already."""

    num_features = 5

    def forward(self, logits):
        return logits


def random_logits(n: int = 60, seed: int = 0) -> torch.Tensor:
    return 2 * torch.randn(n, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def peer(logits: torch.Tensor, splits: int) -> tuple[float, float]:
    metric = Peer(feature=Given(), splits=splits)
    metric.update(logits)
    mean, sd = metric.compute()
    return float(mean), float(sd)


@pytest.mark.filterwarnings("ignore:std")  # of one part
def test_agrees_with_torchmetrics_on_the_whole_set():
    assert inception_score(random_logits(), splits=1).mean == pytest.approx(peer(random_logits(), 1)[0], rel=1e-6)


def test_agrees_with_torchmetrics_in_parts_of_the_same_order(monkeypatch):
    monkeypatch.setattr(torch, "randperm", lambda n, **_: torch.arange(n))
    ours = inception_score(random_logits(), splits=10)
    assert (ours.mean, ours.sd) == pytest.approx(peer(random_logits(), 10), rel=1e-6)


def test_one_sure_image_a_class_scores_the_number_of_classes_and_equal_images_score_one():
    sure = 1000 * torch.eye(5).repeat(4, 1)
    assert inception_score(sure, splits=1).mean == pytest.approx(5)
    assert inception_score(sure[:1].repeat(20, 1), splits=2).mean == pytest.approx(1)
    assert inception_score(torch.zeros(20, 5), splits=2).mean == pytest.approx(1)


def test_two_images_by_hand():
    p = torch.tensor([[0.8, 0.2], [0.4, 0.6]])
    divergence = (0.8 * math.log(0.8 / 0.6) + 0.2 * math.log(0.2 / 0.4) + 0.4 * math.log(0.4 / 0.6)
                  + 0.6 * math.log(0.6 / 0.4)) / 2  # fmt: skip
    report = inception_score(p.log(), splits=1)
    assert report.mean == pytest.approx(math.exp(divergence)) and report.sd == 0
    assert str(report) == f"{math.exp(divergence):.3g} ± 0 (2 images in 1 parts, at most 2)"


def test_too_few_images_for_the_parts_are_refused():
    with pytest.raises(ValueError, match=r"n >= 20"):
        inception_score(random_logits(19))
    with pytest.raises(ValueError, match="splits: expected at least 1"):
        inception_score(random_logits(), splits=0)
