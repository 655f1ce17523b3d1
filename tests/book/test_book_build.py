"""The real book, built once with a tiny notebook in the place of the real one."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

import defectlab
from defectlab import book

ROOT = Path(defectlab.__file__).resolve().parent.parent
CELLS = """\
profile = "laptop"  # smoke or laptop
---
from dataclasses import replace
import pandas as pd
from defectlab.report.plots import ap_points
from defectlab.report.provenance_strip import Provenance
from defectlab.report.style import show
from defectlab.report.tables import results_table
rows = pd.DataFrame({"method": ["diag", "diag"], "dataset": "surfaces", "regime": "zero_shot", "n_aug": 100,
                     "seed": [0, 1], "metric": "ap_step", "value": [0.5, 0.6], "profile": profile})
---
made = Provenance(profile, "surfaces", [0, 1], "cpu", 60, "abc1234", "papermill toy.ipynb out.ipynb")
show(replace(ap_points(rows, profile=profile), made=made), caption="AP by seed.", name="fig-toy-ap")
---
results_table(rows)
---
made
"""


def toy_notebook(cells=CELLS, label="fig-toy-ap"):
    cells = cells.replace("fig-toy-ap", label)  # labels are unique in a book
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    notebook.cells = [nbformat.v4.new_markdown_cell(f"# Try DIAG\n\nSee {{numref}}`{label}`.", id="title")]
    notebook.cells += [
        nbformat.v4.new_code_cell(code.strip(), id=f"c{i}") for i, code in enumerate(cells.split("---\n"))
    ]
    notebook.cells[1].metadata["tags"] = ["parameters"]
    return notebook


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    root = tmp_path_factory.mktemp("a book")  # a space in the path
    for name in book.SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
        elif (ROOT / name).is_file():
            shutil.copy(ROOT / name, root / name)
    toc = root / "book" / "_toc.yml"
    for name in re.findall(r"notebooks/\w+", toc.read_text()):
        (root / name).parent.mkdir(exist_ok=True)
        label = f"fig-toy-{Path(name).name.replace('_', '-')}"
        nbformat.write(toy_notebook(label=label), root / f"{name}.ipynb")
    return root


@pytest.fixture(scope="module")
def pages(checkout):
    output = book.build(checkout, "smoke", jobs=1, single=True)
    return {
        path.relative_to(output).as_posix(): BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(output.rglob("*.html"))
        if "_static" not in path.parts  # templates of the theme
    }, output


def content(pages):
    """Pages with an article; search, index and redirects have none of ours."""
    return {name: page for name, page in pages.items() if name.startswith(("book/", "notebooks/"))}


def test_every_page_of_the_table_of_contents_is_there(pages, checkout):
    toc = (checkout / "book" / "_toc.yml").read_text()
    named = re.findall(r"(?:file|root): (\S+)", toc)
    assert {f"{name}.html" for name in named} <= set(pages[0])


def test_no_page_asks_another_host_for_anything(pages):
    remote = []
    for name, page in pages[0].items():
        for tag in page.find_all(True):
            for attribute in ("src", "href", "data", "srcset", "action", "poster"):
                value = tag.get(attribute)
                if value and urlsplit(str(value)).netloc and not (tag.name == "a" and attribute == "href"):
                    remote.append((name, tag.name, value))
    assert not remote


def test_styles_load_nothing_from_another_host(pages):
    for path in pages[1].rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*['\"]?https?:", path.read_text(encoding="utf-8")), path.name


def test_every_local_file_that_a_page_asks_for_is_there(pages):
    pages, output = pages
    for name, page in pages.items():
        for tag, attribute in (("script", "src"), ("img", "src"), ("link", "href"), ("a", "href")):
            for value in (element.get(attribute) for element in page.find_all(tag)):
                target = urlsplit(value or "")
                if target.path and not target.scheme and not target.netloc:
                    assert ((output / name).parent / unquote(target.path)).exists(), (name, value)


def test_mathjax_comes_from_the_book_and_only_where_there_is_mathematics(pages):
    loading = {name for name, page in content(pages[0]).items() if page.find("script", src=re.compile("tex-svg"))}
    assert "book/diag.html" in loading
    assert "book/how-to-run.html" not in loading
    assert (pages[1] / "mathjax" / "LICENSE").is_file()


def test_the_single_page_has_every_chapter_every_figure_and_links_within_itself(pages, checkout):
    page = pages[0]["single.html"]
    for name in book.toc_entries(yaml.safe_load((checkout / "book" / "_toc.yml").read_text())):
        assert page.find(id=f"document-{name}") or name == "book/index", name
    figures = {image["src"] for name, other in content(pages[0]).items() for image in other.article.find_all("img")}
    shown = {image["src"] for image in page.article.find_all("img")}
    assert {Path(source).name for source in figures} == {Path(source).name for source in shown}
    assert page.find("script", src=re.compile("tex-svg"))
    assert not [link for link in page.article.select("a[href*='.html']") if not urlsplit(link["href"]).netloc]


def test_every_image_has_alt_text(pages):
    for name, page in content(pages[0]).items():
        for image in page.article.find_all("img"):
            assert image.get("alt"), (name, image.get("src"))


def test_a_figure_of_a_notebook_has_its_computed_alt_text_caption_and_number(pages):
    page = pages[0]["notebooks/diag.html"]
    figure = page.find("figure")
    assert figure.img["alt"] == "step AP by method: DIAG 0.55 ± 0.07 (2 seeds). Smoke profile: not a result."
    assert "dark-light" in figure.img["class"]
    assert "AP by seed." in figure.figcaption.text
    number = re.search(r"Fig\. \d[\d.]*", figure.figcaption.text).group()
    assert number in page.article.p.text  # {numref}


def test_under_a_figure_of_a_notebook_stands_what_made_it(pages):
    for name, page in pages[0].items():
        if name.startswith("notebooks/"):
            (line,) = page.article.select(".defectlab-made")
            assert line.text.startswith("this build ·") and "commit abc1234" in line.text
            assert line.find_previous("figure") and "# below" not in page.article.text
            assert "papermill toy.ipynb out.ipynb" in page.find(id="made-by").text  # where the line leads


def test_tables_have_headers_and_captions(pages):
    page = pages[0]["notebooks/diag.html"]
    assert page.table.caption.text == "Results on surfaces (smoke profile)"
    assert page.find("th", scope="col")
    for name in ("book/claims.html", "book/differences.html"):
        assert all(table.caption and table.th for table in pages[0][name].article.find_all("table")), name


def test_claims_and_differences_are_generated_from_their_ledgers(pages):
    assert "DIAG has a higher AP than In&Out" in pages[0]["book/claims.html"].article.text
    assert "Direction of the bound" in pages[0]["book/differences.html"].article.text
    assert "brings no AP over MemSeg" in pages[0]["book/claims.html"].article.text
    assert "Deviation of an average" in pages[0]["book/differences.html"].article.text
    assert "In&Out (full-shot, average) > DDPM (full-shot, average)" in pages[0]["book/in-and-out.html"].article.text


def test_solutions_are_hidden_until_asked_for(pages):
    solutions = pages[0]["book/diag.html"].select("div.solution")
    assert len(solutions) == 5
    assert all("dropdown" in solution["class"] for solution in solutions)


def test_equations_are_numbered_as_in_the_paper(pages):
    numbers = [number.text.strip("()#¶ ") for number in pages[0]["book/diag.html"].select("span.eqno")]
    assert numbers == [str(n) for n in range(1, 10)]


def test_no_page_is_heavier_than_three_megabytes(pages):
    assert max(path.stat().st_size for path in pages[1].rglob("*.html")) < 3 * 2**20


def test_pages_do_not_name_a_folder_of_this_machine(pages, checkout):
    for name in content(pages[0]):
        text = (pages[1] / name).read_text(encoding="utf-8")
        assert str(checkout) not in text and "defectlab-book-" not in text, name


def test_sources_of_notebooks_stay_without_outputs(pages, checkout):
    notebook = nbformat.read(checkout / "notebooks" / "diag.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)


def test_a_second_build_executes_nothing(pages, checkout, capsys):
    found = book.notebook_pages(checkout, "smoke")
    assert all(page.is_fresh for page in found)
    before = [page.stored.stat().st_mtime_ns for page in found]
    book.execute_stale(found, checkout)
    assert [page.stored.stat().st_mtime_ns for page in found] == before
    assert "fresh  notebooks/diag" in capsys.readouterr().out


def test_parameters_and_time_are_recorded(pages, checkout):
    page = book.notebook_pages(checkout, "smoke")[0]
    record = json.loads(page.record.read_text())
    assert record["parameters"] == {"profile": "smoke"}
    assert record["seconds"] > 0


def test_a_stale_stored_run_says_so_on_its_page(pages, checkout, tmp_path):
    (page,) = (page for page in book.notebook_pages(checkout, "smoke") if page.name == "notebooks/diag")
    changed = book.Page(page.name, page.source, page.stored, page.parameters, "another key")
    book.stage(checkout, tmp_path, [changed])
    staged = nbformat.read(tmp_path / "notebooks" / "diag.ipynb", as_version=4)
    assert "stored run that is older" in staged.cells[1].source
