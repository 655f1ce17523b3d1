"""What a reader meets in the sources of the book."""

import re
from pathlib import Path

import pytest
import yaml

import defectlab
from defectlab.report.directives import TABLES, markdown

ROOT = Path(defectlab.__file__).resolve().parent.parent
PROSE = sorted((ROOT / "book").glob("*.md"))
CHAPTERS = [ROOT / "book" / f"{name}.md" for name in ("diag", "in-and-out", "ddpm-moco", "student-teacher")]


def without_code_and_mathematics(text):
    for pattern in (r"`{3,}\{?(?:math|python|literalinclude|bash).*?`{3,}", r"\$\$.*?\$\$", r"\$[^$]*\$", r"`[^`]*`"):
        text = re.sub(pattern, "", text, flags=re.S)
    return text


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.stem)
def test_no_result_is_typed_into_prose(page):
    prose = without_code_and_mathematics(page.read_text(encoding="utf-8"))
    found = [number for number in re.findall(r"(?<![\w.])\d*\.\d+", prose) if number != "3.11"]  # the Python version
    assert not found


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda page: page.stem)
def test_solutions_of_a_chapter_run(chapter):
    blocks = re.findall(r"```\{solution-start\}.*?```\{solution-end\}", chapter.read_text(encoding="utf-8"), flags=re.S)
    codes = [code for block in blocks for code in re.findall(r"```python\n(.*?)```", block, flags=re.S)]
    assert len(codes) == 5
    for code in codes:
        exec(compile(code, chapter.name, "exec"), {})


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda page: page.stem)
def test_a_chapter_has_what_a_teacher_needs(chapter):
    text = chapter.read_text(encoding="utf-8")
    for part in (
        "**You will**",
        "**You need**",
        "**Time and hardware**",
        "{prf:algorithm}",
        "## Key points",
        "{bibliography}",
    ):
        assert part in text, part
    assert text.count("{exercise-start}") == text.count("{solution-start}") >= 4
    assert len(re.findall(r"^\*(?:Easy|Medium|Hard), \d+ minutes,\*", text, flags=re.M)) == text.count(
        "{exercise-start}"
    )


def test_the_configuration_runs_no_notebook_and_loads_nothing():
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert config["execute"]["execute_notebooks"] == "off"
    assert config["only_build_toc_files"] is True
    assert config["launch_buttons"]["thebe"] is False
    assert "intersphinx_mapping" not in config["sphinx"]["config"]


@pytest.mark.parametrize(
    ("kind", "paper"),
    [
        *((kind, paper) for kind in ("claims", "published", "stored") for paper in ("diag", "in_and_out")),
        *(("differences", paper) for paper in ("diag", "in_and_out", "ddpm_moco")),
        ("power", "in_and_out"),
        *((kind, "ddpm_moco") for kind in ("claims", "published", "losses", "loss_claims")),
    ],
)
def test_tables_of_the_book_have_a_header_and_equal_rows(kind, paper):
    table = TABLES[kind](paper)
    lines = markdown(table)
    starts = [i for i, line in enumerate(lines) if line.startswith("* - ")]
    assert len(starts) == len(table.frame) + 1
    assert lines[0].startswith("```{list-table} ")


@pytest.mark.parametrize("name", ["index", "why", "how-to-run", "claims", "cells", "differences", "licences"])
def test_every_table_of_a_page_has_a_caption(name):
    text = without_code_and_mathematics((ROOT / "book" / f"{name}.md").read_text(encoding="utf-8"))
    assert not re.findall(r"^\|[-: |]+\|$", text, flags=re.M)
    assert not re.findall(r"\{list-table\}\s*$", text, flags=re.M)
