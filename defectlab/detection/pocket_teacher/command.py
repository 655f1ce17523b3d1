"""`defectlab teacher`: train the small ViT that the student-teacher learns from where no other weights are at hand."""

from __future__ import annotations

import argparse

from defectlab import training_command


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``teacher`` to the command line."""
    parser = subparsers.add_parser(
        "teacher",
        help="train the small ViT of surfaces, from procedural images alone",
        description=f"{__doc__} The same command goes on where an interrupted one stopped.",
        epilog="example:\n  defectlab teacher --out teacher --steps 2000 --seed 1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    training_command.add_options(parser, "the ViT")
    add = parser.add_argument
    add("--scenes", type=int, help="scenes a step; each gives two images")
    add("--hidden", type=float, help="share of the patches that the encoder does not see")
    add("--features", type=float, help="weight of the pocket encoder's features as a further target; 0 for none")
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Trains the teacher, or goes on with it; some tens of minutes of one core.

    Raises:
        ValueError: if a setting is out of range, or the folder holds a training of other settings.
    """
    from defectlab.detection.pocket_teacher import TeacherSettings, TeacherTrainer

    return training_command.train(arguments, TeacherSettings, TeacherTrainer, "teacher")
