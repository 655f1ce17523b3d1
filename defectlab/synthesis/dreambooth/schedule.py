"""Learning rate of a step: linear warm-up, then cosines with hard restarts."""

from __future__ import annotations

import math

from defectlab.synthesis.dreambooth.settings import DreamBoothSettings


def rate_factor(step: int, total: int, cycles: int = 3, warm_up: int = 0) -> float:
    """Factor of the learning rate at an optimiser step.

    Each cycle falls from 1 to 0 and the next starts from 1 again at once, without a warm-up of its own: the
    ``cosine_with_restarts`` of the kohya trainer and of diffusers.

    Args:
        step: from 0 on.
        total: steps that the schedule is laid out for; 0 from there on.
        cycles: number of cosines.
        warm_up: steps of linear warm-up.
    """
    if step < warm_up:
        return step / warm_up
    progress = (step - warm_up) / max(1, total - warm_up)
    if progress >= 1:
        return 0.0
    return 0.5 * (1 + math.cos(math.pi * ((cycles * progress) % 1.0)))


def step_counts(settings: DreamBoothSettings, steps_an_epoch: int) -> tuple[int, int]:
    """Steps that are trained, and steps that the schedule is laid out for."""
    trained = settings.epochs * steps_an_epoch
    laid_out = (settings.schedule_epochs or settings.epochs) * steps_an_epoch
    if settings.max_steps is not None and settings.max_steps < trained:
        return settings.max_steps, settings.max_steps
    return trained, laid_out
