"""`defectlab pocket train-sd`: train the small text-to-image model."""

from __future__ import annotations

import argparse

from defectlab import training_command


def add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``train-sd`` to the commands of ``pocket``."""
    text = "train pocket-sd, the text-to-image model, on procedural surfaces; the same command goes on with it"
    parser = commands.add_parser("train-sd", help=text, description=text)
    training_command.add_options(parser, "the model", "of data, noise and weights")
    add = parser.add_argument
    add("--batch-size", type=int, help="examples a step")
    add("--workers", type=int, help="processes that render examples")
    parser.set_defaults(handler=train)


def train(arguments: argparse.Namespace) -> int:
    """Trains a model, or goes on with it.

    Raises:
        ValueError: if a setting is out of range, or the folder holds a training of other settings.
    """
    from defectlab.synthesis.pocket_sd.training import Trainer, TrainingSettings

    return training_command.train(arguments, TrainingSettings, Trainer, "pocket-sd")
