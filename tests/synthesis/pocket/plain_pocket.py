"""Scales that change nothing, for models whose weights are random anyway."""

from __future__ import annotations

import torch

from defectlab.synthesis.pocket.scales import Scales


def plain_scales() -> Scales:
    return Scales(torch.ones(7), torch.ones(16), torch.ones(16))
