"""`defectlab study comparison`: every synthesizer x every detector without the notebook, which finds it done.

The run has the parameters of the notebook and lies where the notebook looks. At its end the folder holds what
`defectlab claims store` takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from defectlab.devices import describe, pick_device
from defectlab.experiments import comparison, comparison_parts
from defectlab.experiments.collected import collect, study_command
from defectlab.experiments.comparison import Cell
from defectlab.experiments.comparison_parameters import ComparisonParameters
from defectlab.params import resolve
from defectlab.progress import time_left
from defectlab.report.comparison_setting import DETECTOR_SECONDS, DETECTORS, SYNTHESIS_SECONDS, SYNTHESIZERS, label
from defectlab.report.comparison_tables import matrix_table, order_in_words, ranking_table
from defectlab.results import Result
from defectlab.runs import Run

NAME = "comparison"
SHOWN = ("ap_step", "aupro", SYNTHESIS_SECONDS, DETECTOR_SECONDS)
WHOLE: Mapping[str, Any] = {"synthesizers": list(SYNTHESIZERS), "detectors": list(DETECTORS), "seeds": [0, 1, 2]}
"""What a study takes where nothing else is given."""
LAPTOP: Mapping[str, Any] = {"n_aug": 100, "detector_steps": 300, "diffusion_steps": 400}
"""Beside them at the laptop profile: the presets of detectors and diffusion model, which the notebook cuts short."""

Say = Callable[[str], object]


def study_parameters(given: Mapping[str, Any]) -> ComparisonParameters:
    """The parameters of a study: those given, `WHOLE` and the notebook's own.

    Raises:
        ParameterError: if a value cannot be used.
    """
    params = resolve(ComparisonParameters, {**WHOLE, **given})
    return resolve(ComparisonParameters, {**WHOLE, **(LAPTOP if params.profile == "laptop" else {}), **given})


def study(params: ComparisonParameters, say: Say = print) -> Run:
    """Runs what is left of the comparison, one seed after the other.

    Args:
        params: of the notebook.
        say: told of the plan, of each training and the time left.

    Returns:
        The run, finished, with its rows.

    Raises:
        FileNotFoundError: if the data are not there.
        ValueError: if images or parameters cannot be used, before anything is trained.
    """
    line = study_command(NAME, params)
    run = Run.open(params.runs or None, NAME, params, str(describe(pick_device(params.device))), line)
    say(f"kept in {run.path}")
    say(str(comparison_parts.methods_table(params)))  # a detector that cannot be made stops here
    splits = comparison_parts.load(params)
    say(splits.table().to_string())
    makers = comparison_parts.make_synthesizers(params, splits, run)
    total = len(params.cells) * len(params.seeds or [])
    begun, done = time.perf_counter(), {"now": 0, "all": 0}

    def tell(cell: Cell, rows: list[Result], fresh: bool) -> None:
        done["now"] += fresh
        done["all"] += 1
        left = time_left(time.perf_counter() - begun, done["now"], done["now"] + total - done["all"])
        say(f"{done['all']}/{total} {cell.method}, seed {cell.seed}: {_outcome(rows)}; {left} left")

    comparison.compare(params, splits, makers, run, tell)
    run.finish()
    collect(run, params, line, splits.test)
    return run


def summary(rows: pd.DataFrame) -> str:
    """What a finished study says, for a terminal."""
    return f"{matrix_table(rows)}\n\n{ranking_table(rows)}\n\n{order_in_words(rows)}"


def _outcome(rows: list[Result]) -> str:
    values = {row.metric: row.value for row in rows}
    return ", ".join(f"{label(name)} {values[name]:.3f}" for name in SHOWN if name in values)
