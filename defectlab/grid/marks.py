"""What of a grid is done, failed and left, read from the marks that jobs write last; and how long the rest takes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from defectlab.files import read_json, write_json
from defectlab.grid.jobs import Cell, Job, failure_path, log_path, mark_path
from defectlab.grid.plan import Grid
from defectlab.provenance import COMPUTING, git_state, source_hash


@dataclass(frozen=True)
class Status:
    """How far a grid is.

    Attributes:
        done: jobs that are finished.
        failed: jobs that stopped with an error at their last attempt.
        left: jobs that are not finished, the failed ones among them.
        seconds: that the finished jobs took together.
        seconds_left: that the others will take together, from jobs of their group; ``None`` where nothing is known.
    """

    done: tuple[Job, ...]
    failed: tuple[Job, ...]
    left: tuple[Job, ...]
    seconds: float
    seconds_left: float | None

    @property
    def cells(self) -> tuple[int, int]:
        """Finished and all cells."""
        done = sum(isinstance(job, Cell) for job in self.done)
        return done, done + sum(isinstance(job, Cell) for job in self.left)

    def line(self, cores: int = 1) -> str:
        """Progress in words, with the time left on so many cores.

        Args:
            cores: jobs at a time, at least 1.
        """
        done, of = self.cells
        prepared = len(self.done) - done
        words = [f"{done} of {of} cells", f"{prepared} of {len(self.done) + len(self.left) - of} preparations"]
        words += [f"{len(self.failed)} failed"] if self.failed else []
        if self.left:
            # No cell can be split, so with fewer jobs than cores the extra cores do not help.
            share = None if self.seconds_left is None else self.seconds_left / min(cores, len(self.left))
            words += ["time left unknown" if share is None else f"about {clock(share)} left"]
        return ", ".join(words)


def status(grid: Grid) -> Status:
    """How far the grid is, from the files in its folder."""
    done = tuple(job for job in grid.jobs if is_done(grid, job))
    left = tuple(job for job in grid.jobs if not is_done(grid, job))
    failed = tuple(job for job in left if (grid.folder / failure_path(job)).is_file())
    times = {job: float(read_mark(grid, job)["seconds"]) for job in done}
    return Status(done, failed, left, sum(times.values()), estimate(times, left))


def is_done(grid: Grid, job: Job) -> bool:
    """Whether the job is finished: it is never run again."""
    return (grid.folder / mark_path(job)).is_file()


def pending(grid: Grid) -> tuple[Cell, ...]:
    """Cells that are not finished."""
    return tuple(cell for cell in grid.cells if not is_done(grid, cell))


def pending_needs(grid: Grid, job: Job) -> tuple[Job, ...]:
    """What has to be done before the job, less what is done already."""
    return tuple(need for need in grid.needs(job) if not is_done(grid, need))


def read_mark(grid: Grid, job: Job) -> dict[str, Any]:
    """Record of a finished job.

    Raises:
        FileNotFoundError: if the job is not finished.
    """
    return read_json(grid.folder / mark_path(job))


def estimate(times: dict[Job, float], left: Iterable[Job]) -> float | None:
    """Seconds that jobs will take one after the other.

    A job takes the mean of its group, without such a mean that of its kind, else that of all.

    Args:
        times: seconds of finished jobs.
        left: the others.

    Returns:
        Seconds; ``None`` where there are jobs left and none is finished.
    """
    left = tuple(left)
    if not left:
        return 0.0
    if not times:
        return None
    return sum(_expected(times, job) for job in left)


@contextmanager
def marked(grid: Grid, job: Job, mark: Path | None = None, since: float | None = None) -> Iterator[dict[str, Any]]:
    """Mark the job as done when the block ends, or as failed when it raises.

    Args:
        grid: of the job.
        job: to mark.
        mark: further file that says so, such as one that travels to where Snakemake waits for it.
        since: when the work began, in seconds since 1970, such as the start of the process; now by default.

    Yields:
        A record to add to.
    """
    failure = grid.folder / failure_path(job)
    failure.unlink(missing_ok=True)
    record: dict[str, Any] = {"id": job.id, "kind": job.kind}
    begun = time.time() if since is None else since
    try:
        yield record
    except Exception as error:  # told and raised again
        write_json(failure, {**record, "error": f"{type(error).__name__}: {error}", "finished": _now()})
        raise
    commit, dirty = git_state()
    hashes = {"source": source_hash(), "computing": source_hash(COMPUTING)}
    made = {"commit": commit, "dirty": dirty, **hashes, "finished": _now()}
    seconds = {"seconds": round(time.time() - begun, 2)}
    for path in (grid.folder / mark_path(job), *([mark] if mark else [])):
        write_json(path, {**record, **seconds, **made})


def failure_of(grid: Grid, job: Job) -> str:
    """Why a job is not finished, in one line, with the log to read."""
    path, log = grid.folder / failure_path(job), grid.folder / log_path(job)
    if path.is_file():
        reason = str(read_json(path)["error"]).splitlines()[0]
    else:
        reason = "stopped without an error of its own, as when it is killed"
    return f"{job.kind}/{job.id}: {reason}\n    log {log}"


def clock(seconds: float) -> str:
    """Seconds in words: ``40 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _expected(times: dict[Job, float], job: Job) -> float:
    for alike in (lambda other: other.group == job.group, lambda other: other.kind == job.kind, lambda other: True):
        found = [seconds for other, seconds in times.items() if alike(other)]
        if found:
            return sum(found) / len(found)
    return 0.0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
