"""What the commands that train a shipped model have in common: their options, and a folder that they go on with."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol


class Trainer(Protocol):
    """A training in a folder; a second one there goes on with it."""

    step: int

    @property
    def device(self) -> Any:
        """Where it computes."""

    def run(self) -> object:
        """Trains to the last step."""


def add_options(parser: argparse.ArgumentParser, what: str, seed: str = "of data and weights") -> None:
    """Adds the options that every training has.

    Args:
        parser: of the command.
        what: is written to ``FOLDER/model``, such as ``the encoder``.
        seed: what the seed decides.
    """
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help=f"for checkpoint, log, and {what} as FOLDER/model")
    add("--steps", type=int, help="optimiser steps")
    add("--lr", type=float, help="highest learning rate")
    add("--seed", type=int, help=seed)
    add("--float32", dest="bfloat16", action="store_false", default=None, help="compute in float32 throughout")
    add("--device", default="auto", help="auto (default), cpu, cuda")


def train(
    arguments: argparse.Namespace, schema: type[Any], trainer: Callable[[Path, Any, str], Trainer], name: str
) -> int:
    """Trains a model, or goes on with it.

    Args:
        arguments: those of `add_options` and of the command; one that was not given is the settings' default.
        schema: dataclass of the settings, with ``steps`` and ``seed``.
        trainer: makes the training of a folder, settings and a device.
        name: of the model, as the command prints it.

    Raises:
        ValueError: if a setting is out of range, or the folder holds a training of other settings.
    """
    from defectlab.devices import pick_device  # torch: a command that only prints its help does not wait for it

    given = {field.name: getattr(arguments, field.name, None) for field in fields(schema)}
    settings = schema(**{key: value for key, value in given.items() if value is not None})
    if arguments.out.is_file():
        raise ValueError(f"--out: {arguments.out} is a file; expected a folder")
    training = trainer(arguments.out, settings, str(pick_device(arguments.device)))
    print(f"{name}: from step {training.step} to {settings.steps}, {training.device}, seed {settings.seed}", flush=True)
    training.run()
    print(f"{arguments.out / 'model'}  the model\n{arguments.out / 'log.csv'}  the losses")
    return 0
