"""What the trainings of the shipped networks have in common: one way down, one folder, a model at any checkpoint."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from defectlab.detection.checkpoints import TrainingFolder, write_rows
from defectlab.detection.encoder.settings import ARCHITECTURE, NORMALISE, OPTIONS
from defectlab.detection.step_training import StepSettings, StepTrainer
from defectlab.files import atomic_path, write_json


class PretrainingSettings(StepSettings, Protocol):
    """A frozen dataclass with further fields of its own."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def bfloat16(self) -> bool:
        """Autocast to bfloat16."""


class Pretraining(StepTrainer):
    """One training in a folder, which a second call goes on with, to the bit on the CPU.

    Args:
        folder: for ``checkpoint.pt``, ``log.csv`` and the encoder as ``model``.
        settings: the settings; a checkpoint of other ones is refused.
        networks: all that learns, on its device, by its name in the checkpoint.
        optimiser: of them.
        learning: the weights whose gradient is shortened together.
    """

    name: ClassVar[str]
    interval: ClassVar[int]
    clip: ClassVar[float]

    def __init__(
        self,
        folder: Path,
        settings: PretrainingSettings,
        networks: Mapping[str, nn.Module],
        optimiser: torch.optim.Optimizer,
        learning: Sequence[nn.Parameter],
    ) -> None:
        self.folder, self.networks, self.optimiser, self.learning = Path(folder), networks, optimiser, learning
        self.key, self.bfloat16 = asdict(settings), settings.bfloat16
        self.device = next(iter(learning)).device
        kept = TrainingFolder(self.folder, self.key, {**networks, "optimiser": optimiser}, self.device)
        super().__init__(kept, settings, self.interval, self.name)

    @abstractmethod
    def losses(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a step, and its parts and other numbers for the log; a function of weights and step."""

    @abstractmethod
    def write_model(self, folder: Path, training: dict[str, Any]) -> None:
        """Writes the encoder.

        Args:
            folder: made where it is not there.
            training: settings and steps, for ``config.json``.
        """

    def numbers(self, step: int) -> dict[str, float]:
        """One step of the optimiser; gives the numbers of `losses`."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.pace.rate(step)
        for network in self.networks.values():
            network.train()
        loss, parts = self.losses(step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.learning, self.clip)
        self.optimiser.step()
        return {name: part.item() for name, part in parts.items()}

    def autocast(self) -> torch.autocast:
        """In bfloat16 where the settings say so."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    def save(self) -> None:
        """Writes checkpoint, log and model, each whole or not at all."""
        super().save()
        self.write_model(self.folder / "model", self.key | {"steps_done": self.step})
        write_rows(self.folder / "model" / "log.csv", self.rows)


def write_encoder(
    folder: Path,
    encoder: nn.Module,
    training: dict[str, Any],
    architecture: str = ARCHITECTURE,
    options: dict[str, Any] = OPTIONS,
) -> None:
    """Writes an encoder as timm's hub folders are, floats as float16: ``config.json`` and ``model.safetensors``."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {k: v.detach().cpu().contiguous() for k, v in encoder.state_dict().items()}
    tensors = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
    with atomic_path(folder / "model.safetensors") as partial:
        save_file(tensors, partial)
    config = {"architecture": architecture, "model_args": options, "pretrained_cfg": NORMALISE}
    write_json(folder / "config.json", config | {"training": training})
