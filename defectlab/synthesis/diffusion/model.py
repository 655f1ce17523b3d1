"""`DiffusionModel`: a trained network with all that is needed to sample from it, and its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from defectlab.files import write_json
from defectlab.synthesis.diffusion.network import NoiseNetwork
from defectlab.synthesis.diffusion.schedule import NoiseSchedule
from defectlab.synthesis.diffusion.settings import DiffusionSettings
from defectlab.synthesis.model_folder import CONFIG, read_config, weights_of, write_weights

FORMAT = "defectlab diffusion 1"
"""What ``config.json`` says of a folder that holds such a model."""


@dataclass(frozen=True, eq=False)
class DiffusionModel:
    """A model of one class, or one that knows several.

    Attributes:
        network: with the averaged weights.
        settings: that it was trained with.
        classes: that it draws. One class: the network is told none. Several: the network is told which.
        steps: that it was trained for.
    """

    network: NoiseNetwork
    settings: DiffusionSettings
    classes: tuple[str, ...]
    steps: int = 0

    @property
    def schedule(self) -> NoiseSchedule:
        """Of the noise."""
        return NoiseSchedule.linear(self.settings.timesteps, self.settings.beta_start, self.settings.beta_end)

    @property
    def conditional(self) -> bool:
        """True where the network is told the class."""
        return len(self.classes) > 1

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits of the weights."""
        digest = hashlib.sha256()
        for name, value in sorted(self.network.state_dict().items()):
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    def place(self, name: str) -> int:
        """Index of a class.

        Raises:
            ValueError: if the model does not know it.
        """
        if name not in self.classes:
            raise ValueError(f"class {name!r}: this model draws {', '.join(self.classes)}")
        return self.classes.index(name)

    def to(self, device: str | torch.device) -> Self:
        """The same model, its network moved to a device and ready to sample."""
        self.network.to(device).eval()
        return self

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The model of a folder, on the CPU.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it is of another kind, or its weights are damaged or do not belong to it.
        """
        folder = Path(folder)
        config = read_config(folder, FORMAT, "the diffusion trainer wrote")
        settings = settings_from_json(config["settings"])
        network = blank_network(settings, tuple(config["classes"]))
        with weights_of(folder) as weights:
            network.load_state_dict(weights)
        return cls(network, settings, tuple(config["classes"]), int(config["steps"])).to("cpu")


def blank_network(settings: DiffusionSettings, classes: tuple[str, ...]) -> NoiseNetwork:
    """The network that a training on these classes starts from.

    Raises:
        ValueError: if there is no class, or one twice.
    """
    if not classes or len(set(classes)) != len(classes):
        raise ValueError(f"classes: expected at least one, each once, got {classes}")
    return NoiseNetwork(settings, n_classes=len(classes) if len(classes) > 1 else 0)


def write_model(
    folder: Path, weights: Mapping[str, Tensor], settings: DiffusionSettings, classes: tuple[str, ...], steps: int
) -> None:
    """Writes a model, each file whole or not at all.

    Args:
        folder: made where it is not there.
        weights: of the network, by name; written as float32.
        settings: of the training.
        classes: that it draws.
        steps: that it was trained for.
    """
    write_weights(folder, weights, torch.float32)
    write_json(
        folder / CONFIG, {"format": FORMAT, "classes": list(classes), "steps": steps, "settings": asdict(settings)}
    )


def settings_from_json(values: Mapping[str, object]) -> DiffusionSettings:
    """Settings as JSON gave them back: lists become tuples."""
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return DiffusionSettings(**plain)  # type: ignore[arg-type]
