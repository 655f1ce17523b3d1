"""Training of a `Recipe`: resumable, and equal to an unbroken run on a processor, bit by bit.

Order and noise are functions of seed and step; a checkpoint holds the rest: weights, averages, optimisers, log.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from defectlab.files import atomic_path
from defectlab.synthesis.comparators.model import GeneratorModel, write_model
from defectlab.synthesis.comparators.recipe import Recipe
from defectlab.synthesis.diffusion.draws import batch_indices, generator_of
from defectlab.synthesis.diffusion.folder_trainer import DivergedError, FolderTrainer, update_average
from defectlab.synthesis.diffusion.training import cosine_rate


class ComparatorTrainer(FolderTrainer):
    """One training in a folder, which a second call goes on with.

    Args:
        folder: where ``checkpoint.pt``, ``log.csv`` and ``model/`` go.
        recipe: on the device to compute on, with its first weights.
        images: uint8 ``(n >= 2, 3, size, size)``.
        name: class that the images are of.

    Raises:
        ValueError: if the images do not fit the settings, or the folder holds another training.
    """

    def __init__(self, folder: str | Path, recipe: Recipe, images: Tensor, name: str) -> None:
        side = recipe.settings.size
        if images.dtype != torch.uint8 or images.shape[1:] != (3, side, side) or len(images) < 2:
            found = f"{images.dtype} {tuple(images.shape)}"
            raise ValueError(f"images: expected uint8 (n >= 2, 3, {side}, {side}), got {found}")
        super().__init__(folder, recipe.settings, f"{recipe.kind} {name}")
        self.recipe, self.settings, self.name = recipe, recipe.settings, name
        self.images = images.contiguous()
        self.device = next(recipe.network.parameters()).device
        self.average = {key: value.detach().clone() for key, value in recipe.network.state_dict().items()}
        self.rows = list[dict[str, float]]()
        self._smooth: dict[str, float] = {}
        self._resume()

    def run(self) -> GeneratorModel:
        """Trains to the last step and gives the model of the averaged weights.

        Raises:
            DivergedError: if a loss or a gradient is no number any more; the last good checkpoint stays.
        """
        self.train()
        return GeneratorModel.load(self.folder / "model", self.recipe.kind, type(self.settings), self.recipe.build)

    def save(self) -> None:
        """Writes averaged model, log and checkpoint, each whole or not at all; the checkpoint last."""
        kind = self.recipe.kind
        write_model(self.folder / "model", kind, self.average, self.settings, self.name, self.step)
        with atomic_path(self.folder / "log.csv") as partial:
            pd.DataFrame(self.rows).to_csv(partial, index=False, lineterminator="\n")
        state = {
            "network": self.recipe.network.state_dict(), "average": self.average,
            "others": self.recipe.others.state_dict(),
            "optimisers": {key: value.state_dict() for key, value in self.recipe.optimisers.items()},
            "rows": self.rows, "smooth": self._smooth,
        }  # fmt: skip
        self.write_checkpoint(self._what(), state)

    def said(self) -> str:
        """The smoothed losses."""
        return ", ".join(f"{name} {value:.3f}" for name, value in self._smooth.items())

    def write_log(self) -> None:
        """Step, smoothed losses and seconds; `save` writes the rows."""
        self.rows.append({"step": self.step, **self._smooth, "seconds": round(self.seconds, 1)})

    def advance(self) -> None:
        """One step; the losses are smoothed."""
        s = self.settings
        chosen = batch_indices(len(self.images), s.batch_size, s.seed, self.step)
        batch = self.images[chosen].to(self.device)
        try:
            losses = self.recipe.step(batch, generator_of(s.seed, self.step), cosine_rate(self.step, s.steps, 1.0))
        except DivergedError as error:
            raise DivergedError(f"step {self.step} of {s.steps}: {error}; {self.last_good}") from error
        self._smooth = {key: 0.95 * self._smooth.get(key, value) + 0.05 * value for key, value in losses.items()}
        update_average(self.average, self.recipe.network, s.ema, self.step)
        self.step += 1

    def _what(self) -> dict[str, Any]:
        digest = hashlib.sha256(self.images.numpy().data).hexdigest()[:12]
        images = f"{len(self.images)} images, {digest}"
        return {"kind": self.recipe.kind, **asdict(self.settings), "class": self.name, "images": images}

    def _resume(self) -> None:
        state = self.read_checkpoint(self._what(), self.device)
        if state is None:
            return
        self.recipe.network.load_state_dict(state["network"])
        self.recipe.others.load_state_dict(state["others"])
        for key, optimiser in self.recipe.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][key])
        self.average, self.rows, self._smooth = state["average"], state["rows"], state["smooth"]
