"""Decks of the chapters: what stands on them, what does not, and what they load."""

import base64
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

import defectlab
from defectlab import cli
from defectlab.check import exercises
from defectlab.teaching.plans import SAID, plan_of
from defectlab.teaching.slides import chapters_with_slides, write_slides
from defectlab.teaching.slides.deck import ROOM, _spread, make_deck

ROOT = Path(defectlab.__file__).parents[1]
PIXEL = base64.b64encode(b"\x89PNG").decode()
PAGE = """# Count

```{admonition} You will, you need, it takes
:class: tip
**You will** count; and measure.

**You need** a pencil.
```

A first word.

## Sums

A sum is

$$
s = a + b
$$ (eq-sum)

and nothing else. See [the table](other.md).

```{exercise-start} Add
:label: ex-add
```
*Easy.* What is one and one?
```{exercise-end}
```

```{solution-start} ex-add
```
Two, by {eq}`eq-sum`.
```{solution-end}
```

## Key points

- Sums are {eq}`eq-sum`.
"""
CODE = 'show(plot, caption="A plot.", name="fig-a")'


@pytest.fixture
def small(tmp_path):
    for folder in ("book", "notebooks", ".book-store/smoke/notebooks"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copytree(ROOT / "book" / "_extra", tmp_path / "book" / "_extra")
    (tmp_path / "book" / "references.bib").write_text("")
    chapter = {"file": "book/count", "sections": [{"file": "notebooks/n_b"}]}
    toc = {"root": "book/index", "parts": [{"chapters": [chapter, {"file": "book/index"}]}]}
    (tmp_path / "book" / "_toc.yml").write_text(yaml.safe_dump(toc))
    (tmp_path / "book" / "index.md").write_text("# Index\n")
    (tmp_path / "book" / "count.md").write_text(PAGE)
    cells = [nbformat.v4.new_markdown_cell("# Run it\n\n## Look", id="a"), nbformat.v4.new_code_cell(CODE, id="b")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, tmp_path / "notebooks" / "n_b.ipynb")
    about = {"image/png": {"alt": 'it says "so"', "caption": "A plot."}}
    cells[1].outputs = [nbformat.v4.new_output("display_data", {"image/png": PIXEL}, metadata=about)]
    nbformat.write(notebook, tmp_path / ".book-store" / "smoke" / "notebooks" / "n_b.ipynb")
    return tmp_path


def deck(root):
    return make_deck(root, "count", chapters_with_slides(root)["count"], {}, 7)


def test_a_chapter_with_goals_has_a_deck_of_all_its_pages(small):
    assert chapters_with_slides(small) == {"count": ("book/count", "notebooks/n_b")}
    assert "measuring" in chapters_with_slides(ROOT) and "how-to-run" not in chapters_with_slides(ROOT)


def test_slides_follow_the_structure_of_the_page(small):
    made = deck(small)
    titles = [slide.title for slide in made.slides]
    assert titles == [
        "Chapter 7. Count",
        "Count",
        "Sums",
        "Exercise: Add",
        "Key points",
        "Run it",
        "Look",
        "Where these slides come from",
    ]
    assert [slide.kind for slide in made.slides if slide.kind != "plain"] == ["opening", "exercise", "part", "closing"]
    assert "<li>count</li><li>measure</li>" in made.slides[0].body
    assert r"\tag{1}" in made.slides[2].body and "Eq. (1)" in made.slides[4].body


def test_no_solution_is_on_a_slide_or_in_its_notes(small):
    assert not any("Two, by" in slide.body + slide.notes for slide in deck(small).slides)


def test_a_figure_of_the_store_is_inside_with_its_alt_text(small):
    made = deck(small)
    image = BeautifulSoup(made.slides[6].body, "html.parser").img
    assert image["src"] == f"data:image/png;base64,{PIXEL}" and image["alt"] == 'it says "so"'
    assert made.profiles == {"notebooks/n_b": "smoke"} and "which is no result" in made.slides[-1].body


def test_without_a_run_of_this_code_the_caption_stands_in_the_figures_place(small):
    notebook = nbformat.read(small / "notebooks" / "n_b.ipynb", as_version=4)
    notebook.cells[1].source = CODE.replace("plot,", "other,")
    nbformat.write(notebook, small / "notebooks" / "n_b.ipynb")
    made = deck(small)
    assert "Figure 1. A plot." in made.slides[6].body and "<img" not in made.slides[6].body
    assert "no stored run of this code" in made.slides[-1].body


def test_a_tag_leaves_a_cell_out_and_another_begins_a_slide(small):
    notebook = nbformat.read(small / "notebooks" / "n_b.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("Apart.", id="c", metadata={"tags": ["slide"]}))
    notebook.cells.append(nbformat.v4.new_markdown_cell("Never.", id="d", metadata={"tags": ["skip-slide"]}))
    nbformat.write(notebook, small / "notebooks" / "n_b.ipynb")
    made = deck(small)
    assert made.slides[7].body == "<p>Apart.</p>" and not any("Never" in slide.body for slide in made.slides)


def test_what_a_slide_cannot_show_names_the_page(small):
    (small / "book" / "count.md").write_text(PAGE + "\n{eq}`eq-lost`\n")
    with pytest.raises(ValueError, match="slides of book/count: no equation 'eq-lost'"):
        deck(small)


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    out = tmp_path_factory.mktemp("a class") / "slides"
    files = write_slides(out, ROOT)
    return {name: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for name, path in files.items()}, out


def test_every_chapter_of_the_book_has_a_deck_that_asks_nobody_for_anything(decks):
    pages, out = decks
    assert list(pages) == list(chapters_with_slides(ROOT)) and len(pages) >= 14
    for name, page in pages.items():
        for tag in page.find_all(["script", "link", "img"]):
            address = tag.get("src") or tag.get("href") or ""
            assert not urlsplit(address).netloc, (name, address[:80])
            if address and not address.startswith(("data:", "#")):
                assert (out / address).is_file(), (name, address)


def test_each_deck_has_a_language_a_title_one_first_heading_and_named_slides(decks):
    for name, page in decks[0].items():
        assert page.html["lang"] == "en" and page.title.text == page.h1.get_text(), name
        assert len(page.find_all("h1")) == 1
        for slide in page.select("div.slide"):
            assert page.find(id=slide["aria-labelledby"]).get_text(strip=True), (name, slide["id"])
        assert all(image.get("alt") for image in page.find_all("img"))
        assert "{cite}" not in page.main.text and "```" not in page.main.text


def test_nothing_on_a_deck_is_a_solution(decks):
    for page in decks[0].values():
        assert "Solution" not in page.main.text


def test_no_slide_but_a_long_exercise_holds_more_than_it_has_room_for():
    from defectlab.teaching.slides.blocks import Block

    lines = [Block("text", f"<p>{n}</p>", 4.0) for n in range(8)]
    spread = list(_spread(lines, "T"))
    assert [slide.body.count("<p>") for slide in spread] == [3, 3, 2] and ROOM >= 3 * 4
    assert [slide.title for slide in spread[:2]] == ["T", 'T <span class="more">(2)</span>']


def test_a_single_short_sentence_goes_to_the_slide_before_it():
    from defectlab.teaching.slides.blocks import Block

    long, short = Block("text", "<p>long</p>", 12.0), Block("text", "<p>short</p>", 2.0)
    head = Block("heading", "Next", level=2)
    merged = list(_spread([long, head, short], "T"))
    assert [slide.title for slide in merged] == ["T"]
    assert merged[0].body == "<p>long</p>\n<p><strong>Next.</strong> short</p>"
    figure = Block("figure", "<figure></figure>", 13)
    assert [slide.body for slide in _spread([figure, short], "T")] == ["<figure></figure>\n<p>short</p>"]
    asked = Block("heading", "Exercise: Add", level=3)
    assert len(list(_spread([long, asked, short], "T"))) == 2


def test_a_short_sentence_after_a_full_slide_takes_its_last_block_along():
    from defectlab.teaching.slides.blocks import Block

    full, last, short = Block("text", "<p>a</p>", 10.0), Block("text", "<p>b</p>", 4.5), Block("text", "<p>c</p>", 2.5)
    assert [slide.body for slide in _spread([full, last, short], "T")] == ["<p>a</p>", "<p>b</p>\n<p>c</p>"]


def test_notes_say_what_the_slide_does_not(small):
    first, more = "One is " + "a" * 300 + ".", "Two is " + "b" * 400 + "."
    (small / "book" / "count.md").write_text(PAGE.replace("A first word.", f"{first} {more}"))
    slide = deck(small).slides[1]
    assert slide.body == f"<p>{first}</p>" and slide.notes == f"<p>{more}</p>"


def test_a_caption_of_several_strings_is_read_whole(small):
    notebook = nbformat.read(small / "notebooks" / "n_b.ipynb", as_version=4)
    notebook.cells[1].source = 'show(other, caption="A plot, "\n     "in two.", name="fig-a")'
    nbformat.write(notebook, small / "notebooks" / "n_b.ipynb")
    assert "Figure 1. A plot, in two. It is" in deck(small).slides[6].body


@pytest.mark.parametrize("name", chapters_with_slides(ROOT))
def test_every_line_of_the_plan_and_every_mistake_is_beside_its_slide(decks, name):
    notes = {
        slide["id"]: slide.select_one(".notes") for slide in decks[0][name].select(".slide.plain, .slide.exercise")
    }
    text = " ".join(note.get_text(" ", strip=True) for note in notes.values() if note)
    for line in (line for page in chapters_with_slides(ROOT)[name] for line in plan_of(page)):
        assert SAID[line.kind] in text and line.what.split("$")[0].split("*")[0][:40].strip() in text, line
    for exercise in (known for known in exercises().values() if known.chapter == name.replace("-", "_")):
        slide = next(
            node
            for node in decks[0][name].select(".slide.exercise")
            if f">{exercise.name}<" in str(node.select_one(".body"))
        )
        told = slide.select_one(".notes").get_text(" ")
        assert all(mistake.belief in told for mistake in exercise.mistakes if "`" not in mistake.belief), exercise.name
        assert "Expected:" not in told


def test_the_notes_open_in_a_window_of_their_own(decks):
    page = decks[0]["perlin"]
    script = page.body.find_all("script")[-1].string
    assert 'window.open("", "", "popup' in script and 'addEventListener("keydown", move)' in script
    assert 'fontCache: "local"' in str(page.head)  # a formula that is copied to the window brings its glyphs
    assert all(note.has_attr("hidden") for note in page.select(".notes"))
    assert ".speaker {" in page.style.string and "max-height: 25%" in page.style.string


def test_the_command_writes_slides_alone(tmp_path, capsys):
    words = ["teach", "--out", str(tmp_path), "--version", "slides", "--chapter", "why"]
    assert cli.main(words) == 0
    assert [path.name for path in sorted(tmp_path.rglob("*.html"))] == ["01-why.html"]
    assert (tmp_path / "slides" / "mathjax" / "tex-svg.js").is_file() and not (tmp_path / "student").exists()
    captured = capsys.readouterr()
    assert "1 files" in captured.out and "guide.md" not in captured.out
    assert "chapter 1, why: part 1 of 1, took" in captured.err
