"""Training of a `Recipe`: resumable, and equal to an unbroken run on a processor, bit by bit.

Order and noise are functions of seed and step; a checkpoint holds the rest: weights, averages, optimisers, log.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from defectlab.files import atomic_path
from defectlab.synthesis.comparators.model import GeneratorModel, write_model
from defectlab.synthesis.comparators.recipe import Recipe
from defectlab.synthesis.diffusion.draws import batch_indices, generator_of
from defectlab.synthesis.diffusion.training import DivergedError, cosine_rate

LOG_EVERY = 10

log = logging.getLogger(__name__)


class ComparatorTrainer:
    """One training in a folder, which a second call goes on with.

    Args:
        folder: where ``checkpoint.pt``, ``log.csv`` and ``model/`` go.
        recipe: on the device to compute on, with its first weights.
        images: uint8 ``(n >= 2, 3, size, size)``.
        name: class that the images are of.

    Attributes:
        step: done so far.
        seconds: spent so far, in all sessions.

    Raises:
        ValueError: if the images do not fit the settings, or the folder holds another training.
    """

    def __init__(self, folder: str | Path, recipe: Recipe, images: Tensor, name: str) -> None:
        side = recipe.settings.size
        if images.dtype != torch.uint8 or images.shape[1:] != (3, side, side) or len(images) < 2:
            found = f"{images.dtype} {tuple(images.shape)}"
            raise ValueError(f"images: expected uint8 (n >= 2, 3, {side}, {side}), got {found}")
        self.folder, self.recipe, self.settings, self.name = Path(folder), recipe, recipe.settings, name
        self.images = images.contiguous()
        self.device = next(recipe.network.parameters()).device
        self.average = {key: value.detach().clone() for key, value in recipe.network.state_dict().items()}
        self.step, self.seconds, self.rows = 0, 0.0, list[dict[str, float]]()
        self._smooth: dict[str, float] = {}
        if self.checkpoint.exists():
            self._resume()

    @property
    def checkpoint(self) -> Path:
        """File that holds all that a resume needs."""
        return self.folder / "checkpoint.pt"

    def run(self) -> GeneratorModel:
        """Trains to the last step and gives the model of the averaged weights.

        Raises:
            DivergedError: if a loss or a gradient is no number any more; the last good checkpoint stays.
        """
        total, began = self.settings.steps, time.perf_counter() - self.seconds
        label = f"{self.recipe.kind} {self.name}"
        with tqdm(total=total, initial=self.step, desc=label, unit="step", disable=None) as progress:
            while self.step < total:
                self._train_step()
                self.seconds = time.perf_counter() - began
                progress.update()
                if self.step % LOG_EVERY == 0 or self.step == total:
                    self.rows.append({"step": self.step, **self._smooth, "seconds": round(self.seconds, 1)})
                if self.step % self.settings.checkpoint_every == 0 or self.step == total:
                    self.save()
                    left = timedelta(seconds=round(self.seconds / self.step * (total - self.step)))
                    log.info("%s: step %d of %d, %s left", label, self.step, total, left)
        return GeneratorModel.load(self.folder / "model", self.recipe.kind, type(self.settings), self.recipe.build)

    def save(self) -> None:
        """Writes averaged model, log and checkpoint, each whole or not at all; the checkpoint last."""
        kind = self.recipe.kind
        write_model(self.folder / "model", kind, self.average, self.settings, self.name, self.step)
        with atomic_path(self.folder / "log.csv") as partial:
            pd.DataFrame(self.rows).to_csv(partial, index=False, lineterminator="\n")
        state = {
            "what": self._what(), "network": self.recipe.network.state_dict(), "average": self.average,
            "others": self.recipe.others.state_dict(), "step": self.step, "seconds": self.seconds,
            "optimisers": {key: value.state_dict() for key, value in self.recipe.optimisers.items()},
            "rows": self.rows, "smooth": self._smooth,
        }  # fmt: skip
        with atomic_path(self.checkpoint) as partial:
            torch.save(state, partial)

    def _train_step(self) -> None:
        s = self.settings
        chosen = batch_indices(len(self.images), s.batch_size, s.seed, self.step)
        batch = self.images[chosen].to(self.device)
        try:
            losses = self.recipe.step(batch, generator_of(s.seed, self.step), cosine_rate(self.step, s.steps, 1.0))
        except DivergedError as error:
            there = f"the last good state is {self.checkpoint}" if self.checkpoint.exists() else "none was kept"
            raise DivergedError(f"step {self.step} of {s.steps}: {error}; {there}") from error
        self._smooth = {key: 0.95 * self._smooth.get(key, value) + 0.05 * value for key, value in losses.items()}
        decay = min(s.ema, (1 + self.step) / (10 + self.step))  # the first weights are soon forgotten
        update_average(self.average, self.recipe.network, decay)
        self.step += 1

    def _what(self) -> dict[str, Any]:
        digest = hashlib.sha256(self.images.numpy().data).hexdigest()[:12]
        images = f"{len(self.images)} images, {digest}"
        return {"kind": self.recipe.kind, **asdict(self.settings), "class": self.name, "images": images}

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        asked, found = self._what(), state["what"]
        if changed := {k: (v, found.get(k)) for k, v in asked.items() if found.get(k) != v and k != "checkpoint_every"}:
            raise ValueError(f"{self.checkpoint} is of another training (asked, found): {changed}; use a new folder")
        self.recipe.network.load_state_dict(state["network"])
        self.recipe.others.load_state_dict(state["others"])
        for key, optimiser in self.recipe.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][key])
        self.average, self.step, self.seconds = state["average"], state["step"], state["seconds"]
        self.rows, self._smooth = state["rows"], state["smooth"]


def update_average(average: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    """Moves averaged weights and statistics towards the network's; a counter is copied."""
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - decay)
            else:
                average[name].copy_(value)
