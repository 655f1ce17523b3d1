"""`defectlab data`: which data sets there are, where they lie, and whether their files are what they should be."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from defectlab.paths import MissingPathError, absolute, cache_dir

if TYPE_CHECKING:
    from defectlab.data.findings import Look
    from defectlab.data.registry import Entry


NOT_FOUND = "not found"
EXAMPLES = {
    "list": "  defectlab data list\n",
    "check": "  defectlab data check folder --root photos --datasheet datasheet.md\n",
    "where": "  defectlab data where ksdd2\n",
}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``data`` to the command line."""
    parser = subparsers.add_parser(
        "data",
        help="list, check and locate data sets",
        description=__doc__,
        epilog="examples:\n" + "".join(EXAMPLES.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_list(commands)
    _add_check(commands)
    _add_where(commands)


def _add_list(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _with_example(commands, "list", "every data set: title, licence, counts, found where")
    parser.set_defaults(handler=show_list)


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "check the files: counts, sizes, copies, masks, stray and unreadable files; exit code 1 on errors"
    parser = _with_example(commands, "check", text)
    parser.add_argument("name", metavar="NAME", help="as in `defectlab data list`; folder for your own images")
    parser.add_argument("--root", type=Path, metavar="DIR", help="its folder, or one that holds it")
    parser.add_argument(
        "--bound",
        type=float,
        help="correlation from which images are near-identical (default: 0.95; about 0.85 also finds shifted shots)",
    )
    parser.add_argument("--all-files", action="store_true", help="name every file of a finding, not only the first 10")
    parser.add_argument("--datasheet", type=Path, metavar="FILE", help="also write a datasheet in Markdown")
    parser.set_defaults(handler=check)


def _add_where(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _with_example(commands, "where", "where data sets lie, and how to get those that are not there")
    parser.add_argument("name", metavar="NAME", nargs="?", help="one data set; all by default")
    parser.set_defaults(handler=where)


def _with_example(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=f"example:\n{EXAMPLES[name]}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def show_list(arguments: argparse.Namespace) -> int:
    """Prints every data set with title, licence, official counts and the place it was found at."""
    from defectlab.data.datasheet import official_counts
    from defectlab.data.registry import ENTRIES

    for entry in ENTRIES.values():
        print(f"{entry.name}\n  {entry.title}\n  licence: {entry.licence}")
        if entry.counts:
            print(f"  official counts, normal + defective: {official_counts(entry)}")
        print(f"  {_place(entry)}")
    return 0


def where(arguments: argparse.Namespace) -> int:
    """Prints the folder of one data set or of all; for those that are not there, how to get them.

    Raises:
        MissingPathError: if the data set asked for is not there.
        ValueError: if there is none of that name.
    """
    from defectlab.data.registry import ENTRIES, find, get_entry

    if arguments.name:
        entry = get_entry(arguments.name)
        print(_place(entry) if entry.made else find(entry.name)[1])
        return 0
    for entry in ENTRIES.values():
        place = _place(entry)
        print(f"{entry.name}: {place}")
        if place == NOT_FOUND:
            print(f"  {entry.how_to_get}\n  layout: {entry.layout}")
    print(f"\nLooked for in DEFECTLAB_DATA, then in {cache_dir() / 'data'}; a notebook also takes data_root.")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Checks one data set and prints what was found.

    Returns:
        1 where there is an error, else 0.

    Raises:
        MissingPathError: if the data set is not there.
        ValueError: if the name or the bound is wrong, or the datasheet cannot be a file.
    """
    from defectlab.data.check import check_dataset
    from defectlab.data.datasheet import SHOWN, render_datasheet, render_report
    from defectlab.data.duplicates import BOUND
    from defectlab.files import write_text

    sheet = arguments.datasheet and absolute(arguments.datasheet)
    if sheet and sheet.is_dir():
        raise ValueError(f"--datasheet: {sheet} is a folder; expected a file")
    bound = BOUND if arguments.bound is None else arguments.bound
    report = check_dataset(arguments.name, arguments.root, bound, _watch)
    print(render_report(report, None if arguments.all_files else SHOWN))
    if sheet:
        write_text(sheet, render_datasheet(report))
        print(f"datasheet: {sheet}")
    return 0 if report.ok else 1


def _place(entry: Entry) -> str:
    """Where a data set lies, in a few words."""
    from defectlab.data.registry import find

    if entry.made:
        return "made by the program"
    if entry.name == "folder":
        return "anywhere: give its path"
    try:
        return f"found at {find(entry.name)[1]}"
    except MissingPathError:
        return NOT_FOUND


def _watch(looks: Iterable[Look], total: int) -> Iterable[Look]:
    """Progress on a terminal, nothing in a file."""
    from tqdm import tqdm

    return tqdm(looks, total=total, desc="reading", unit="image", disable=None, leave=False)
