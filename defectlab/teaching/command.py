"""`defectlab teach --out FOLDER`: the chapters for students and for teachers, slides, and a guide for the teacher."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from defectlab.files import write_text
from defectlab.paths import absolute, checkout_dir
from defectlab.progress import Pace, tell
from defectlab.teaching.guide import README, Chapter, class_file, guide, links, readme
from defectlab.teaching.pages import page_notebook
from defectlab.teaching.plain import works
from defectlab.teaching.plans import plan_of, table
from defectlab.teaching.slides.chapters import chapter_numbers, chapters_with_slides, numbered
from defectlab.teaching.slides.writing import write_deck, write_mathjax
from defectlab.teaching.versions import Version, version

LOG = logging.getLogger(__name__)
VERSIONS: tuple[Version, ...] = ("student", "instructor")
KINDS = ("student", "instructor", "slides")
GUIDE = "guide.md"


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
    chosen = _chosen(root, chapters or ())
    known, decks, written = works(root / "book" / "references.bib"), dict[str, str](), list[Path]()
    for chapter in chosen:
        pace = Pace(LOG, f"chapter {chapter.number}, {chapter.name}", len(kinds), unit="part")
        if "slides" in kinds:
            written.append(write_deck(out / "slides", root, chapter.name, chapter.pages, chapter.number, known))
            decks[chapter.name] = written[-1].name
        for kind in VERSIONS:
            if kind in kinds:
                written += _write_notebooks(out / kind, kind, chapter, root, known, links(chosen, root))
        pace.at(len(kinds))
    if "slides" in kinds:
        write_mathjax(out / "slides", root)
    texts = {out / kind / README: readme(root, chosen, kind == "instructor") for kind in VERSIONS if kind in kinds}
    if "instructor" in kinds:
        texts[out / "instructor" / GUIDE] = guide(root, chosen, decks)
    for path, text in texts.items():
        write_text(path, text)
    return [*written, *texts]


def _chosen(root: Path, names: Sequence[str]) -> list[Chapter]:
    known, numbers = chapters_with_slides(root), chapter_numbers(root)
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no chapter {', '.join(unknown)}; there are: {', '.join(known)}")
    return [Chapter(name, numbers[name], pages) for name, pages in known.items() if not names or name in names]


def _write_notebooks(
    folder: Path,
    kind: Version,
    chapter: Chapter,
    root: Path,
    known: Mapping[str, tuple[str, str]],
    targets: Mapping[str, str],
) -> Iterator[Path]:
    """The pages of a chapter in one version."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in chapter.pages:
        try:
            made = version(_read(root, page), chapter.checked, kind, known, targets)
        except ValueError as error:
            raise ValueError(f"{page}: {error}") from error
        made.cells[0].source = f"# {numbered(made.cells[0].source.removeprefix('# '), chapter.number)}"
        if kind == "instructor" and (plan := plan_of(page)):
            text = f"> **For the teacher.** The plan of the class.\n\n{table(plan)}"
            made.cells.insert(1, nbformat.v4.new_markdown_cell(text, id=f"{Path(page).name}-plan"))
        nbformat.write(made, folder / class_file(page))
        yield folder / class_file(page)


def _read(root: Path, page: str) -> NotebookNode:
    path = root / f"{page}.ipynb"
    return nbformat.read(path, as_version=4) if path.is_file() else page_notebook(root / f"{page}.md", root)


def register(subparsers: Any) -> None:
    """Add ``defectlab teach``."""
    parser = subparsers.add_parser("teach", help="student and instructor versions, and slides", description=__doc__)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="folder for student/, instructor/ and slides/")
    parser.add_argument("--chapter", action="append", metavar="NAME", help="short name, such as measuring; repeatable")
    parser.add_argument("--version", action="append", choices=KINDS, help="only this; repeatable (default: all)")
    parser.set_defaults(handler=_run)


def _run(args: argparse.Namespace) -> int:
    tell()
    out = absolute(args.out)
    written = write_versions(out, args.chapter, args.version or KINDS)
    for folder in sorted({path.parent for path in written}):
        print(f"{folder}   {sum(path.parent == folder for path in written)} files")
    if out / "instructor" / GUIDE in written:
        print(f"start with {out / 'instructor' / GUIDE}")
    return 0
