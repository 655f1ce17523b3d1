"""`defectlab teach --out FOLDER`: the chapters for students and for teachers, slides, and a guide for the teacher."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from defectlab.check import CHAPTERS, PAPERS, exercises
from defectlab.files import write_text
from defectlab.paths import absolute, checkout_dir
from defectlab.teaching.notes import notes_on
from defectlab.teaching.pages import page_notebook
from defectlab.teaching.plain import References, plain, works
from defectlab.teaching.slides import chapters_with_slides, write_slides
from defectlab.teaching.versions import Version, version

VERSIONS: tuple[Version, ...] = ("student", "instructor")
KINDS = ("student", "instructor", "slides")
HOW_TO = "how-to-run.md"


def write_versions(
    out: Path, chapters: Sequence[str] | None = None, kinds: Sequence[str] = KINDS, root: Path | None = None
) -> list[Path]:
    """Writes ``student/`` and ``instructor/`` with every page of the chapters as a notebook, and ``slides/``.

    Args:
        out: folder that they go to; files of the same names are replaced.
        chapters: short names; all by default.
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
    known = chapters_with_slides(root)
    if unknown := [name for name in chapters or () if name not in known]:
        raise ValueError(f"no chapter {', '.join(unknown)}; there are: {', '.join(known)}")
    chosen = {name: pages for name, pages in known.items() if not chapters or name in chapters}
    slides = write_slides(out / "slides", root, chapters or ()) if "slides" in kinds else {}
    written = list(slides.values())
    for kind in VERSIONS:
        if kind in kinds:
            written += _write_notebooks(out / kind, kind, chosen, root)
    if "instructor" in kinds:
        written.append(out / "instructor" / "guide.md")
        write_text(written[-1], guide(root, chosen, {name: path.name for name, path in slides.items()}))
    return written


def class_file(page: str) -> str:
    """File in a version's folder of a page such as ``"book/diag"``; a paper's notebook has the plain name.

    A written page is named as in the book, with ``-chapter`` where a notebook goes with it.
    """
    name = Path(page).name
    goes_with = page.startswith("book/") and name.replace("-", "_") in PAPERS
    return f"{name}-chapter.ipynb" if goes_with else f"{name}.ipynb"


def _write_notebooks(folder: Path, kind: Version, chapters: Mapping[str, Sequence[str]], root: Path) -> list[Path]:
    """The pages of one version, and how to run them."""
    known, links = works(root / "book" / "references.bib"), _links(chapters, root)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, pages in chapters.items():
        for page in pages:
            written.append(folder / class_file(page))
            try:
                made = version(_read(root, page), name.replace("-", "_"), kind, known, links)
            except ValueError as error:
                raise ValueError(f"{page}: {error}") from error
            nbformat.write(made, written[-1])
    written.append(folder / HOW_TO)
    write_text(written[-1], plain((root / "book" / HOW_TO).read_text(encoding="utf-8"), References(links=links)) + "\n")
    return written


def _read(root: Path, page: str) -> NotebookNode:
    path = root / f"{page}.ipynb"
    return nbformat.read(path, as_version=4) if path.is_file() else page_notebook(root / f"{page}.md", root)


def _links(chapters: Mapping[str, Sequence[str]], root: Path) -> dict[str, str]:
    """Where the files of the book lie in a version's folder, by their names in the book."""
    pages = [page for group in chapters.values() for page in group]
    ending = {page: ".ipynb" if (root / f"{page}.ipynb").is_file() else ".md" for page in pages}
    return {f"{Path(page).name}{ending[page]}": class_file(page) for page in pages} | {HOW_TO: HOW_TO}


def guide(root: Path, chapters: Mapping[str, Sequence[str]], slides: Mapping[str, str] | None = None) -> str:
    """The teacher's guide: syllabi and rubric of the book's page, then each chapter with its exercises and mistakes.

    Args:
        root: checkout.
        chapters: pages of each chapter by its short name.
        slides: file of the deck of each chapter, in the folder ``slides`` beside that of the guide; empty for none.
    """
    slides = slides or {}
    teaching = (root / "book" / "teaching.md").read_text(encoding="utf-8")
    lines = [plain(teaching, References(links=_links(chapters, root))), ""]
    for name, pages in chapters.items():
        first = _read(root, pages[0]).cells[0].source
        time = re.search(r"\*\*Time and hardware\*\* (.*?)\n```", first, flags=re.S)
        files = ", ".join(f"[`{class_file(page)}`]({class_file(page)})" for page in pages)
        deck = f" Slides: [{slides[name]}](../slides/{slides[name]})." if name in slides else ""
        lines += [f"## {first.splitlines()[0].lstrip('# ')}", "", f"Files: {files}.{deck}", ""]
        lines += [re.sub(r"\s+", " ", time[1]).capitalize() if time else "", ""]
        checked = name.replace("-", "_")
        for exercise in exercises(checked).values() if checked in CHAPTERS else ():
            lines += [f"### {exercise.title} (`{exercise.name}`)", "", notes_on(exercise), ""]
    return "\n".join(lines)


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
