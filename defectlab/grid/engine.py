"""Run a grid with Snakemake: start it, tell progress and time left, and say at the end what failed and where to read.

No engine of our own: the graph, the scheduling and the clusters are Snakemake's. This only watches the marks.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

import yaml

from defectlab.files import write_text
from defectlab.grid.jobs import Job, failure_path, log_path
from defectlab.grid.loading import workflow_dir
from defectlab.grid.marks import Status, clock, failure_of, is_done, pending, status
from defectlab.grid.plan import GRID_FILE, Grid
from defectlab.paths import absolute

INTERVAL = 0.5
"""Seconds between two looks at the marks."""
LOG = "logs/snakemake.log"
LOCK = ".lock"

Tell = Callable[[str], None]


def run_grid(grid: Grid, cores: int, profile: str = "local", extra: Sequence[str] = (), tell: Tell = print) -> int:
    """Run what is left of a grid; what was finished before is not run again.

    Args:
        grid: to run.
        cores: jobs at a time; on a cluster the number of cores asked for at a time.
        profile: of Snakemake: ``local``, ``slurm`` or ``kubernetes`` in ``workflow/profiles``, or a folder.
        extra: further arguments for Snakemake.
        tell: takes each line of progress.

    Returns:
        0 where every cell is finished, 1 where some are not.

    Raises:
        KeyboardInterrupt: when stopped from outside, after Snakemake and its jobs have ended.
        ValueError: if Snakemake is not installed, or the grid is running already.
        FileNotFoundError: if there is no such profile.
    """
    command = snakemake_command(grid, cores, profile, extra)
    grid.save()
    log = grid.folder / LOG
    write_text(log, f"$ {shlex.join(command)}\n")
    begun, before = time.time(), status(grid)
    tell(f"{grid.name}: {before.line(cores)}\nfolder {grid.folder}")
    if pending(grid):
        with _locked(grid) as lock, log.open("a", encoding="utf-8") as out:
            code = _watch(grid, command, cores, lock, out, tell)
        if code and not _reached(grid, begun):  # Snakemake itself could not start
            raise ValueError(f"Snakemake ended with {code} before any job; the end of {log}:\n{_tail(log)}")
    after = status(grid)
    for line in summary(grid, after, begun):
        tell(line)
    return 0 if not after.left else 1


def snakemake_command(grid: Grid, cores: int, profile: str = "local", extra: Sequence[str] = ()) -> list[str]:
    """The command line that runs the grid.

    Raises:
        ValueError: if Snakemake is not installed.
        FileNotFoundError: if there is no such profile.
    """
    if importlib.util.find_spec("snakemake") is None:
        raise ValueError(
            "Snakemake is not installed: pip install 'defectlab[grid]'; `defectlab grid cell` runs one cell without it"
        )
    options = {
        "--snakefile": workflow_dir() / "Snakefile",
        "--configfile": grid.folder / GRID_FILE,
        "--profile": profile_dir(profile),
        "--cores": cores,
    }
    words = [str(word) for option in options.items() for word in option]
    words += _storage(grid, profile_dir(profile))
    # our own lock, which a killed run does not leave behind
    return [sys.executable, "-m", "snakemake", *words, "--nolock", "--quiet", "rules", *extra]


def _storage(grid: Grid, profile: Path) -> list[str]:
    """Where marks travel through storage, a place in it for each grid: their names are the same in all grids."""
    settings = yaml.safe_load((profile / "config.yaml").read_text(encoding="utf-8")) or {}
    prefix = settings.get("default-storage-prefix")
    return ["--default-storage-prefix", f"{prefix}/{grid.name}"] if prefix else []


def profile_dir(profile: str) -> Path:
    """Folder of a Snakemake profile, by name in ``workflow/profiles`` or by path.

    Raises:
        FileNotFoundError: if there is none; the message lists those there are.
    """
    home = workflow_dir() / "profiles"
    for folder in (home / profile, absolute(profile)):
        if (folder / "config.yaml").is_file():
            return folder
    known = ", ".join(sorted(path.parent.name for path in home.glob("*/config.yaml")))
    raise FileNotFoundError(f"no Snakemake profile {profile!r}: expected one of {known}, or a folder with config.yaml")


def summary(grid: Grid, after: Status, since: float) -> Iterator[str]:
    """What became of the grid: failed jobs with their logs, jobs that wait for them, the time it took."""
    stopped = [job for job in after.left if _attempted(grid, job, since)]
    for job in stopped:
        yield f"failed  {failure_of(grid, job)}"
    waiting = len(after.left) - len(stopped)
    if waiting:
        yield f"{waiting} further jobs were not reached"
    yield f"{after.line()} after {clock(time.time() - since)}"
    if after.left:
        yield "the same command goes on where this one was"


def _watch(grid: Grid, command: list[str], cores: int, lock: int, out: IO[str], tell: Tell) -> int:
    """Run Snakemake to its end, telling each job that ends; returns its exit code."""
    # In a session of its own, so that a key press reaches it through us alone; where it outlives us, it holds the lock.
    process = subprocess.Popen(
        command,
        cwd=grid.folder,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        pass_fds=(lock,),
        start_new_session=True,
    )
    seen: set[Job] = {job for job in grid.jobs if _ended(grid, job)}
    with _passing_on(process.pid) as stopped:
        while process.poll() is None:
            time.sleep(INTERVAL)
            seen = _tell_new(grid, seen, cores, tell)
    if stopped:
        raise KeyboardInterrupt
    _tell_new(grid, seen, cores, tell)
    return process.returncode


def _tell_new(grid: Grid, seen: set[Job], cores: int, tell: Tell) -> set[Job]:
    ended = {job for job in grid.jobs if _ended(grid, job)}
    if new := [job for job in grid.jobs if job in ended - seen]:
        now = status(grid)
        names = ", ".join(f"{'FAILED ' if job in now.failed else ''}{job.kind}/{job.id}" for job in new)
        tell(f"{time.strftime('%H:%M:%S')}  {now.line(cores)}  <- {names}")
    return ended


def _ended(grid: Grid, job: Job) -> bool:
    return is_done(grid, job) or (grid.folder / failure_path(job)).is_file()


def _attempted(grid: Grid, job: Job, since: float) -> bool:
    traces = (grid.folder / log_path(job), grid.folder / failure_path(job))
    return any(path.is_file() and path.stat().st_mtime >= since - 1 for path in traces)


def _reached(grid: Grid, since: float) -> bool:
    return any(_attempted(grid, job, since) for job in grid.jobs)


@contextmanager
def _locked(grid: Grid) -> Iterator[int]:
    """Hold the grid's lock; the system gives it back when the last process that holds it ends, however it ends."""
    path = grid.folder / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"{grid.name} is running already; `defectlab grid status` tells how far it is") from error
        yield file.fileno()


@contextmanager
def _passing_on(group: int) -> Iterator[list[int]]:
    """Pass an interrupt or a request to end on to Snakemake and its jobs; one that comes again ends them at once.

    Yields:
        The signals that came.
    """
    came: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):  # it ended by itself just now
            os.killpg(group, signal.SIGKILL if came else signal.SIGINT)
        came.append(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tail(path: Path, lines: int = 20) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
