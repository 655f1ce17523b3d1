"""`defectlab encoder`: train the small encoder that detectors use where no other weights are at hand."""

from __future__ import annotations

import argparse

from defectlab import training_command


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``encoder`` to the command line."""
    parser = subparsers.add_parser(
        "encoder",
        help="train the small encoder of surfaces, from procedural images alone",
        description=f"{__doc__} The same command goes on where an interrupted one stopped.",
        epilog="example:\n  defectlab encoder --out encoder --steps 2000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    training_command.add_options(parser, "the encoder")
    add = parser.add_argument
    add("--scenes", type=int, help="scenes a step; each gives two views")
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Trains the encoder, or goes on with it; some tens of minutes of one core.

    Raises:
        ValueError: if a setting is out of range, or the folder holds a training of other settings.
    """
    from defectlab.detection.encoder import EncoderSettings, EncoderTrainer

    return training_command.train(arguments, EncoderSettings, EncoderTrainer, "encoder")
