"""`defectlab encoder`: train the small encoder that detectors use where no other weights are at hand."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``encoder`` to the command line."""
    parser = subparsers.add_parser(
        "encoder", help="train the small encoder of surfaces, from procedural images alone", description=__doc__
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help="for config.json, model.safetensors and log.csv")
    add("--steps", type=int, help="optimiser steps")
    add("--lr", type=float, help="highest learning rate")
    add("--seed", type=int, help="of data and weights")
    add("--device", default="auto", help="auto (default), cpu, cuda")
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Trains the encoder; some tens of minutes of one core.

    Raises:
        ValueError: if the folder holds an encoder already, or a setting is out of range.
    """
    from defectlab.detection.pretraining import PretrainingSettings, describe, pretrain
    from defectlab.devices import pick_device

    given: dict[str, Any] = {field.name: getattr(arguments, field.name, None) for field in fields(PretrainingSettings)}
    settings = PretrainingSettings(**{name: value for name, value in given.items() if value is not None})
    if arguments.out.is_file() or (arguments.out / "model.safetensors").exists():
        raise ValueError(f"--out: {arguments.out} is a file or holds a model already; choose a new folder")
    pretrain(arguments.out, settings, str(pick_device(arguments.device)))
    print(f"{arguments.out}  the encoder, trained with {describe(arguments.out)}")
    return 0
