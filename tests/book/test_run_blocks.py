"""Every notebook page says how it is run, and what is downloaded from it needs nothing of the book."""

import json
import re
from pathlib import Path

import nbformat
import pytest

import defectlab
from defectlab.book import Page, notebook_pages, stage
from defectlab.book.downloads import install_cell, write_downloads
from defectlab.book.running import duration, measured, run_block, with_run_block

ROOT = Path(defectlab.__file__).resolve().parent.parent
PAGES = notebook_pages(ROOT, "smoke")


def page_of(root):
    source = root / "notebooks" / "n.ipynb"
    return Page("notebooks/n", source, root / "store" / "smoke" / "notebooks" / "n.ipynb", {}, "key")


def record(page, profile, seconds):
    path = page.stored.parents[2] / profile / "notebooks" / "n.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"key": "key", "seconds": seconds}))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.source.stem)
def test_every_notebook_page_gets_a_block_with_its_commands_and_a_link_to_its_parameters(page):
    made = with_run_block(nbformat.read(page.source, as_version=4), page)
    nbformat.validate(made)
    text, name = made.cells[1].source, page.source.stem
    label = f"parameters-{name.replace('_', '-')}"
    assert f"defectlab run {name} -p profile smoke" in text
    assert f"papermill notebooks/{name}.ipynb out.ipynb" in text and f"<{label}>`" in text
    assert sum(cell.source.startswith(f"({label})=\n## ") for cell in made.cells) == 1
    assert all(f"- `{profile}`, for " in text for profile in ("smoke", "laptop", "paper"))


def test_times_are_those_of_the_stored_runs_and_others_are_said_to_be_missing(tmp_path):
    page = page_of(tmp_path)
    record(page, "smoke", 12.0)
    record(page, "laptop", 200.0)
    assert measured(page) == {"smoke": 12.0, "laptop": 200.0}
    text = run_block("n", measured(page))
    assert re.findall(r"^- `.*: (.*)$", text, flags=re.M) == [
        "less than a minute",
        "3 minutes",
        "not run for this book",
    ]
    assert duration(70) == "1 minute" and "{ref}" not in text


def test_a_staged_page_has_the_block_and_the_notebook_of_the_checkout_has_not(small, tmp_path):
    page = page_of(small)
    page.stored.parent.mkdir(parents=True)
    page.stored.write_bytes(page.source.read_bytes())
    before = page.source.read_bytes()
    stage(small, tmp_path / "staged", [page])
    staged = nbformat.read(tmp_path / "staged" / "notebooks" / "n.ipynb", as_version=4)
    assert sum("Run this page" in cell.source for cell in staged.cells) == 1
    assert page.source.read_bytes() == before


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    built = tmp_path_factory.mktemp("built")
    return write_downloads(ROOT, built, PAGES, "https://github.com/somebody/defectlab/")


def test_what_is_downloaded_needs_nothing_of_the_book_and_begins_with_an_install(downloads):
    assert [path.name for path in downloads] == [page.source.name for page in PAGES]
    for path, page in zip(downloads, PAGES, strict=True):
        assert path.parts[-3:-1] == ("_sources", "notebooks")
        made = nbformat.read(path, as_version=4)
        nbformat.validate(made)
        first, *rest = made.cells
        assert first.source.endswith(
            '%pip install --quiet "defectlab[notebooks] @ git+https://github.com/somebody/defectlab"'
        )
        assert first.source.startswith("# Installs the package")
        code = [cell.source for cell in rest if cell.cell_type == "code"]
        source = nbformat.read(page.source, as_version=4).cells
        assert code == [cell.source for cell in source if cell.cell_type == "code"]
        text = "\n".join(cell.source for cell in rest if cell.cell_type == "markdown")
        assert not re.search(r"```\{|\{(cite|eq|numref|ref)\}`", text), path.name
        assert "For the teacher" not in text and "**Solution**" in text


def test_without_an_address_nothing_is_installed_before_the_reader_says_from_where():
    assert all(line.startswith("#") for line in install_cell("").splitlines())


def test_no_notebook_of_the_checkout_installs_anything():
    for page in PAGES:
        assert "%pip" not in page.source.read_text(encoding="utf-8")
