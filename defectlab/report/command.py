"""`defectlab claims`: the ledger of the papers' claims, with verdicts where result rows are given.

`defectlab claims store FOLDER` keeps the results of a run, or of a collected grid, in the package, for the book;
histories of pretrainings go with a grid.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from defectlab.results import KEY, read_results
from defectlab.runs import collect_results

EXAMPLES = """examples:
  defectlab claims --paper in_and_out
  defectlab claims --results runs/diag/laptop-8e300f69/results.csv --orderings
  defectlab claims store runs/diag/laptop-8e300f69 --name mine-real --title "DIAG on mine" --note "a reduced copy"
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``claims`` to the command line."""
    parser = subparsers.add_parser(
        "claims",
        help="the papers' claims beside the results of the run store",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--paper", default="diag", help="short name of the paper (default: diag)")
    parser.add_argument(
        "--results",
        type=Path,
        nargs="+",
        metavar="CSV",
        help="results.csv of one or more runs; by default those of the paper's own notebook in the run store",
    )
    parser.add_argument("--orderings", action="store_true", help="every ordering that makes up the claims")
    parser.add_argument("--cells", action="store_true", help="every cell of the paper's tables")
    parser.set_defaults(handler=run)
    # Beside the options above it may be left out: the ledger is what one asks for most.
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    keep = actions.add_parser("store", help="keep the results of a finished run or grid in the package")
    keep.add_argument("run_folder", type=Path, help="folder of the run, or of the collected grid, in the run store")
    keep.add_argument("--name", required=True, help="of the stored run, such as kolektor_sdd-zero_shot-real")
    keep.add_argument("--title", required=True, help="what it shows: the caption of its table")
    keep.add_argument("--note", required=True, help="what must be known before comparing, such as a reduced copy")
    keep.set_defaults(handler=store)


def store(arguments: argparse.Namespace) -> int:
    """Stores a run, or a collected grid, and prints its folder.

    Raises:
        ValueError: if the run or grid is not finished, is a smoke one, or the name cannot be a folder.
        FileNotFoundError: if the folder holds neither.
    """
    from defectlab.report.stored.grids import COLLECTED, store_grid
    from defectlab.report.stored.writing import store_run

    keep = store_grid if (arguments.run_folder / COLLECTED).is_file() else store_run
    print(keep(arguments.run_folder, arguments.name, arguments.title, arguments.note))
    return 0


def run(arguments: argparse.Namespace) -> int:
    """Prints the ledger.

    Raises:
        ValueError: for an unknown paper, or a results file that is not there.
    """
    from defectlab.report.claims import findings_table, load_claims, scoreboard
    from defectlab.report.verdict import ORDERING_RULE

    load_claims(arguments.paper)  # an unknown paper stops here
    if arguments.cells:
        _print(_cells(arguments.paper))
        return 0
    rows = _rows(arguments.results, arguments.paper)
    if arguments.orderings:
        _print(findings_table(rows, arguments.paper) if len(rows) else pd.DataFrame())
    else:
        _print(scoreboard(rows, arguments.paper).drop(columns=["tested", "remark"]))
    print(f"\n{ORDERING_RULE}")
    return 0


def _rows(paths: list[Path] | None, paper: str) -> pd.DataFrame:
    if not paths:
        return _latest(_own(collect_results(), paper))
    for path in paths:
        if not path.is_file():
            raise ValueError(f"no results file at {path}; each run of a notebook writes one into its run folder")
    return _latest(pd.concat([read_results(path) for path in paths], ignore_index=True))


def _own(rows: pd.DataFrame, paper: str) -> pd.DataFrame:
    """Rows of the paper's notebook, then those that only its study has: other notebooks train the same methods."""
    parts = [rows[rows["notebook"] == name] for name in (paper, f"{paper}_study")]
    shared = [column for column in KEY if column != "notebook"]
    only_study = ~parts[1].set_index(shared).index.isin(parts[0].set_index(shared).index)
    return pd.concat([parts[0], parts[1][only_study]], ignore_index=True)


def _latest(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a value: runs that differ in another parameter only cannot stand in one table."""
    kept = rows.drop_duplicates([*KEY], keep="last")
    if len(kept) < len(rows):
        n = len(rows) - len(kept)
        print(f"{n} rows of other runs with the same setting are left out; choose with --results FILE\n")
    return kept


def _cells(paper: str) -> pd.DataFrame:
    from defectlab.report.published import cells

    return cells(paper).drop(columns=["table", "regime", "row"], errors="ignore")


def _print(table: pd.DataFrame) -> None:
    print(table.to_string(index=False, na_rep="–", max_colwidth=110, float_format=lambda value: f"{value:g}"))
