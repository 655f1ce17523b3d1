"""The network of `pocket`: a small conditional U-Net of diffusers, the words that condition it, its noise schedule."""

from __future__ import annotations

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn

from defectlab.synthesis.pocket.haar import CHANNELS
from defectlab.synthesis.pocket.words import DEFECTS, POLARITIES

SIDE = 128
"""Pixels a side of the crop that the network sees."""
WIDTH = 64
"""Length of a token."""


def make_unet() -> UNet2DConditionModel:
    """A U-Net of about 5 million parameters over 32 x 32 latents.

    Its input holds the noisy layer, the mask and the normal crop, 16 Haar bands each; its output the velocity of the
    layer.
    """
    return UNet2DConditionModel(
        sample_size=SIDE // 4,
        in_channels=3 * CHANNELS,
        out_channels=CHANNELS,
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def make_scheduler() -> DDIMScheduler:
    """The noise schedule of `pocket`: squared cosine, velocity, zero signal at the last step, trailing spacing."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        clip_sample=False,
    )


class WordEncoder(nn.Module):
    """Tokens of a defect and its polarity: the text encoder of `pocket`.

    The last row of the defect table is the empty prompt that classifier-free guidance needs.
    """

    tokens_per_defect = 4

    def __init__(self) -> None:
        super().__init__()
        self.defect = nn.Embedding(len(DEFECTS) + 1, self.tokens_per_defect * WIDTH)
        self.polarity = nn.Embedding(len(POLARITIES), WIDTH)

    def forward(self, defect: Tensor, polarity: Tensor) -> Tensor:
        """Tokens, float ``(n, 5, 64)``.

        Args:
            defect: int64 ``(n,)``, position in `words.DEFECTS`, or ``len(DEFECTS)`` for the empty prompt.
            polarity: int64 ``(n,)``, position in `words.POLARITIES`; not looked at for the empty prompt.
        """
        polarity = torch.where(defect == len(DEFECTS), torch.zeros_like(polarity), polarity)
        kind = self.defect(defect).view(len(defect), self.tokens_per_defect, WIDTH)
        return torch.cat([kind, self.polarity(polarity)[:, None]], dim=1)


def parameter_count(*modules: nn.Module) -> int:
    """Number of parameters of all modules together."""
    return sum(p.numel() for module in modules for p in module.parameters())
