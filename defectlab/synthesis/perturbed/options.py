"""Options of `defectlab synthesise --method perturbed`, and the synthesizer that they ask for."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from defectlab.synthesis.masks import MaskSource
    from defectlab.synthesis.perturbed.perturbed_ddpm import PerturbedDdpm

PROFILES = ("smoke", "laptop", "paper")
OPTIONS = ("profile", "train_steps", "disturbance", "extra", "sampler", "opacity", "foreground", "device")


def add_options(group: argparse._ArgumentGroup) -> None:
    """Adds the options that this method has alone; ``--device`` and ``--label`` it shares."""
    add = group.add_argument
    pair: dict[str, Any] = {"type": float, "nargs": 2, "metavar": ("LOW", "HIGH")}
    add("--profile", choices=PROFILES, help="size and training of the model (default: laptop, minutes of one core)")
    add("--train-steps", type=int, help="steps of the training on your normal images (default: the profile's)")
    add("--disturbance", **pair, help="range of the extra variance s (default: the profile's)")
    add("--extra", choices=("proportional", "constant"), help="to a step's own variance (default), or as it is")
    add("--sampler", choices=("ddpm", "ddim"), help="ancestral (default), or without noise of its own")
    add("--opacity", **pair, help="range of the weight that the abnormal image has (default: 0.5 1)")
    add("--foreground", metavar="none|otsu|otsu_dark|CATEGORY", help="where defects may be (default: none, anywhere)")


def make(arguments: argparse.Namespace, masks: MaskSource, label: str) -> PerturbedDdpm:
    """The synthesizer, checked and not fitted; its model is kept in ``OUT/diffusion``.

    Args:
        arguments: of the command.
        masks: where defects go.
        label: ``"drawn"`` or ``"changed"``.

    Raises:
        ValueError: if a value cannot be, before any training.
    """
    from defectlab.synthesis.foreground import foreground_for
    from defectlab.synthesis.perturbed.perturbed_ddpm import PerturbedDdpm
    from defectlab.synthesis.perturbed.settings import (
        PROFILE_STRENGTHS,
        PerturbedSettings,
        laptop_model,
        paper_model,
        smoke_model,
    )

    profile = arguments.profile or "laptop"
    model = {"smoke": smoke_model, "laptop": laptop_model, "paper": paper_model}[profile]()
    if arguments.train_steps is not None:
        model = replace(model, steps=arguments.train_steps)
    given: dict[str, Any] = {"strength": arguments.disturbance or PROFILE_STRENGTHS.get(profile)}
    given |= {name: getattr(arguments, name) for name in ("extra", "sampler", "opacity")}
    changes: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in given.items() if v is not None
    }
    preset = PerturbedSettings.smoke() if profile == "smoke" else PerturbedSettings.laptop()
    settings = replace(preset, label=label, **changes)
    allowed = foreground_for(arguments.foreground or "none")
    folder = Path(arguments.out) / "diffusion"
    return PerturbedDdpm(model, settings, folder, masks, allowed, device=arguments.device or "auto")
