"""`defectlab encoder`: train the small encoder that detectors use where no other weights are at hand."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``encoder`` to the command line."""
    parser = subparsers.add_parser(
        "encoder",
        help="train the small encoder of surfaces, from procedural images alone",
        description=f"{__doc__} The same command goes on where an interrupted one stopped.",
    )
    add = parser.add_argument
    add(
        "--out", type=Path, required=True, metavar="FOLDER", help="for checkpoint, log, and the encoder as FOLDER/model"
    )
    add("--steps", type=int, help="optimiser steps")
    add("--scenes", type=int, help="scenes a step; each gives two views")
    add("--lr", type=float, help="highest learning rate")
    add("--seed", type=int, help="of data and weights")
    add("--float32", dest="bfloat16", action="store_false", default=None, help="compute in float32 throughout")
    add("--device", default="auto", help="auto (default), cpu, cuda")
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Trains the encoder, or goes on with it; some tens of minutes of one core.

    Raises:
        ValueError: if a setting is out of range, or the folder holds a training of other settings.
    """
    from defectlab.detection.encoder import EncoderSettings, EncoderTrainer
    from defectlab.devices import pick_device

    given: dict[str, Any] = {field.name: getattr(arguments, field.name, None) for field in fields(EncoderSettings)}
    settings = EncoderSettings(**{name: value for name, value in given.items() if value is not None})
    if arguments.out.is_file():
        raise ValueError(f"--out: {arguments.out} is a file; expected a folder")
    trainer = EncoderTrainer(arguments.out, settings, pick_device(arguments.device))
    print(f"encoder: from step {trainer.step} to {settings.steps}, {trainer.device}, seed {settings.seed}", flush=True)
    trainer.run()
    print(f"{arguments.out / 'model'}  the encoder\n{arguments.out / 'log.csv'}  the losses")
    return 0
