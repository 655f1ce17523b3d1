"""`defectlab run diag -p n_aug 100`: papermill in this interpreter, then the result table and an HTML page."""

from __future__ import annotations

import argparse
import ast
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from defectlab.files import fingerprint, slug, write_text
from defectlab.kernels import execute_notebook
from defectlab.paths import absolute, checkout_dir, runs_dir
from defectlab.results import read_results
from defectlab.runs import latest_run


class NotebookError(ValueError):
    """A notebook that did not run to its end; the message names the cell's error and the file to look at."""


@dataclass(frozen=True)
class Executed:
    """A notebook that ran to its end.

    Attributes:
        notebook: with outputs.
        html: the same as a page.
        run: its folder in the run store, ``None`` where it stored nothing.
        seconds: wall clock.
    """

    notebook: Path
    html: Path
    run: Path | None
    seconds: float


def run_notebook(notebook: str | Path, parameters: Mapping[str, Any], out: str | Path | None = None) -> Executed:
    """Execute a notebook with papermill on the kernel of this interpreter and write it as a page.

    Args:
        notebook: path, or name of one in ``notebooks/`` of the checkout.
        parameters: by name, as papermill takes them.
        out: folder for both files; by default ``notebooks`` in the run store.

    Raises:
        NotebookError: if a cell raises.
        FileNotFoundError: if there is no such notebook; the message lists those there are.
    """
    import papermill  # takes a second, and only this command needs it

    source = find_notebook(notebook)
    target = _target(source, parameters, out)
    begun = time.time()
    try:
        execute_notebook(source, target, parameters, progress_bar=sys.stderr.isatty())
    except papermill.PapermillExecutionError as error:
        raise NotebookError(f"{source.name}: {error.ename}: {error.evalue}\n(all of it in {target})") from error
    html = write_html(target)
    run = latest_run(None, source.stem)
    fresh = run is not None and (run / "provenance.json").stat().st_mtime >= begun - 1
    return Executed(target, html, run if fresh else None, time.time() - begun)


def find_notebook(notebook: str | Path) -> Path:
    """A notebook by path, or by its name in ``notebooks/`` of the checkout.

    Raises:
        FileNotFoundError: if there is none; the message lists those there are.
    """
    path = absolute(notebook)
    if path.is_file():
        return path
    root = checkout_dir()
    known = sorted((root / "notebooks").glob("*.ipynb")) if root else []
    for candidate in known:
        if str(notebook) in (candidate.stem, candidate.name):
            return candidate
    names = ", ".join(candidate.stem for candidate in known) or "none: this is not a source checkout"
    raise FileNotFoundError(f"no notebook {str(notebook)!r} at {path}; in notebooks/: {names}")


def write_html(notebook: Path) -> Path:
    """Write an executed notebook as one HTML file beside it; returns that file."""
    from nbconvert import HTMLExporter  # takes a second

    exporter = HTMLExporter(embed_images=True, require_js_url="", exclude_input_prompt=True)
    page, _ = exporter.from_filename(str(notebook))
    path = notebook.with_suffix(".html")
    write_text(path, page)
    return path


def result_table(results: pd.DataFrame) -> str:
    """Results as text: one block a data set and regime, one line a metric, one column a method.

    Each cell is the mean over seeds, with the standard deviation where there are several.
    """
    blocks = []
    for (dataset, regime), block in results.groupby(["dataset", "regime"], sort=False):
        column = block["method"] + " (" + block["n_aug"].astype(str) + ")"
        cells = block.groupby(["metric", column], sort=False)["value"].agg(_cell).unstack(fill_value="")
        table = cells.reindex(index=block["metric"].unique(), columns=column.unique())
        seeds = block["seed"].nunique()
        title = f"{dataset}, {regime}: method (synthetic positives), {seeds} seed{'s' * (seeds != 1)}"
        blocks.append(f"{title}\n{table.rename_axis(index=None, columns=None).to_string()}")
    return "\n\n".join(blocks)


def register(subparsers: Any) -> None:
    """Add ``defectlab run``."""
    parser = subparsers.add_parser("run", help="run a notebook with parameters", description=__doc__)
    parser.add_argument("notebook", help="name, such as diag, or a path")
    pair = {"nargs": 2, "action": "append", "default": [], "metavar": ("NAME", "VALUE")}
    parser.add_argument("-p", "--parameter", help="set a parameter, such as -p n_aug 100", **pair)
    parser.add_argument("-r", "--raw", help="set a parameter to text, even if it looks like a number", **pair)
    parser.add_argument("--out", metavar="FOLDER", help="for the executed notebook and its page")
    parser.set_defaults(handler=_run)


def _run(args: argparse.Namespace) -> int:
    parameters = {**{name: literal(value) for name, value in args.parameter}, **dict(args.raw)}
    done = run_notebook(args.notebook, parameters, args.out)
    if done.run is not None:
        table = read_results(done.run / "results.csv")
        print(result_table(table) if len(table) else "the notebook stored no results", end="\n\n")
        print(f"run store   {done.run}")
    print(f"notebook    {done.notebook}\nHTML        {done.html}\nminutes     {done.seconds / 60:.1f}")
    return 0


def _target(source: Path, parameters: Mapping[str, Any], out: str | Path | None) -> Path:
    folder = absolute(out) if out else runs_dir() / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    words = _readable(parameters)
    return folder / ("-".join([source.stem, *words])[:80] + (f"-{fingerprint(parameters)}" if words else "") + ".ipynb")


def _readable(parameters: Mapping[str, Any]) -> Sequence[str]:
    return [slug(f"{name}_{value}") for name, value in parameters.items()]


def _cell(values: pd.Series[float]) -> str:
    spread = "" if len(values) == 1 else f" ± {values.std():.3f}"
    return f"{values.mean():.3f}{spread}"


def literal(text: str) -> Any:
    """A number, truth value or list that the text spells; the text itself where it spells none."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
