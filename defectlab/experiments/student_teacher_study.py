"""`defectlab study student_teacher`: all methods, ablations and seeds without the notebook, which finds them done.

The run has the parameters of the notebook and lies where the notebook looks, so that the notebook, opened with the same
values, draws what the study computed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from defectlab.devices import describe, pick_device
from defectlab.experiments import anomalies, categories, localise
from defectlab.experiments.student_teacher_parameters import ABLATIONS, StudentTeacherParameters
from defectlab.experiments.student_teacher_views import methods_table
from defectlab.params import resolve
from defectlab.progress import time_left
from defectlab.report.ablation_tables import gains_table, localisation_table
from defectlab.runs import Run

Say = Callable[[str], object]
WHOLE: Mapping[str, Any] = {"seeds": [0, 1, 2], "ablations": list(ABLATIONS)}
"""What a study takes where nothing else is given: three seeds, and every row of Table 6."""


def study_parameters(given: Mapping[str, Any]) -> StudentTeacherParameters:
    """The parameters of a study: those given, `WHOLE` and the notebook's own.

    Raises:
        ParameterError: if a value cannot be used.
    """
    return resolve(StudentTeacherParameters, {**WHOLE, **given})


def study(params: StudentTeacherParameters, say: Say = print) -> Run:
    """Loads, synthesises, trains and scores; what is finished already is not done again.

    Args:
        params: of the notebook.
        say: told of the plan, of each training and the time left.

    Returns:
        The run, finished, with its rows.
    """
    run = Run.open(params.runs or None, "student_teacher", params, str(describe(pick_device(params.device))))
    say(f"kept in {run.path}")
    methods_table(params)  # a detector that cannot be made stops here
    units = categories.load_units(params)
    say(str(units.table()))
    makers = anomalies.make_synthesizers(params, units, run)
    sets = anomalies.synthesise(params, units, makers, run)
    say(f"{sum(len(made) for made in sets.values())} synthetic images")
    # methods before ablations, so that a study that is stopped has the main comparison whole
    parts = [[arm for arm in params.arms if (arm in ABLATIONS) == later] for later in (False, True)]
    jobs = [(seed, arm) for part in parts for seed in params.seeds for arm in part]
    begun = time.perf_counter()
    for place, (seed, arm) in enumerate(jobs, 1):
        rows = localise.localise_one(params, units, sets, run, arm, seed)
        values = {row.metric: row.value for row in rows}
        shown = ", ".join(f"{name} {values[name]:.3f}" for name in localise.OF_CATEGORIES)
        left = time_left(time.perf_counter() - begun, place, len(jobs))
        say(f"{place}/{len(jobs)} {arm}, seed {seed}: {shown}; {left} left")
    run.finish()
    return run


def summary(rows: pd.DataFrame) -> str:
    """What a finished study says, for a terminal."""
    return f"{localisation_table(rows)}\n\n{gains_table(rows)}"
