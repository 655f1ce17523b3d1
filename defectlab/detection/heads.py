"""The two heads: one logit on the global average (the papers), and the worst patches of the image (MIL)."""

from __future__ import annotations

from torch import Tensor, nn

from defectlab.detection.config import ClassifierConfig


def mean_of_top(logits: Tensor, k: int) -> Tensor:
    """Image logits from patch logits: the mean of the ``k`` highest.

    A thin crack covers a few patches of hundreds: a mean over all drowns it, the maximum alone hears noise.

    Args:
        logits: shape ``(n, h, w)``.
        k: patches that count; all of them where the map has fewer.

    Returns:
        Shape ``(n,)``.
    """
    flat = logits.flatten(1)
    return flat.topk(min(k, flat.shape[1]), dim=1).values.mean(dim=1)


class GapHead(nn.Module):
    """One logit on the global average of the features: ``Linear(C, 1)``, as papers.md 3.5."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Image logits of shape ``(n,)`` from features of shape ``(n, C, h, w)``."""
        return self.linear(features.mean(dim=(2, 3))).squeeze(1)


class PatchHead(nn.Module):
    """A logit at each place of the feature map; the image's logit is the mean of the highest.

    Args:
        channels: of the features.
        hidden: channels of the hidden layer, 0 for a linear head.
        k: how many places the image's logit averages.
    """

    def __init__(self, channels: int, hidden: int, k: int) -> None:
        super().__init__()
        # normalised first: a frozen backbone's channels differ in scale by orders of magnitude
        layers: list[nn.Module] = [nn.BatchNorm2d(channels, affine=False)]
        if hidden:
            layers += [nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True)]
        layers.append(nn.Conv2d(hidden or channels, 1, 1))
        self.patches = nn.Sequential(*layers)
        self.k = k

    def maps(self, features: Tensor) -> Tensor:
        """Patch logits of shape ``(n, h, w)`` from features of shape ``(n, C, h, w)``."""
        return self.patches(features).squeeze(1)

    def forward(self, features: Tensor) -> Tensor:
        """Image logits of shape ``(n,)`` from features of shape ``(n, C, h, w)``."""
        return mean_of_top(self.maps(features), self.k)


def make_head(config: ClassifierConfig, channels: int) -> nn.Module:
    """The head that the settings name, on features of so many channels."""
    return GapHead(channels) if config.head == "gap" else PatchHead(channels, config.hidden, config.top_k)
