"""What the notebooks of the chapters have in common: one seed, a profile, a run store; and how they open their run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from defectlab.devices import describe, pick_device
from defectlab.params import PROFILES, Parameters, from_notebook, parameter, resolve
from defectlab.report.provenance_strip import Provenance
from defectlab.runs import Run


@dataclass(frozen=True)
class ChapterParameters(Parameters):
    """Parameters that every chapter notebook has; a chapter puts its own before them with ``after``."""

    seed: int = parameter(0, help="of everything that is drawn at random", low=0, high=99_999)
    profile: str = parameter("laptop", help="smoke (seconds), laptop (a minute or two), paper", choices=PROFILES)
    runs: str = parameter("", help="run store; empty: DEFECTLAB_RUNS, then the project's", identity=False)


C = TypeVar("C", bound=ChapterParameters)


def begin(schema: type[C], namespace: Mapping[str, Any], chapter: str) -> tuple[C, Run]:
    """The parameters of a notebook, checked, and its run in the store.

    Args:
        schema: of the notebook.
        namespace: ``globals()`` of the notebook, in the cell after the parameters.
        chapter: name of the notebook, such as ``"measuring"``.

    Raises:
        ParameterError: with everything that is wrong.
    """
    params = resolve(schema, from_notebook(namespace))
    device = pick_device(getattr(params, "device", "cpu"))  # most chapters train no network and offer no choice
    return params, Run.open(params.runs or None, chapter, params, str(describe(device)))


def end(run: Run, data: str = "") -> Provenance:
    """Closes the run and gives the strip that says what made the numbers of the page.

    Args:
        run: that `begin` opened.
        data: what the numbers were computed on, in a few words; by default the data set of its parameters.
    """
    run.finish()
    return Provenance.of(run, data)
