"""Training on normal, real and synthetic images in a stated mixture, stage by stage, at an equal number of steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from defectlab.detection.config import ClassifierConfig
from defectlab.detection.inputs import Inputs
from defectlab.detection.sampling import Order, cycle, epoch_seed
from defectlab.detection.training import Training

NORMAL, REAL, SYNTHETIC = 0, 1, 2
"""Kinds of images; both of the latter are defective."""


@dataclass(frozen=True)
class Stages:
    """What a training draws, an epoch of the loop being a stage.

    Attributes:
        draws: images in each stage; every other one is defective.
        shares: of each stage, the share of its defective draws that is synthetic; ``None`` draws all defective images
            equally often, whatever they are.
    """

    draws: int
    shares: tuple[float | None, ...]

    def __post_init__(self) -> None:
        if self.draws < 2 or not self.shares:
            raise ValueError(f"expected two draws and one stage at least, got {self.draws} and {len(self.shares)}")
        if any(share is not None and not 0 <= share <= 1 for share in self.shares):
            raise ValueError(f"shares: expected None or a number in [0, 1] for each stage, got {self.shares}")


def mixed_order(kinds: Tensor, draws: int, share: float | None, n_variants: int, seed: int) -> Order:
    """The draws of one stage: normal and defective in turn, each kind in shuffled rounds.

    Args:
        kinds: of each image, int64 ``(n,)``: `NORMAL`, `REAL` or `SYNTHETIC`.
        draws: images to draw.
        share: of the defective draws that is synthetic; ``None``: as they come.
        n_variants: mirror images to pick from.
        seed: of the draw.

    Raises:
        ValueError: if a kind that is to be drawn has no image.
    """
    generator = torch.Generator().manual_seed(seed)
    normal, defective = draws - draws // 2, draws // 2
    if share is None:
        positives = _rounds(kinds > 0, defective, "defective", generator)
    else:
        synthetic = round(share * defective)
        parts = [
            _rounds(kinds == SYNTHETIC, synthetic, "synthetic", generator),
            _rounds(kinds == REAL, defective - synthetic, "real defective", generator),
        ]
        positives = torch.cat(parts)[torch.randperm(defective, generator=generator)]
    normals = _rounds(kinds == NORMAL, normal, "normal", generator)
    indices = torch.cat([torch.stack([normals[:defective], positives], 1).flatten(), normals[defective:]])
    return Order(indices, torch.randint(n_variants, (draws,), generator=generator))


class MixedTraining(Training):
    """A training whose stages draw what `Stages` says; everything else is as in `Training`.

    Args:
        trained: the layers that learn.
        inputs: all images, of every kind.
        kinds: of each, int64 ``(n,)``.
        stages: as many as ``config.epochs``.
        config: the settings; ``balance`` is not read.
        device: where to compute.

    Raises:
        ValueError: if the stages are not as many as the epochs, or the kinds as the images.
    """

    def __init__(
        self,
        trained: nn.Sequential,
        inputs: Inputs,
        kinds: Tensor,
        stages: Stages,
        config: ClassifierConfig,
        device: torch.device,
    ) -> None:
        if len(stages.shares) != config.epochs or len(kinds) != len(inputs.labels):
            raise ValueError(
                f"expected {config.epochs} stages and {len(inputs.labels)} kinds, "
                f"got {len(stages.shares)} and {len(kinds)}"
            )
        self.kinds, self.stages = kinds, stages
        super().__init__(trained, inputs, None, config, device)

    def order(self, epoch: int) -> Order:
        """What a stage, from 0, draws."""
        chosen = epoch_seed(self.config.seed, epoch)
        return mixed_order(self.kinds, self.stages.draws, self.stages.shares[epoch], len(self.inputs.flips), chosen)


def _rounds(wanted: Tensor, n: int, what: str, generator: torch.Generator) -> Tensor:
    """``n`` places of the wanted images, none drawn twice more often than another."""
    places = wanted.nonzero().flatten()
    if not n:
        return places[:0]
    if not len(places):
        raise ValueError(f"{n} {what} images are to be drawn, and there are none")
    return cycle(places, n, generator)
