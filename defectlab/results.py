"""`Result`: one metric value of one training run, as a tidy row; tables and curves are made from nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class Result:
    """One metric value.

    Attributes:
        notebook: such as ``diag``.
        method: synthesizer, such as ``memseg``; ``none`` without synthetic images.
        dataset: name in the registry.
        regime: ``zero_shot``, ``few_shot`` or ``full_shot``.
        n_aug: synthetic positives added to training.
        seed: of the training run.
        metric: name, such as ``ap_step``.
        value: of the metric; not a number where it is undefined, never infinite.
        profile: ``smoke``, ``laptop`` or ``paper``.
        device: that computed it.
        seconds: wall clock of the training run.
        commit: of the source, or ``unknown``.
    """

    notebook: str
    method: str
    dataset: str
    regime: str
    n_aug: int
    seed: int
    metric: str
    value: float
    profile: str
    device: str = "cpu"
    seconds: float = 0.0
    commit: str = "unknown"

    def __post_init__(self) -> None:
        for name in ("notebook", "method", "dataset", "metric", "profile"):
            if not getattr(self, name):
                raise ValueError(f"result: {name} is empty")
        if self.n_aug < 0 or self.seconds < 0:
            raise ValueError(f"result: n_aug {self.n_aug} and seconds {self.seconds} must be at least 0")
        if math.isinf(self.value):
            raise ValueError(f"result: {self.metric} of {self.method} is infinite")


COLUMNS = [field.name for field in fields(Result)]
KEY = ["notebook", "method", "dataset", "regime", "n_aug", "seed", "metric", "profile"]
TEXT = dict.fromkeys(("notebook", "method", "dataset", "regime", "metric", "profile", "device", "commit"), str)


def to_frame(results: Iterable[Result]) -> pd.DataFrame:
    """Rows as a table with the columns of `Result` in their order."""
    return pd.DataFrame([asdict(result) for result in results], columns=COLUMNS)


def merge(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Both tables in order; a row of ``new`` takes the place of the row of ``old`` with the same key."""
    joined = new if old.empty else pd.concat([old.astype(object), new.astype(object)], ignore_index=True)
    positions = joined.groupby(KEY, sort=False, dropna=False).ngroup()
    latest = joined.assign(_at=positions).drop_duplicates("_at", keep="last").sort_values("_at")
    return latest.drop(columns="_at").reset_index(drop=True).infer_objects()


def read_results(path: Path) -> pd.DataFrame:
    """Rows of a results file, empty where there is none.

    Raises:
        ValueError: if the columns are not those of `Result`.
    """
    if not path.is_file():
        return to_frame([])
    missing = {"value": [""]}
    table = pd.read_csv(path, dtype=TEXT, keep_default_na=False, na_values=missing)
    if list(table.columns) != COLUMNS:
        raise ValueError(f"{path}: expected the columns {', '.join(COLUMNS)}, found {', '.join(table.columns)}")
    return table
