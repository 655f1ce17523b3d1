"""The command line: `defectlab COMMAND`, a command for every room; ``COMMANDS`` below lists them.

Each room brings its commands in a module with ``register(subparsers)``; a module is imported only when one of its
commands is asked for, so that ``defectlab --help`` answers at once. A command's parser names its function with
``set_defaults(handler=...)``; it is called with the parsed arguments and returns an exit code or ``None``.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import defectlab

Handler = Callable[[argparse.Namespace], int | None]


@dataclass(frozen=True)
class Command:
    """A command before its module is imported.

    Attributes:
        module: that registers it.
        help: one line for ``defectlab --help``.
    """

    module: str
    help: str


COMMANDS = {
    "data": Command("defectlab.data.command", "list, check and locate data sets"),
    "synthesise": Command("defectlab.synthesis.command", "make synthetic defects on your own images"),
    "pocket": Command("defectlab.synthesis.pocket.command", "train, judge and describe the small diffusion model"),
    "fine-tune": Command("defectlab.synthesis.dreambooth.command", "teach a Stable Diffusion model your surface"),
    "encoder": Command("defectlab.detection.command", "train the small encoder of surfaces for detectors"),
    "teacher": Command("defectlab.detection.pocket_teacher.command", "train the small ViT of the student-teacher"),
    "detect": Command("defectlab.detection.detect_command", "train a detector on normal images, apply one to a folder"),
    "run": Command("defectlab.notebook_runner", "run a notebook with parameters; gives its result table and a page"),
    "grid": Command("defectlab.grid.command", "run a paper's whole grid of experiments, or one cell of it"),
    "study": Command("defectlab.experiments.command", "answer a question with many trainings, resumable"),
    "claims": Command("defectlab.report.command", "the papers' claims beside the results of the run store"),
    "teach": Command("defectlab.teaching.command", "student and instructor versions of the book's chapters"),
    "doctor": Command("defectlab.doctor", "what this machine has: device, packages, data, weights, profile"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments without the name of the program; those of the process by default.

    Returns:
        Exit code: 0 done, 1 the command found something wrong, 2 it could not be carried out as asked.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser(_asked_for(words))
    args = parser.parse_args(words)
    handler: Handler | None = getattr(args, "handler", None)
    if handler is None:  # a command that only groups others, or none at all
        parser.parse_args([*words, "--help"])
        return 0
    if args.traceback:
        return int(handler(args) or 0)
    try:
        code = int(handler(args) or 0)
        sys.stdout.flush()
    except BrokenPipeError:  # `defectlab ... | head`: nobody reads on, which is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError) as error:  # what a user can mend; anything else is ours and keeps its traceback
        print(f"defectlab: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("defectlab: stopped; the same command goes on where this one was", file=sys.stderr)
        return 130
    return code


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser with every command by name, and with the arguments of ``command``.

    Args:
        command: the one to import; a parser without it is enough for ``--help``.
    """
    parser = argparse.ArgumentParser(prog="defectlab", description=defectlab.__doc__)
    parser.add_argument("--version", action="version", version=f"defectlab {defectlab.__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, known in COMMANDS.items():
        if name == command:
            register: Callable[[object], None] = importlib.import_module(known.module).register
            register(subparsers)
        else:
            subparsers.add_parser(name, help=known.help)
    return parser


def _asked_for(words: Sequence[str]) -> str | None:
    """The command among the arguments: the first that is no option."""
    return next((word for word in words if not word.startswith("-")), None)
