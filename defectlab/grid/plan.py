"""`Grid`: one declarative file, methods x n_aug x regimes x seeds and what all cells have in common, expanded to jobs.

    grid = load_grid("in_and_out", profile="smoke", seeds=[0, 1])  # see `defectlab.grid.loading`
    grid.cells, grid.image_sets, grid.fine_tunings, grid.folder

The folder of a grid follows from what its cells have in common, not from its axes: a grid that is made wider or
narrower finds every cell that was finished before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from defectlab.choices import unknown_choice
from defectlab.experiments.experiment_parameters import REGIMES
from defectlab.files import fingerprint, slug, write_json
from defectlab.grid.jobs import BASELINE, FINE_TUNED, Cell, FineTune, ImageSet, Job
from defectlab.grid.sharing import Sharing, fine_tunings, waits_for
from defectlab.params import PROFILE_VARIABLE, PROFILES
from defectlab.paths import runs_dir

PAPERS: Mapping[str, tuple[str, ...]] = {
    "in_and_out": ("memseg", "ddpm", "in_and_out", "diag"),
    "diag": ("memseg", "diag"),
}
"""Methods that the notebook of each paper has, beside ``none``."""
AXES = ("methods", "n_aug", "regimes", "seeds")
OWN = frozenset({*AXES, "regime", "profile", "dataset", "runs", "out", "layout"})
"""Parameters of the notebook that the grid itself sets."""
PLACES = ("data_root", "device")
"""Parameters that change no result enough to make another grid of it: where the data lie, what computes."""
GRID_FILE = "grid.json"


@dataclass(frozen=True)
class Grid:
    """A grid of experiments.

    Attributes:
        paper: notebook whose experiment each cell is, such as ``in_and_out``.
        methods: short names; ``none`` has a place of its own in ``baselines``.
        n_aug: synthetic positives.
        regimes: of real positives.
        seeds: cells of one seed share splits, normal images and initial weights, so that methods are paired.
        baselines: regimes in which ``none`` is trained too, once a seed.
        profile: ``smoke``, ``laptop`` or ``paper``.
        dataset: name in the registry.
        parameters: of the notebook, for all cells.
        runs: run store; empty for the usual one.
        python: interpreter of the jobs; empty for the one that runs Snakemake.
        gpus: that each job asks its scheduler for.

    Raises:
        ValueError: if a name is not known, an axis is empty or repeats itself, or a parameter belongs to the grid.
    """

    paper: str
    methods: tuple[str, ...]
    n_aug: tuple[int, ...]
    regimes: tuple[str, ...]
    seeds: tuple[int, ...]
    baselines: tuple[str, ...] = ()
    profile: str = "laptop"
    dataset: str = "surfaces"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    runs: str = ""
    python: str = ""
    gpus: int = 0

    def __post_init__(self) -> None:
        _require_known("paper", [self.paper], PAPERS)
        _require_known("profile", [self.profile], PROFILES)
        _require_known("method", self.methods, PAPERS[self.paper])
        _require_known("regime", (*self.regimes, *self.baselines), REGIMES)
        for axis in AXES:
            _require_axis(axis, getattr(self, axis))
        if min(self.n_aug) < 2 or min(self.seeds) < 0 or self.gpus < 0:
            raise ValueError(
                "expected n_aug of at least 2 and seeds and gpus of at least 0, "
                f"got n_aug {list(self.n_aug)}, seeds {list(self.seeds)}, gpus {self.gpus}"
            )
        if "zero_shot" in self.baselines:
            raise ValueError("baselines: zero_shot has no positives at all without synthetic ones; leave it out")
        if taken := sorted(OWN & set(self.parameters)):
            raise ValueError(f"parameters: {', '.join(taken)} belongs to the grid; set it there, not for its cells")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """The grid that a file or Snakemake's ``config`` describes.

        ``DEFECTLAB_PROFILE``, where it is set, takes the place of the profile, as it does for the notebooks.

        Raises:
            ValueError: for a key that is unknown or missing, or a value that cannot be used.
        """
        known = [item.name for item in fields(cls)]
        for name in values:
            if name not in known:
                raise unknown_choice("key of a grid", name, known)
        if missing := [name for name in ("paper", *AXES) if values.get(name) in (None, "", [], ())]:
            raise ValueError(f"grid: {', '.join(missing)} missing; a grid needs paper, {', '.join(AXES)}")
        given = {name: value for name, value in values.items() if value is not None}
        for name in (*AXES, "baselines"):
            given[name] = _listed(name, given.get(name, ()))
        if profile := os.environ.get(PROFILE_VARIABLE, "").strip():
            given["profile"] = profile
        return cls(**given)

    @property
    def folder(self) -> Path:
        """``grids/NAME`` in the run store, with cells, shared images, logs, marks and the collected table."""
        return runs_dir(self.runs or None) / "grids" / self.name

    @property
    def name(self) -> str:
        """Paper, profile and data set, and a hash of the parameters where there are any."""
        common = {name: value for name, value in self.parameters.items() if name not in PLACES}
        words = [self.paper, self.profile, self.dataset, *([fingerprint(common)] if common else [])]
        return "-".join(slug(word) for word in words)

    @property
    def shared(self) -> Path:
        """Fine-tunings and synthetic images, for all cells."""
        return self.folder / "shared"

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell once; those without synthetic images last."""
        augmented = [
            Cell(method, regime, n, seed)
            for regime in self.regimes
            for seed in self.seeds
            for method in self.methods
            for n in self.n_aug
        ]
        bare = [Cell(BASELINE, regime, 0, seed) for regime in self.baselines for seed in self.seeds]
        return (*augmented, *(cell for cell in bare if cell.regime in self.regimes))

    @cached_property
    def sharing(self) -> Sharing:
        """Which cells share which images."""
        return Sharing.of(self.paper, self.n_aug, self.parameters)

    @cached_property
    def image_sets(self) -> tuple[ImageSet, ...]:
        """Sets of images that the cells share."""
        return self.sharing.image_sets(self.cells)

    @cached_property
    def fine_tunings(self) -> tuple[FineTune, ...]:
        """Fine-tunings that the image sets share."""
        return fine_tunings(self.image_sets)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs, each after those that it needs."""
        return (*self.fine_tunings, *self.image_sets, *self.cells)

    def needs(self, job: Job) -> tuple[Job, ...]:
        """The jobs that must be done before."""
        if isinstance(job, Cell):
            return tuple(item for item in self.image_sets if self.sharing.serves(item, job))
        if isinstance(job, FineTune):
            return waits_for(job, self.fine_tunings)
        own = FineTune(job.regime, job.seed)
        return (own,) if job.method == FINE_TUNED else ()

    def job(self, kind: str, name: str) -> Job:
        """The job of this name.

        Raises:
            ValueError: if the grid has none.
        """
        found = {job.id: job for job in self.jobs if job.kind == kind}
        if name not in found:
            raise unknown_choice(f"job among the {kind} of this grid,", name, found)
        return found[name]

    def narrowed(self, cell: Cell) -> Grid:
        """The grid of this one cell; its folder is the same."""
        if cell.method == BASELINE:
            return replace(self, regimes=(cell.regime,), seeds=(cell.seed,), baselines=(cell.regime,))
        axes: dict[str, Any] = {
            "methods": (cell.method,),
            "n_aug": (cell.n_aug,),
            "regimes": (cell.regime,),
            "seeds": (cell.seed,),
        }
        return replace(self, **axes, baselines=())

    def as_dict(self) -> dict[str, Any]:
        """What `from_mapping` takes."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def save(self) -> Path:
        """Write the grid into its folder, where its jobs read it; returns the file."""
        path = self.folder / GRID_FILE
        write_json(path, {**self.as_dict(), "runs": str(runs_dir(self.runs or None))})
        return path


def _listed(name: str, value: Any) -> tuple[Any, ...]:
    """A list, also where one value or text such as ``80,100`` was given, as ``--config n_aug=80,100`` does."""
    if isinstance(value, str):
        items: list[Any] = [word for word in value.replace(",", " ").split() if word]
    else:
        items = list(value) if isinstance(value, list | tuple) else [value]
    if name not in ("n_aug", "seeds"):
        return tuple(str(item) for item in items)
    try:
        return tuple(int(item) for item in items)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected whole numbers, got {value!r}") from error


def _require_known(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    for name in given:
        if name not in known:
            raise unknown_choice(what, name, known)


def _require_axis(name: str, values: Sequence[Any]) -> None:
    if not values:
        raise ValueError(f"{name}: expected at least one, got none")
    if len(set(values)) != len(values):
        raise ValueError(f"{name}: expected each once, got {list(values)}")
