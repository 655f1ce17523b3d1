"""The U-Net that tells the noise in an image: diffusers' `UNet2DModel` with the attention of the paper."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from diffusers import UNet2DModel
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from defectlab.synthesis.diffusion.attention import LinearAttention
from defectlab.synthesis.diffusion.linear_guess import LinearGuess
from defectlab.synthesis.diffusion.schedule import NoiseSchedule
from defectlab.synthesis.diffusion.settings import DiffusionSettings


class NoiseNetwork(nn.Module):
    """Tells the noise in ``x_t``, given its level and, where the model knows classes, its class.

    Args:
        settings: shape of the network.
        n_classes: classes that it can be told; 0 for an unconditional model. One more stands for "not told".
        seed: of the first weights; that of the settings where ``None``.
    """

    def __init__(self, settings: DiffusionSettings, n_classes: int = 0, seed: int | None = None) -> None:
        super().__init__()
        self.n_classes, self.patch = n_classes, settings.patch
        self.guess: LinearGuess | None = None
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            torch.manual_seed(settings.seed if seed is None else seed)
            self.unet = cast(Any, _unet(settings, n_classes))
            if settings.attention == "linear":
                _make_linear(self.unet)
        if settings.guess == "linear":
            schedule = NoiseSchedule.linear(settings.timesteps, settings.beta_start, settings.beta_end)
            self.guess = LinearGuess(n_classes + 1, settings.size, schedule.alpha_bars)
            nn.init.zeros_(self.unet.conv_out.weight)  # the first answer is the guess

    @property
    def untold(self) -> int:
        """Class index that stands for "not told"."""
        return self.n_classes

    def forward(self, x_t: Tensor, levels: Tensor, classes: Tensor | None = None) -> Tensor:
        """The noise, float32, in the shape of ``x_t``.

        Args:
            x_t: ``(n, 3, h, w)``.
            levels: level of noise of each, int64 ``(n,)``.
            classes: class of each, int64 ``(n,)``; `untold` where it is not told. Needed by a class-conditional
                network, and refused by any other.

        Raises:
            ValueError: if classes are missing or not wanted.
        """
        if (classes is None) == bool(self.n_classes):
            wanted = f"one of {self.n_classes} classes an image" if self.n_classes else "no classes"
            raise ValueError(f"classes: this network expects {wanted}, got {'none' if classes is None else 'some'}")
        if self.guess is None:
            return self._told(x_t, levels, classes)
        told = self._told(self.guess.whitened(x_t, levels, classes), levels, classes)
        return self.guess(x_t, levels, told, classes)

    def _told(self, x: Tensor, levels: Tensor, classes: Tensor | None) -> Tensor:
        """What the U-Net says, which sees pixels or squares of them."""
        if self.patch == 1:
            return self.unet(x, levels, class_labels=classes).sample.float()
        told = self.unet(pixel_unshuffle(x, self.patch), levels, class_labels=classes).sample
        return pixel_shuffle(told.float(), self.patch)

    def guided(self, x_t: Tensor, levels: Tensor, classes: Tensor, weight: float) -> Tensor:
        """The noise with classifier-free guidance: from the untold estimate towards the told one, and past it.

        Args:
            x_t: as in `forward`.
            levels: as in `forward`.
            classes: as in `forward`.
            weight: 1 is the told estimate as it is; 0 would be the untold one. Ho and Salimans 2022, Eq. 6, has
                ``w = weight - 1``.
        """
        untold = torch.full_like(classes, self.untold)
        both = self(torch.cat([x_t, x_t]), torch.cat([levels, levels]), torch.cat([untold, classes]))
        without, told = both.chunk(2)
        return without + weight * (told - without)


def _unet(settings: DiffusionSettings, n_classes: int) -> UNet2DModel:
    with_attention = [settings.attention != "none" and side in settings.attention_at for side in settings.sides]
    groups = math.gcd(32, *(c // 4 for c in settings.channels))  # groups of at least four channels
    return UNet2DModel(
        sample_size=settings.size // settings.patch,
        in_channels=3 * settings.patch**2,
        out_channels=3 * settings.patch**2,
        block_out_channels=settings.channels,
        layers_per_block=settings.layers,
        down_block_types=tuple("AttnDownBlock2D" if a else "DownBlock2D" for a in with_attention),
        up_block_types=tuple("AttnUpBlock2D" if a else "UpBlock2D" for a in reversed(with_attention)),
        add_attention=settings.attention != "none",
        attention_head_dim=math.gcd(32, *settings.channels),
        norm_num_groups=groups,
        resnet_time_scale_shift="default",
        num_class_embeds=n_classes + 1 if n_classes else None,
    )


def _make_linear(unet: Any) -> None:
    """Replaces the attention of all levels but the one between the way down and the way up, which is small."""
    for block in (*unet.down_blocks, *unet.up_blocks):
        if getattr(block, "attentions", None) is not None:
            block.attentions = nn.ModuleList(LinearAttention(layer.to_q.in_features) for layer in block.attentions)


def parameter_count(network: nn.Module) -> int:
    """Number of learnt values."""
    return sum(p.numel() for p in network.parameters())
