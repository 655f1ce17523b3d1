"""Scales of `pocket`: what brings the layers of all defects and all Haar bands to about unit variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from defectlab.synthesis.pocket.haar import haar, inverse_haar


@dataclass(frozen=True)
class Scales:
    """Factors that bring layers and crops to about unit variance.

    Attributes:
        defect: one for each of `words.DEFECTS`: a thin crack has as much variance inside its mask as a stain.
        layer: one for each Haar band of the layer.
        crop: one for each Haar band of the crop.
    """

    defect: Tensor
    layer: Tensor
    crop: Tensor

    @classmethod
    def from_lists(cls, lists: dict[str, list[float]]) -> Self:
        """Scales from the lists of a ``config.json``."""
        return cls(**{name: torch.tensor(values) for name, values in lists.items()})

    def latents(self, layer: Tensor, defect: Tensor) -> Tensor:
        """Layers ``(n, 1, h, w)`` of classes ``(n,)`` as latents ``(n, 16, h / 4, w / 4)``."""
        return haar(layer * self.defect[defect].view(-1, 1, 1, 1)) * self.layer.view(1, -1, 1, 1)

    def layers(self, latents: Tensor, defect: Tensor) -> Tensor:
        """The layers that `latents` came from."""
        return inverse_haar(latents / self.layer.view(1, -1, 1, 1)) / self.defect[defect].view(-1, 1, 1, 1)
