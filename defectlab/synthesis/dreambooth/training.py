"""The loop of a fine-tuning: a killed one goes on from its last checkpoint and ends as an unbroken one does.

Order, noise levels and noise are functions of seed and step; a checkpoint holds the rest: adapters, optimiser, step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from defectlab.synthesis.diffusion.folder_trainer import LOG_EVERY, DivergedError
from defectlab.synthesis.dreambooth.adapters import MODELS, Plan, adapter_state, load_adapter_state
from defectlab.synthesis.dreambooth.checkpoint import CHECKPOINT, LOG, load_checkpoint, save_checkpoint
from defectlab.synthesis.dreambooth.examples import (
    Example,
    batches_of_epoch,
    draw_noise,
    encode_images,
    steps_an_epoch,
)
from defectlab.synthesis.dreambooth.machine import optimiser_class
from defectlab.synthesis.dreambooth.objective import Learner, weighted_mean
from defectlab.synthesis.dreambooth.schedule import rate_factor, step_counts
from defectlab.synthesis.dreambooth.settings import DreamBoothSettings
from defectlab.synthesis.dreambooth.storage import Adapter
from defectlab.training_log import append_row, forget_after


class FineTuning:
    """One fine-tuning of a pipeline whose adapters are in place.

    Args:
        pipeline: with adapters.
        plans: of the adapters.
        examples: instances and regularisation images.
        settings: how.
        folder: for checkpoint, log and adapter.
        accelerator: of `make_accelerator`.
        what: settings, model and data, kept in checkpoint and adapter.
    """

    def __init__(
        self,
        pipeline: Any,
        plans: dict[str, Plan],
        examples: Sequence[Example],
        settings: DreamBoothSettings,
        folder: Path,
        accelerator: Any,
        what: dict[str, Any],
    ) -> None:
        self.models = {name: getattr(pipeline, name) for name in MODELS if name in plans}
        self.plans, self.examples, self.settings = plans, examples, settings
        self.folder, self.accelerator, self.what = folder, accelerator, what
        self.folder.mkdir(parents=True, exist_ok=True)
        self.latents = encode_images(pipeline.vae, examples)
        self.steps_an_epoch = steps_an_epoch(examples, settings.batch_size)
        self.total, self.laid_out = step_counts(settings, self.steps_an_epoch)
        self.rates = {"unet": settings.lr, "text_encoder": settings.text_lr}
        self.weights = {name: [p for p in model.parameters() if p.requires_grad] for name, model in self.models.items()}
        self.optimiser_class = optimiser_class(settings, accelerator.device)
        groups: list[dict[str, Any]] = [{"params": weights, "name": name} for name, weights in self.weights.items()]
        optimiser = self.optimiser_class(groups, lr=settings.lr, weight_decay=settings.weight_decay)  # type: ignore[call-arg]
        learner = Learner(pipeline, settings)
        self.n_levels = len(learner.schedule.alphas_cumprod)
        self.learner, self.optimiser = accelerator.prepare(learner, optimiser)
        self.step, self.loss, self.seconds = 0, math.nan, 0.0
        self._order: tuple[int, list[list[int]]] = (-1, [])
        self._resume()

    def run(self) -> None:
        """Trains to the last step.

        Raises:
            DivergedError: if the loss or the gradient is no number any more.
        """
        started = time.perf_counter() - self.seconds
        main = self.accelerator.is_main_process
        with tqdm(
            total=self.total, initial=self.step, desc="fine-tune", unit="step", disable=None if main else True
        ) as progress:
            while self.step < self.total:
                epoch = self.step // self.steps_an_epoch
                loss, prior = self._train_step()
                self.loss = loss if math.isnan(self.loss) else 0.95 * self.loss + 0.05 * loss
                self.step += 1
                self.seconds = time.perf_counter() - started
                progress.update()
                progress.set_postfix(loss=f"{self.loss:.4f}", refresh=False)
                if main and (self.step % LOG_EVERY == 0 or self.step == self.total):
                    self._log(epoch, prior)
                if self.step % self.settings.checkpoint_every == 0 or self.step == self.total:
                    self.save()

    def finish(self) -> Adapter:
        """Stores the adapter and drops the checkpoint, which nobody goes on from."""
        states = {name: adapter_state(model) for name, model in self.models.items()}
        record = {
            "what": self.what,
            "optimiser": self.optimiser_class.__name__,
            "steps": self.total,
            "schedule_steps": self.laid_out,
            "steps_an_epoch": self.steps_an_epoch,
            "base": self.what["base"],
            "loss": self.loss,
            "seconds": round(self.seconds, 1),
            "device": str(self.accelerator.device),
            "processes": self.accelerator.num_processes,
        }
        adapter = Adapter(states, self.plans, record)
        if self.accelerator.is_main_process:
            adapter.save(self.folder)
            (self.folder / CHECKPOINT).unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()
        if self.accelerator.device.type != "cpu":
            self.accelerator.free_memory()
        return Adapter.load(self.folder)

    def save(self) -> None:
        """Writes a checkpoint."""
        if not self.accelerator.is_main_process:
            return
        scaler = getattr(self.accelerator, "scaler", None)
        state = {
            "what": self.what,
            "adapters": {name: adapter_state(model) for name, model in self.models.items()},
            "optimiser": self.optimiser.state_dict(),
            "optimiser_class": self.optimiser_class.__name__,
            "scaler": scaler.state_dict() if scaler is not None else None,
            "step": self.step,
            "loss": self.loss,
            "seconds": self.seconds,
        }
        save_checkpoint(self.folder, state)

    def _train_step(self) -> tuple[float, float]:
        """One optimiser step; the loss of the batch, and that of its regularisation images (not a number if none)."""
        batch = self._batch()
        torch.manual_seed(self.settings.seed + self.step)  # for models with dropout
        self._set_rates()
        mine = list(range(len(batch)))[self.accelerator.process_index :: self.accelerator.num_processes]
        losses, loss = self._losses(batch, mine)
        value = self._sum(loss.detach())
        self._require_finite(value, "loss")
        self.optimiser.zero_grad(set_to_none=True)
        # gradients are averaged over the processes, losses are summed
        self.accelerator.backward(loss * self.accelerator.num_processes)
        norm = self.accelerator.clip_grad_norm_(
            [p for weights in self.weights.values() for p in weights], self.settings.max_grad_norm
        )
        if getattr(self.accelerator, "scaler", None) is None:  # which leaves out a step that overflowed
            self._require_finite(float(norm), "gradient")
        self.optimiser.step()
        prior = [float(losses[j]) for j, i in enumerate(mine) if self._is_prior(batch[i])]
        return value, sum(prior) / len(prior) if prior else math.nan

    def _losses(self, batch: Sequence[int], mine: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Losses of this process's images, and its part of the loss of the batch."""
        places = mine or [0]  # a process without an image computes one that counts for nothing
        drawn = [
            draw_noise(self.latents[batch[i]].shape, self.n_levels, self.settings.seed, self.step, i) for i in places
        ]
        device = self.accelerator.device
        losses = self.learner(
            torch.stack([self.latents[batch[i]] for i in places]).to(device),
            torch.stack([noise for _, noise in drawn]).to(device),
            torch.tensor([level for level, _ in drawn], device=device),
            [self.examples[batch[i]].prompt for i in places],
        )
        weights = torch.tensor([self.examples[batch[i]].weight * bool(mine) for i in places], device=device)
        return losses.detach(), weighted_mean(losses, weights, len(batch))

    def _batch(self) -> list[int]:
        epoch, place = divmod(self.step, self.steps_an_epoch)
        if self._order[0] != epoch:
            order = batches_of_epoch(self.examples, self.settings.batch_size, self.settings.seed, epoch)
            self._order = epoch, order
        return self._order[1][place]

    def _set_rates(self) -> None:
        factor = rate_factor(self.step, self.laid_out, self.settings.cycles, self.settings.warm_up)
        for group in self.optimiser.param_groups:
            group["lr"] = factor * self.rates[group["name"]]

    def _is_prior(self, index: int) -> bool:
        return self.examples[index].prompt == self.settings.class_prompt

    def _sum(self, loss: Tensor) -> float:
        return float(self.accelerator.reduce(loss, reduction="sum"))

    def _require_finite(self, value: float, what: str) -> None:
        if math.isfinite(value):
            return
        kept = self.folder / CHECKPOINT
        last = f"the last good state is {kept}" if kept.exists() else "no checkpoint was written yet"
        raise DivergedError(
            f"the {what} is {value} at step {self.step} of {self.total}: lower lr (now {self.settings.lr:g}) and "
            f"text_lr (now {self.settings.text_lr:g}), or choose mixed_precision 'bf16' or 'no' (now "
            f"{self.settings.mixed_precision!r}); {last}"
        )

    def _resume(self) -> None:
        state = load_checkpoint(self.folder, self.what)
        if state is None:
            forget_after(self.folder / LOG, 0)
            return
        if state["optimiser_class"] != self.optimiser_class.__name__:
            raise ValueError(
                f"{self.folder / CHECKPOINT} was written by {state['optimiser_class']}, here is "
                f"{self.optimiser_class.__name__}; go on where it is installed, or choose a new folder"
            )
        for name, model in self.models.items():
            load_adapter_state(model, state["adapters"][name])
        self.optimiser.load_state_dict(state["optimiser"])
        if state["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.step, self.loss, self.seconds = state["step"], state["loss"], state["seconds"]
        forget_after(self.folder / LOG, self.step)

    def _log(self, epoch: int, prior: float) -> None:
        row = {
            "step": self.step,
            "epoch": epoch,
            "loss": f"{self.loss:.5f}",
            "prior_loss": "" if math.isnan(prior) else f"{prior:.5f}",
            "lr": f"{self.optimiser.param_groups[0]['lr']:.3e}",
            "seconds": f"{self.seconds:.1f}",
        }
        append_row(self.folder / LOG, row)
