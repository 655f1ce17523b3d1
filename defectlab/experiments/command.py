"""`defectlab study`: questions that take many trainings, resumable, with the time left.

`defectlab study ddpm_moco -p dataset magnetic_tile` crosses losses, batches, BatchNorm and seeds; `defectlab study
student_teacher -p dataset mvtec -p category screw` trains every method and ablation; `defectlab study comparison`
trains every detector on the images of every synthesizer. The same line goes on where it was stopped; `defectlab claims
store FOLDER` keeps a finished study beside the book's results.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

STUDIES = ("ddpm_moco", "student_teacher", "comparison")
WHAT = (
    "ddpm_moco: does the improved loss help? student_teacher: every method and ablation, three seeds; "
    "comparison: every synthesizer x every detector, three seeds"
)


def register(subparsers: Any) -> None:
    """Adds ``study`` to the command line."""
    parser = subparsers.add_parser("study", help="answer a question with many trainings", description=__doc__)
    parser.add_argument("name", choices=STUDIES, help=WHAT)
    pair: dict[str, Any] = {"nargs": 2, "action": "append", "default": [], "metavar": ("NAME", "VALUE")}
    parser.add_argument("-p", "--parameter", help="set a parameter, such as -p seeds '[0, 1]'", **pair)
    parser.add_argument("--list", action="store_true", help="print the parameters and leave")
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs a study, or lists its parameters; each is a module with ``study_parameters``, ``study`` and ``summary``.

    Raises:
        ValueError: if a parameter cannot be used.
    """
    module = import_module(f"defectlab.experiments.{arguments.name}_study")
    params = module.study_parameters(dict(arguments.parameter))
    if arguments.list:
        print(params.table().to_string(index=False))
        return 0
    done = module.study(params, say=lambda line: print(line, flush=True))
    print(f"\n{module.summary(done.results())}\n\nrun store   {done.path}")
    return 0
