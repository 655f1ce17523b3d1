"""`defectlab pocket train-sd`: train the small text-to-image model."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any


def add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``train-sd`` to the commands of ``pocket``."""
    text = "train pocket-sd, the text-to-image model, on procedural surfaces; the same command goes on with it"
    parser = commands.add_parser("train-sd", help=text, description=text)
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help="for checkpoint, log, and the model as FOLDER/model")
    add("--steps", type=int, help="optimiser steps")
    add("--batch-size", type=int, help="examples a step")
    add("--lr", type=float, help="highest learning rate")
    add("--seed", type=int, help="of data, noise and weights")
    add("--workers", type=int, help="processes that render examples")
    add("--float32", dest="bfloat16", action="store_false", default=None, help="compute in float32 throughout")
    add("--device", default="auto", help="auto (default), cpu, cuda")
    parser.set_defaults(handler=train)


def train(arguments: argparse.Namespace) -> int:
    """Trains a model, or goes on with it.

    Raises:
        ValueError: if a setting is out of range, or the folder holds a training of other settings.
    """
    from defectlab.devices import pick_device
    from defectlab.synthesis.pocket_sd.training import Trainer, TrainingSettings

    names = [field.name for field in fields(TrainingSettings)]
    given: dict[str, Any] = {name: getattr(arguments, name, None) for name in names}
    settings = TrainingSettings(**{name: value for name, value in given.items() if value is not None})
    if arguments.out.is_file():
        raise ValueError(f"--out: {arguments.out} is a file; expected a folder")
    trainer = Trainer(arguments.out, settings, str(pick_device(arguments.device)))
    print(
        f"pocket-sd: from step {trainer.step} to {settings.steps}, {trainer.device}, seed {settings.seed}", flush=True
    )
    trainer.run()
    print(f"{arguments.out / 'model'}  the model\n{trainer.log}  the loss")
    return 0
