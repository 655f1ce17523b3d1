"""`defectlab teach --out FOLDER`: the chapters for students and for teachers, slides, and a guide for the teacher."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat

from defectlab.check import CHAPTERS, exercises
from defectlab.files import write_text
from defectlab.paths import absolute, checkout_dir
from defectlab.teaching.plain import works
from defectlab.teaching.slides import chapters_with_slides, write_slides
from defectlab.teaching.versions import Version, notes_on, version, without_solutions

VERSIONS: tuple[Version, ...] = ("student", "instructor")
KINDS = ("student", "instructor", "slides")


def write_versions(
    out: Path, chapters: Sequence[str] | None = None, kinds: Sequence[str] = KINDS, root: Path | None = None
) -> list[Path]:
    """Writes ``student/`` and ``instructor/`` with notebooks, papers' pages and the guide, and ``slides/``.

    Args:
        out: folder that they go to; files of the same names are replaced.
        chapters: short names; all by default. Those without checked exercises have slides only.
        kinds: what to write, of `KINDS`.
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
    decks = list(chapters_with_slides(root))
    if unknown := [name for name in chapters or () if name not in decks]:
        raise ValueError(f"no chapter {', '.join(unknown)}; there are: {', '.join(decks)}")
    slides = write_slides(out / "slides", root, chapters or ()) if "slides" in kinds else {}
    notebooks = [name for name in CHAPTERS if not chapters or name in chapters]
    written = list(slides.values())
    for kind in VERSIONS:
        if kind in kinds:
            written += _write_notebooks(out / kind, kind, notebooks, root)
    if "instructor" in kinds:
        written.append(out / "instructor" / "guide.md")
        write_text(written[-1], guide(root, notebooks, {name: path.name for name, path in slides.items()}))
    return written


def _write_notebooks(folder: Path, kind: Version, chapters: Sequence[str], root: Path) -> list[Path]:
    """The notebooks and the papers' pages of one version."""
    known = works(root / "book" / "references.bib")
    kept = frozenset(f"{name}.ipynb" for name in chapters)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in chapters:
        source = nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4)
        written.append(folder / f"{name}.ipynb")
        nbformat.write(version(source, name, kind, known, kept), written[-1])
    for page in _pages_with_solutions(root):
        text = page.read_text(encoding="utf-8")
        written.append(folder / page.name)
        write_text(written[-1], without_solutions(text) if kind == "student" else text)
    return written


def guide(root: Path, chapters: Sequence[str], slides: Mapping[str, str] | None = None) -> str:
    """The teacher's guide: syllabi and rubric of the book's page, then each chapter with its exercises and mistakes.

    Args:
        root: checkout.
        chapters: names of the notebooks.
        slides: file of the deck of each chapter, in the folder ``slides`` beside that of the guide; empty for none.
    """
    slides = slides or {}
    lines = [(root / "book" / "teaching.md").read_text(encoding="utf-8").strip(), ""]
    for name in chapters:
        first = nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4).cells[0].source
        time = re.search(r"\*\*Time and hardware\*\* (.*?)\n```", first, flags=re.S)
        lines += [
            f"## {first.splitlines()[0].lstrip('# ')}",
            "",
            f"Notebook `{name}.ipynb`.{_slides_of(name, slides)}",
            "",
        ]
        lines += [re.sub(r"\s+", " ", time[1]).capitalize() if time else "", ""]
        for exercise in exercises(name).values():
            lines += [f"### {exercise.title} (`{exercise.name}`)", "", notes_on(exercise), ""]
    others = [f"- [{name}](../slides/{file})" for name, file in slides.items() if name not in chapters]
    return "\n".join([*lines, *(["## Slides of the other chapters", "", *others, ""] if others else [])])


def register(subparsers: Any) -> None:
    """Add ``defectlab teach``."""
    parser = subparsers.add_parser("teach", help="student and instructor versions, and slides", description=__doc__)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="folder for student/, instructor/ and slides/")
    parser.add_argument("--chapter", action="append", metavar="NAME", help="short name, such as measuring; repeatable")
    parser.add_argument("--version", action="append", choices=KINDS, help="only this; repeatable (default: all)")
    parser.set_defaults(handler=_run)


def _run(args: argparse.Namespace) -> int:
    written = write_versions(absolute(args.out), args.chapter, args.version or KINDS)
    for folder in sorted({path.parent for path in written}):
        print(f"{folder}   {sum(path.parent == folder for path in written)} files")
    return 0


def _slides_of(name: str, slides: Mapping[str, str]) -> str:
    return f" Slides: [{slides[name]}](../slides/{slides[name]})." if name in slides else ""


def _pages_with_solutions(root: Path) -> list[Path]:
    pages = sorted((root / "book").glob("*.md"))
    return [page for page in pages if "{solution-start}" in page.read_text(encoding="utf-8")]
