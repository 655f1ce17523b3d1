"""`Gan`: images of deep convolutional generative adversarial networks, one a class."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from defectlab.synthesis.comparators.comparator import Comparator
from defectlab.synthesis.comparators.networks import Decoder, Encoder, start_small
from defectlab.synthesis.comparators.recipe import Recipe, centred, normal
from defectlab.synthesis.comparators.settings import ComparatorSettings, GanSettings


class GanGenerator(Decoder):
    """The generator of a DCGAN."""

    def decode(self, z: Tensor) -> Tensor:
        """Images ``(n, 3, size, size)`` in [-1, 1] from standard normal values ``(n, latent)``."""
        return self(z)


class GanRecipe(Recipe):
    """A DCGAN with the non-saturating loss: critic first, generator second, once each a step.

    Source: Goodfellow et al. 2014, algorithm 1 and section 3; Radford et al. 2016, section 4.
    """

    kind = "gan"
    settings: GanSettings

    def __init__(self, settings: GanSettings, device: torch.device) -> None:
        super().__init__(settings)
        self.to(device)
        betas = (settings.beta1, 0.999)
        parts = {"generator": self.network, "discriminator": self.others["discriminator"]}
        self.optimisers = {name: self.adam(network, betas) for name, network in parts.items()}

    @staticmethod
    def build(settings: ComparatorSettings) -> GanGenerator:
        """The generator with its first weights."""
        assert isinstance(settings, GanSettings)
        network = GanGenerator(settings, settings.latent, settings.channels)
        start_small(network)
        return network

    def build_others(self) -> nn.ModuleDict:
        """The discriminator, which gives one logit an image."""
        discriminator = Encoder(self.settings, 1, self.settings.channels)
        start_small(discriminator)
        return nn.ModuleDict({"discriminator": discriminator})

    def step(self, images: Tensor, generator: torch.Generator, rate: float) -> dict[str, float]:
        """Losses of discriminator and generator; the learning rate stays, as in the paper of the DCGAN."""
        judge, real = self.others["discriminator"], centred(images)
        made = self.network(normal((len(real), self.settings.latent), generator, real))
        # -log D(x) - log(1 - D(G(z))), on logits; real and made apart, as batch normalisation wants them
        loss = softplus(-judge(real)).mean() + softplus(judge(made.detach())).mean()
        judged = self.descend("discriminator", loss, judge.parameters(), 1.0)
        fooled = softplus(-judge(made)).mean()  # -log D(G(z)), the non-saturating form
        return {"discriminator": judged, "generator": self.descend("generator", fooled, self.network.parameters(), 1.0)}


class Gan(Comparator[GanSettings]):
    """Learns a DCGAN for each class and draws from it; see `Comparator` for arguments and `Ddpm` for the form."""

    name = "gan"
    recipe: ClassVar = GanRecipe
