"""`defectlab teacher`: train the small ViT that the student-teacher learns from where no other weights are at hand."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``teacher`` to the command line."""
    parser = subparsers.add_parser(
        "teacher",
        help="train the small ViT of surfaces, from procedural images alone",
        description=f"{__doc__} The same command goes on where an interrupted one stopped.",
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help="for checkpoint, log, and the ViT as FOLDER/model")
    add("--steps", type=int, help="optimiser steps")
    add("--scenes", type=int, help="scenes a step; each gives two images")
    add("--hidden", type=float, help="share of the patches that the encoder does not see")
    add("--features", type=float, help="weight of the pocket encoder's features as a further target; 0 for none")
    add("--lr", type=float, help="highest learning rate")
    add("--seed", type=int, help="of data and weights")
    add("--float32", dest="bfloat16", action="store_false", default=None, help="compute in float32 throughout")
    add("--device", default="auto", help="auto (default), cpu, cuda")
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Trains the teacher, or goes on with it; some tens of minutes of one core.

    Raises:
        ValueError: if a setting is out of range, or the folder holds a training of other settings.
    """
    from defectlab.detection.pocket_teacher import TeacherSettings, TeacherTrainer
    from defectlab.devices import pick_device

    given: dict[str, Any] = {field.name: getattr(arguments, field.name, None) for field in fields(TeacherSettings)}
    settings = TeacherSettings(**{name: value for name, value in given.items() if value is not None})
    if arguments.out.is_file():
        raise ValueError(f"--out: {arguments.out} is a file; expected a folder")
    trainer = TeacherTrainer(arguments.out, settings, pick_device(arguments.device))
    print(f"teacher: from step {trainer.step} to {settings.steps}, {trainer.device}, seed {settings.seed}", flush=True)
    trainer.run()
    print(f"{arguments.out / 'model'}  the teacher\n{arguments.out / 'log.csv'}  the losses")
    return 0
