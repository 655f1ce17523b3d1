"""`defectlab teach --out FOLDER`: student and instructor versions of the chapters, and a guide for the teacher."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from defectlab.check import CHAPTERS, exercises
from defectlab.files import write_text
from defectlab.paths import absolute, checkout_dir
from defectlab.teaching.plain import works
from defectlab.teaching.versions import Version, notes_on, version, without_solutions

KINDS: tuple[Version, ...] = ("student", "instructor")


def write_versions(out: Path, chapters: Sequence[str] = CHAPTERS, root: Path | None = None) -> list[Path]:
    """Writes ``student/`` and ``instructor/`` with the notebooks, the papers' pages and the guide.

    Args:
        out: folder that they go to; files of the same names are replaced.
        chapters: names of the notebooks.
        root: checkout; the one that the package lies in by default.

    Returns:
        The files.

    Raises:
        FileNotFoundError: if there is no checkout: the sources of the book are not in the package.
        ValueError: if a chapter does not exist or cannot be shown.
    """
    root = root or checkout_dir()
    if root is None:
        raise FileNotFoundError("the versions are made from a checkout; clone the repository and run the command there")
    if unknown := [name for name in chapters if name not in CHAPTERS]:
        raise ValueError(f"no chapter {', '.join(unknown)}; there are: {', '.join(CHAPTERS)}")
    known = works(root / "book" / "references.bib")
    kept = frozenset(f"{name}.ipynb" for name in chapters)
    written = []
    for kind in KINDS:
        folder = out / kind
        folder.mkdir(parents=True, exist_ok=True)
        for name in chapters:
            source = nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4)
            written.append(folder / f"{name}.ipynb")
            nbformat.write(version(source, name, kind, known, kept), written[-1])
        for page in _pages_with_solutions(root):
            text = page.read_text(encoding="utf-8")
            written.append(folder / page.name)
            write_text(written[-1], without_solutions(text) if kind == "student" else text)
    written.append(out / "instructor" / "guide.md")
    write_text(written[-1], guide(root, chapters))
    return written


def guide(root: Path, chapters: Sequence[str]) -> str:
    """The teacher's guide: syllabi and rubric of the book's page, then each chapter with its exercises and mistakes."""
    lines = [(root / "book" / "teaching.md").read_text(encoding="utf-8").strip(), ""]
    for name in chapters:
        first = nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4).cells[0].source
        time = re.search(r"\*\*Time and hardware\*\* (.*?)\n```", first, flags=re.S)
        lines += [f"## {first.splitlines()[0].lstrip('# ')}", "", f"Notebook `{name}.ipynb`.", ""]
        lines += [re.sub(r"\s+", " ", time[1]).capitalize() if time else "", ""]
        for exercise in exercises(name).values():
            lines += [f"### {exercise.title} (`{exercise.name}`)", "", notes_on(exercise), ""]
    return "\n".join(lines)


def register(subparsers: Any) -> None:
    """Add ``defectlab teach``."""
    parser = subparsers.add_parser("teach", help="student and instructor versions of the chapters", description=__doc__)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="folder for student/ and instructor/")
    parser.add_argument("--chapter", action="append", metavar="NAME", help=f"one of {', '.join(CHAPTERS)}; repeatable")
    parser.set_defaults(handler=_run)


def _run(args: argparse.Namespace) -> int:
    written = write_versions(absolute(args.out), args.chapter or CHAPTERS)
    for folder in sorted({path.parent for path in written}):
        print(f"{folder}   {sum(path.parent == folder for path in written)} files")
    return 0


def _pages_with_solutions(root: Path) -> list[Path]:
    pages = sorted((root / "book").glob("*.md"))
    return [page for page in pages if "{solution-start}" in page.read_text(encoding="utf-8")]
