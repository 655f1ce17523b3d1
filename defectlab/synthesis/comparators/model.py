"""`GeneratorModel`: a trained comparator of one class, and its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from defectlab.files import write_json
from defectlab.synthesis.comparators.recipe import Generator
from defectlab.synthesis.comparators.settings import ComparatorSettings
from defectlab.synthesis.diffusion.draws import generator_of
from defectlab.synthesis.model_folder import CONFIG, read_config, weights_of, write_weights

FORMAT = "defectlab {} 1"
Build = Callable[[ComparatorSettings], nn.Module]


@dataclass(frozen=True, eq=False)
class GeneratorModel:
    """A generator of one class.

    Attributes:
        network: a `Generator` with the averaged weights.
        name: class that it draws.
        steps: that it was trained for.
    """

    network: nn.Module
    name: str
    steps: int

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits of the weights."""
        digest = hashlib.sha256()
        for name, value in sorted(self.network.state_dict().items()):
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    def to(self, device: str | torch.device) -> Self:
        """The same model, its network moved to a device and ready to sample."""
        self.network.to(device).eval()
        return self

    def sample(self, indices: Sequence[int], seed: int, batch_size: int, temperature: float = 1.0) -> np.ndarray:
        """Draws images.

        Args:
            indices: numbers of the images, at most ``batch_size`` of them.
            seed: of the set.
            batch_size: a short batch is filled up to it and cut again, so that what an image becomes does not depend
                on how many are left to make.
            temperature: factor of the normal values that an image is made from.

        Returns:
            uint8 ``(n, size, size, 3)``; image ``i`` depends on ``(seed, i)`` alone.

        Raises:
            ValueError: if there are none or too many indices.
        """
        if not 1 <= len(indices) <= batch_size:
            raise ValueError(f"indices: expected 1 to batch_size {batch_size}, got {len(indices)}")
        generator = cast(Generator, self.network)
        filled = [*indices, *[indices[-1]] * (batch_size - len(indices))]
        z = torch.stack([torch.randn(generator.latent_size, generator=generator_of(seed, i)) for i in filled])
        with torch.inference_mode():
            images = generator.decode(temperature * z.to(next(self.network.parameters()).device))
        levels = (images.clamp(-1, 1) + 1) * 127.5  # [-1, 1] to 0..255
        return levels[: len(indices)].round().byte().permute(0, 2, 3, 1).cpu().numpy()

    @classmethod
    def load(cls, folder: str | Path, kind: str, settings: type[ComparatorSettings], build: Build) -> Self:
        """The model of a folder, on the CPU.

        Args:
            folder: that `write_model` wrote.
            kind: such as ``"gan"``.
            settings: of the kind.
            build: network of settings.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it is of another kind, or its weights are damaged or do not belong to it.
        """
        folder = Path(folder)
        config = read_config(folder, FORMAT.format(kind), f"the trainer of a {kind} wrote")
        network = build(settings(**config["settings"]))
        with weights_of(folder) as weights:
            network.load_state_dict(weights)
        return cls(network, config["class"], int(config["steps"])).to("cpu")


def write_model(
    folder: Path, kind: str, weights: Mapping[str, Tensor], settings: ComparatorSettings, name: str, steps: int
) -> None:
    """Writes a model, each file whole or not at all.

    Args:
        folder: made where it is not there.
        kind: such as ``"gan"``.
        weights: of the network, by name.
        settings: of the training.
        name: class that it draws.
        steps: that it was trained for.
    """
    write_weights(folder, weights)
    content = {"format": FORMAT.format(kind), "class": name, "steps": steps, "settings": asdict(settings)}
    write_json(folder / CONFIG, content)
