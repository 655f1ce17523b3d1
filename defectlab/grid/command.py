"""`defectlab grid plan | run | status | collect | cell | prepare`: a paper's whole grid, or one cell of it.

`defectlab grid run in_and_out --profile laptop --cores 2` runs what is left, tells progress and time left, and ends
with the collected table; what follows `--` goes to Snakemake.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from defectlab.grid.loading import load_grid
from defectlab.grid.plan import Grid
from defectlab.params import PROFILES


def register(subparsers: Any) -> None:
    """Adds ``grid`` to the command line."""
    parser = subparsers.add_parser("grid", help="run a paper's grid of experiments", description=__doc__)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    common = _common()
    plan = actions.add_parser("plan", parents=[common], help="what would be computed, and what sharing saves")
    plan.set_defaults(handler=_plan)
    run = actions.add_parser("run", parents=[common], help="run what is left; finished cells are not run again")
    run.add_argument("--cores", type=int, default=1, metavar="N", help="jobs at a time (default: 1)")
    run.add_argument("--on", default="local", help="local, slurm, kubernetes, or a folder with a Snakemake profile")
    run.add_argument("snakemake", nargs="*", metavar="ARGUMENT", help="for Snakemake, after --")
    run.set_defaults(handler=_run)
    status = actions.add_parser("status", parents=[common], help="cells finished, failed and left, and the time left")
    status.set_defaults(handler=_status)
    collect = actions.add_parser("collect", parents=[common], help="one tidy table and the paper's tables and curves")
    collect.set_defaults(handler=_collect)
    cell = actions.add_parser("cell", parents=[_common(axes=False)], help="run one cell, without Snakemake")
    for name, kind in (("method", str), ("regime", str), ("n-aug", int), ("seed", int)):
        cell.add_argument(f"--{name}", type=kind, help="of the cell")
    cell.add_argument("--id", help="name of the cell, in place of the four above")
    cell.add_argument("--mark", type=Path, metavar="FILE", help="further mark, written when the cell is done")
    cell.set_defaults(handler=_cell)
    prepare = actions.add_parser("prepare", parents=[common], help="run one shared fine-tuning or image set")
    prepare.add_argument("--kind", required=True, choices=("fine_tune", "images"))
    prepare.add_argument("--id", required=True, help="name of the job, as `defectlab grid status` gives it")
    prepare.add_argument("--mark", type=Path, metavar="FILE", help="further mark, written when it is done")
    prepare.set_defaults(handler=_prepare)


def _common(axes: bool = True) -> argparse.ArgumentParser:
    """Arguments by which every action knows the grid.

    Args:
        axes: whether its methods, counts, regimes and seeds can be changed.
    """
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("paper", help="in_and_out, diag, or the file of a grid")
    common.add_argument("--profile", choices=PROFILES, help="in place of the grid's")
    common.add_argument("--dataset", help="in place of the grid's")
    if axes:
        common.add_argument("--methods", nargs="+", metavar="METHOD", help="in place of the grid's")
        common.add_argument("--n-aug", dest="counts", type=int, nargs="+", metavar="N", help="in place of the grid's")
        common.add_argument("--regimes", nargs="+", metavar="REGIME", help="in place of the grid's")
        common.add_argument("--seeds", type=int, nargs="+", metavar="SEED", help="in place of the grid's")
        common.add_argument(
            "--baselines", nargs="+", metavar="REGIME", help="regimes to train without synthetic images in too; none"
        )
    pair: dict[str, Any] = {"nargs": 2, "action": "append", "default": [], "metavar": ("NAME", "VALUE")}
    common.add_argument("-p", "--parameter", help="of the notebook, for all cells, such as -p epochs 5", **pair)
    common.add_argument("-r", "--raw", help="the same as text, even if it looks like a number", **pair)
    common.add_argument("--runs", metavar="FOLDER", help="run store; by default DEFECTLAB_RUNS, then the project's")
    common.add_argument("--gpus", type=int, metavar="N", help="that each job asks its scheduler for (default: 0)")
    return common


def grid_of(args: argparse.Namespace) -> Grid:
    """The grid that the arguments describe.

    Raises:
        ValueError: if they describe none.
        FileNotFoundError: if there is no such grid.
    """
    from defectlab.notebook_runner import literal

    parameters = {**{name: literal(value) for name, value in args.parameter}, **dict(args.raw)}
    axes = {"methods": "methods", "regimes": "regimes", "seeds": "seeds", "n_aug": "counts", "baselines": "baselines"}
    given = {name: getattr(args, argument, None) for name, argument in axes.items()}  # `cell` has none of them
    if given["baselines"] == ["none"]:
        given["baselines"] = []
    return load_grid(
        args.paper,
        **given,
        profile=args.profile,
        dataset=args.dataset,
        runs=args.runs,
        gpus=args.gpus,
        parameters=parameters or None,
    )


def _plan(args: argparse.Namespace) -> int:
    from defectlab.grid.saving import plan_lines

    print("\n".join(plan_lines(grid_of(args))))
    return 0


def _run(args: argparse.Namespace) -> int:
    from defectlab.grid.engine import run_grid
    from defectlab.grid.marks import status

    grid = grid_of(args)
    if args.cores < 1:
        raise ValueError(f"--cores: expected at least 1, got {args.cores}")
    code = run_grid(grid, args.cores, args.on, args.snakemake, lambda line: print(line, flush=True))
    if status(grid).cells[0]:
        _tell_collected(grid)
    return code


def _status(args: argparse.Namespace) -> int:
    from defectlab.grid.marks import failure_of, status

    grid = grid_of(args)
    now = status(grid)
    print(f"{grid.name}: {now.line()}\nfolder {grid.folder}")
    for job in now.failed:
        print(f"failed  {failure_of(grid, job)}")
    left = [f"{job.kind}/{job.id}" for job in now.left if job not in now.failed]
    if left:
        print(f"left    {', '.join(left)}")
    return 1 if now.failed else 0


def _collect(args: argparse.Namespace) -> int:
    _tell_collected(grid_of(args))
    return 0


def _tell_collected(grid: Grid) -> None:
    from defectlab.grid.collect import collect
    from defectlab.grid.report import write_report

    collected = collect(grid)
    if collected.missing:
        print(f"{len(collected.missing)} cells are not finished and not in the table")
    print(f"table   {collected.table} ({len(collected.rows)} rows of {len(collected.cells)} cells)")
    print(f"report  {write_report(grid, collected)}")
    print(f"claims  defectlab claims --paper {grid.paper} --results '{collected.table}'")


def _cell(args: argparse.Namespace) -> int:
    from defectlab.grid import work
    from defectlab.grid.jobs import Cell

    grid = grid_of(args)
    if args.id:
        cell = grid.job(Cell.kind, args.id)
    else:
        given = {"method": args.method, "regime": args.regime, "seed": args.seed}
        if args.method != "none":
            given["n_aug"] = args.n_aug
        if missing := [name for name, value in given.items() if value is None]:
            raise ValueError(f"cell: give {', '.join(missing)}, or the id of a cell of the grid")
        cell = Cell(args.method, args.regime, given.get("n_aug", 0), args.seed)
        grid = grid.narrowed(cell)  # any cell, also one that the grid does not have; raises where it cannot be
    print(work.run_job(grid, cell, args.mark, since=_started()))
    return 0


def _prepare(args: argparse.Namespace) -> int:
    from defectlab.grid import work

    grid = grid_of(args)
    print(work.run_job(grid, grid.job(args.kind, args.id), args.mark, since=_started()))
    return 0


def _started() -> float:
    """When this process began, so that a job's seconds count what it took to import its libraries."""
    import psutil

    return psutil.Process().create_time()
