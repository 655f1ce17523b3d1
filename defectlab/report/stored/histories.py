"""Histories of stored pretrainings: the loss and the measures of collapse by epoch, as one small file beside the rows.

    defectlab/report/stored/aluminium-moco-loss-laptop/histories.csv

Columns: method, regime, seed, epoch, and those of `COLUMNS` that the run kept, four significant digits each. Written by
`defectlab claims store` where the run has tables ``history-NAME``. Studies of older code have no epoch 0; it is that of
the untrained baseline with the same seed and setting, whose embeddings are those that the pretrainings began with.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from defectlab.files import write_text
from defectlab.report import stored

HISTORIES = "histories.csv"
LARGEST = 300_000
"""Bytes of the file, at most: what is stored travels with the package."""
PLACE = ["method", "regime", "seed", "epoch"]
MEASURES = ("alignment", "uniformity", "mean_norm", "effective_rank")
COLUMNS = ("loss", *MEASURES, *(f"features_{name}" for name in MEASURES))


def store_histories(folder: Path, target: Path) -> Path | None:
    """Writes the histories of a run into the folder of a stored one.

    Args:
        folder: of the run, with ``tables/history-*.csv``.
        target: folder of the stored run; a file of before is replaced, and goes where there are no histories.

    Returns:
        The file, ``None`` where the run has no history of a pretraining.

    Raises:
        ValueError: if the file would be larger than `LARGEST`; nothing is written then.
    """
    tables = [pd.read_csv(file) for file in sorted((folder / "tables").glob("history-*.csv"))]
    tables = [table for table in tables if {*PLACE, *MEASURES} <= set(table)]
    if not tables:
        (target / HISTORIES).unlink(missing_ok=True)
        return None
    table = pd.concat(tables, ignore_index=True).sort_values(PLACE, ignore_index=True)
    columns = [*PLACE, *(name for name in COLUMNS if name in table)]
    text = table[columns].to_csv(index=False, float_format="%.4g", lineterminator="\n")
    if len(text) > LARGEST:
        raise ValueError(
            f"{folder}: its histories take {len(text)} bytes, at most {LARGEST} are stored; "
            f"there are {len(tables)} of up to {table['epoch'].max()} epochs: thin them out in the run's tables"
        )
    write_text(target / HISTORIES, text)
    return target / HISTORIES


def load_histories(name: str, rows: pd.DataFrame, root: Path | None = None) -> pd.DataFrame:
    """The histories of a stored run as figures take them: method, regime, seed, epoch, metric, value.

    Args:
        name: of the folder of the stored run.
        rows: its result rows, which have the untrained encoders where the histories have no epoch 0.
        root: where stored results are; those of the package by default.

    Returns:
        The table, empty where none is stored.
    """
    file = (root or stored.HOME) / name / HISTORIES
    if not file.is_file():
        return pd.DataFrame(columns=[*PLACE, "metric", "value"])
    told = pd.read_csv(file).melt(PLACE, var_name="metric", value_name="value").dropna(subset="value")
    return told if (told["epoch"] == 0).any() else pd.concat([_begun(told, rows), told], ignore_index=True)


def _begun(told: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Epoch 0 of each history, from the rows of the untrained encoder of its regime and seed."""
    untrained = rows[(rows["method"] == "untrained") & rows["metric"].isin(MEASURES)]
    runs = told[["method", "regime", "seed"]].drop_duplicates()
    begun = runs.merge(untrained[["regime", "seed", "metric", "value"]], on=["regime", "seed"])
    return begun.assign(epoch=0)[[*PLACE, "metric", "value"]]
