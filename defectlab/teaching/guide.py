"""The teacher's guide and the page that goes with a folder of notebooks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from defectlab.check import CHAPTERS, PAPERS, exercises
from defectlab.teaching.notes import notes_on
from defectlab.teaching.plain import References, plain
from defectlab.teaching.plans import plan_of, table
from defectlab.teaching.slides.chapters import numbered, read
from defectlab.teaching.slides.prose import goals

README = "README.md"
HOW_TO = "how-to-run.md"
CLASS_README = Path(__file__).with_name("class-readme.md")


@dataclass(frozen=True)
class Chapter:
    """A chapter of the book, as the versions see it.

    Attributes:
        name: short name.
        number: its place in the book.
        pages: places in the table of contents, the first with the goals.
    """

    name: str
    number: int
    pages: tuple[str, ...]

    @property
    def checked(self) -> str:
        """Name as `defectlab.check` knows it."""
        return self.name.replace("-", "_")


def class_file(page: str) -> str:
    """File in a version's folder of a page such as ``"book/diag"``; a paper's notebook has the plain name.

    A written page is named as in the book, with ``-chapter`` where a notebook goes with it.
    """
    name = Path(page).name
    goes_with = page.startswith("book/") and name.replace("-", "_") in PAPERS
    return f"{name}-chapter.ipynb" if goes_with else f"{name}.ipynb"


def links(chapters: Sequence[Chapter], root: Path) -> dict[str, str]:
    """Where the files of the book lie in a version's folder, by their names in the book."""
    pages = [page for chapter in chapters for page in chapter.pages]
    ending = {page: ".ipynb" if (root / f"{page}.ipynb").is_file() else ".md" for page in pages}
    return {f"{Path(page).name}{ending[page]}": class_file(page) for page in pages} | {HOW_TO: README}


def guide(root: Path, chapters: Sequence[Chapter], slides: Mapping[str, str] | None = None) -> str:
    """The teacher's guide: syllabi and rubric of the book's page, then each chapter with its plan and exercises.

    Args:
        root: checkout.
        chapters: in the order of the book.
        slides: file of the deck of each chapter, in the folder ``slides`` beside that of the guide; empty for none.
    """
    teaching = (root / "book" / "teaching.md").read_text(encoding="utf-8")
    lines = [plain(teaching, References(links=links(chapters, root))), ""]
    for chapter in chapters:
        lines += [f"## {numbered(_title(root, chapter.pages[0]), chapter.number)}", ""]
        lines += [_files(chapter, (slides or {}).get(chapter.name, "")), ""]
        for page in chapter.pages:
            lines += _plan(root, page, is_first=page == chapter.pages[0])
        for exercise in exercises(chapter.checked).values() if chapter.checked in CHAPTERS else ():
            lines += [f"### {exercise.title} (`{exercise.name}`)", "", notes_on(exercise), ""]
    return "\n".join(lines)


def readme(root: Path, chapters: Sequence[Chapter], is_for_teacher: bool) -> str:
    """How to open the notebooks of a folder, and which they are.

    Args:
        root: checkout, whose page on running says how a folder of photographs looks.
        chapters: in the order of the book.
        is_for_teacher: whether the folder is that with the guide.
    """
    own = re.search(
        r"^## Your own data\n.*?(?=^## )", (root / "book" / HOW_TO).read_text(encoding="utf-8"), re.M | re.S
    )
    if own is None:
        raise ValueError(f"book/{HOW_TO}: expected a section 'Your own data', which the class's README repeats")
    rows = [
        f"| {chapter.number} | {_title(root, page)} | [{class_file(page)}]({class_file(page)}) |"
        for chapter in chapters
        for page in chapter.pages
    ]
    said = {
        "first": class_file(next((page for c in chapters for page in c.pages if "notebooks/" in page), "perlin")),
        "teacher": "\nFor the teacher: start with [guide.md](guide.md).\n" if is_for_teacher else "",
        "files": "\n".join(["| Chapter | Title | File |", "|---|---|---|", *rows]),
        "own": plain(own[0], References(links=links(chapters, root))),
    }
    text = CLASS_README.read_text(encoding="utf-8")
    for name, filled in said.items():
        text = text.replace(f"<!-- {name} -->", filled)
    return text


def _title(root: Path, page: str) -> str:
    return read(root, page).texts[0].splitlines()[0].lstrip("# ")


def _files(chapter: Chapter, deck: str) -> str:
    files = ", ".join(f"[`{class_file(page)}`]({class_file(page)})" for page in chapter.pages)
    return f"Files: {files}." + (f" Slides: [{deck}](../slides/{deck})." if deck else "")


def _plan(root: Path, page: str, is_first: bool) -> list[str]:
    """What a page says of its time, and the plan of its class."""
    time = goals(read(root, page).texts[0]).get("Time and hardware", "")
    plan = plan_of(page)
    if not plan and not is_first:
        return []
    head = [] if is_first else [f"### {_title(root, page)}", ""]
    return [*head, time[:1].upper() + time[1:], "", *([table(plan), ""] if plan else [])]
