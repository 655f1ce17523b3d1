"""How far a stage is and how long it will take, as lines of a log: a bar needs a terminal, which a notebook is not."""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

from defectlab.files import slug

EVERY = 60.0
"""Seconds between two lines of a stage, at least; the last line of a stage comes always."""


class Pace:
    """Tells the log how far a stage is: a line when it has ended, and one a minute where it takes longer.

    Args:
        log: of the module that works.
        label: of the stage.
        total: units of work.
        done: of these before now.
        unit: what is counted, such as ``"epoch"``.
    """

    def __init__(self, log: logging.Logger, label: str, total: int, done: int = 0, unit: str = "step") -> None:
        self.log, self.label, self.total, self.first, self.unit = log, label, total, done, unit
        self.begun = self.last = time.perf_counter()

    def at(self, done: int, said: str = "") -> None:
        """Says so where a line is due.

        Args:
            done: units so far.
            said: what else is worth a word, such as the loss.
        """
        now = time.perf_counter()
        if done < self.total and now - self.last < EVERY:
            return
        self.last = now
        seconds = now - self.begun
        left = time_left(seconds, done - self.first, self.total - self.first)
        rest = f"{left} left" if done < self.total else f"took {spoken(seconds)}"
        more = f", {said}" if said else ""
        self.log.info("%s: %s %d of %d%s, %s", self.label, self.unit, done, self.total, more, rest)


class _ToStandardError(logging.StreamHandler[TextIO]):
    """Writes to what is standard error at the time of each line: a notebook and a test put another one in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def time_left(seconds: float, done: int, total: int) -> str:
    """What remains of a run, as ``"1:02:03"``, judged by the mean pace so far; ``"?"`` before the first step."""
    return spoken(seconds / done * (total - done)) if done >= 1 else "?"


def spoken(seconds: float) -> str:
    """A time as ``"1:02:03"``."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def tell(name: str = "defectlab") -> None:
    """Shows the lines of the package's log on standard error from now on; a second call changes nothing.

    In a notebook they stand under the cell that works, also while papermill runs it; pages of the book leave them out.

    Args:
        name: of the logger whose lines are shown.
    """
    log, known = logging.getLogger(name), f"progress-{slug(name)}"
    log.setLevel(logging.INFO)
    if all(handler.name != known for handler in log.handlers):
        handler = _ToStandardError()
        handler.name = known
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        log.addHandler(handler)
