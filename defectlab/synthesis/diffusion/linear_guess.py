"""The best linear guess at the noise, from mean and spectrum of the images: Wiener's filter, which needs no training.

Of a stationary Gaussian texture it is the whole answer. A network that corrects it starts where a plain one is after
thousands of steps, and never has to carry noise that the filter has told already. Not in the papers; the corrections
are scaled as in Karras et al. 2022, section 5, frequency by frequency.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEAST = 1e-6
"""Least power of a frequency, in units of [-1, 1] squared; a thousandth of a grey level of white noise is less."""
OPPONENT = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
OPPONENT = OPPONENT / OPPONENT.norm(dim=1, keepdim=True)
"""Grey, red against green, yellow against blue: orthonormal, and nearly uncorrelated in pictures of surfaces."""


class LinearGuess(nn.Module):
    """Statistics of the images, one row a class and a last one of all, and what they tell of the noise.

    Args:
        rows: one for a model of one class; the number of classes and one more for a model of several.
        size: side of the images in pixels.
        bars: ``abar`` of each level, shape ``(T,)``.
    """

    mean: Tensor
    power: Tensor
    bars: Tensor

    def __init__(self, rows: int, size: int, bars: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(rows, 3, size, size))
        self.register_buffer("power", torch.ones(rows, 3, size, size // 2 + 1))
        self.register_buffer("bars", bars.float(), persistent=False)

    @torch.no_grad()
    def fit(self, images: Tensor, labels: Tensor) -> None:
        """Takes mean image and power spectrum of each class, and of all images where there are several classes.

        Args:
            images: uint8 ``(n, 3, size, size)``.
            labels: class of each, int64 ``(n,)``.
        """
        rows = len(self.mean)
        for row in range(rows):
            chosen = images if row == rows - 1 else images[labels == row]
            total, power = torch.zeros_like(self.mean[row]), torch.zeros_like(self.power[row])
            for part in chosen.split(64):
                total += (part.to(total.device).float() / 127.5 - 1).sum(0)
            self.mean[row] = total / len(chosen)
            for part in chosen.split(64):
                power += to_waves(part.to(total.device).float() / 127.5 - 1 - self.mean[row]).abs().square().sum(0)
            self.power[row] = (power / len(chosen)).clamp(min=LEAST)

    def whitened(self, x_t: Tensor, levels: Tensor, rows: Tensor | None = None) -> Tensor:
        """``x_t`` less the mean image, every frequency brought to unit variance: what the network sees.

        Args:
            x_t: ``(n, 3, h, w)``.
            levels: level of noise of each, int64 ``(n,)``.
            rows: class of each, int64 ``(n,)``; ``None`` for a model of one.

        Returns:
            float32, in the shape of ``x_t``.
        """
        waves, _, whole = self._seen(x_t, levels, rows)
        return from_waves(waves / whole.sqrt(), x_t.shape[-1])

    def forward(self, x_t: Tensor, levels: Tensor, correction: Tensor, rows: Tensor | None = None) -> Tensor:
        """The noise: the guess, and the correction brought to the size that the guess's error has at each frequency.

        Args:
            x_t: as in `whitened`.
            levels: likewise.
            correction: of the network, ``(n, 3, h, w)``; of unit variance where nothing is known.
            rows: as in `whitened`.

        Returns:
            float32, in the shape of ``x_t``.
        """
        waves, bar, whole = self._seen(x_t, levels, rows)
        guess = (1 - bar).sqrt() / whole * waves  # covariance of noise and x_t over the power of x_t
        error = (1 - (1 - bar) / whole).clamp(min=0).sqrt()  # 1 - covariance^2 / power
        return from_waves(guess + error * to_waves(correction.float()), x_t.shape[-1])

    def _seen(self, x_t: Tensor, levels: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Waves of ``x_t`` less its mean, ``abar``, and the power of ``x_t`` at each frequency."""
        row = torch.zeros_like(levels) if rows is None else rows
        bar = self.bars[levels].view(-1, 1, 1, 1)
        waves = to_waves(x_t.float() - bar.sqrt() * self.mean[row])
        return waves, bar, bar * self.power[row] + 1 - bar


def to_waves(images: Tensor) -> Tensor:
    """Opponent colours, Fourier transformed; white noise of variance 1 has power 1 at every frequency.

    Args:
        images: ``(n, 3, h, w)``.

    Returns:
        complex ``(n, 3, h, w // 2 + 1)``.
    """
    return torch.fft.rfft2(torch.einsum("oc,nchw->nohw", OPPONENT.to(images), images), norm="ortho")


def from_waves(waves: Tensor, width: int) -> Tensor:
    """The images that `to_waves` gives these waves for."""
    opponent = torch.fft.irfft2(waves, s=(waves.shape[-2], width), norm="ortho")
    return torch.einsum("oc,nohw->nchw", OPPONENT.to(opponent), opponent)
