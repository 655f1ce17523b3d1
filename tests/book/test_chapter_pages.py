"""The written chapters outside the papers, and the order of the whole book."""

import re
from pathlib import Path

import nbformat
import pytest
import yaml
from PIL import Image

import defectlab
from defectlab import book
from defectlab.check import NOTEBOOKS, PAPERS, check, exercises
from defectlab.data import load_dataset

ROOT = Path(defectlab.__file__).resolve().parent.parent
WRITTEN = [ROOT / "book" / "why.md"]
ENTRIES = list(book.toc_entries(yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())))


@pytest.mark.parametrize("chapter", WRITTEN, ids=lambda page: page.stem)
def test_solutions_of_a_written_chapter_run(chapter):
    blocks = re.findall(r"```\{solution-start\}.*?```\{solution-end\}", chapter.read_text(encoding="utf-8"), flags=re.S)
    codes = [code for block in blocks for code in re.findall(r"```python\n(.*?)```", block, flags=re.S)]
    assert len(blocks) == 4 and len(codes) == 3
    for code in codes:
        exec(compile(code, chapter.name, "exec"), {})


OTHERS = [ROOT / "book" / name for name in ("capstone.md", "real-images.md")]


@pytest.mark.parametrize("chapter", [*WRITTEN, *OTHERS], ids=lambda page: page.stem)
def test_a_written_chapter_says_what_it_takes(chapter):
    text = chapter.read_text(encoding="utf-8")
    assert all(part in text for part in ("**You will**", "**You need**", "**Time and hardware**"))
    assert text.count("{exercise-start}") == text.count("{solution-start}") >= 3
    assert "## Key points" in text
    assert len(re.findall(r"^\*(?:Easy|Medium|Hard), \d+ minutes,\*", text, flags=re.M)) == text.count(
        "{exercise-start}"
    )


@pytest.mark.parametrize("chapter", OTHERS, ids=lambda page: page.stem)
def test_solutions_of_the_capstone_and_of_the_page_on_real_images_run(chapter):
    text = chapter.read_text(encoding="utf-8")
    solutions = re.findall(r"\{solution-start\}.*?\{solution-end\}", text, flags=re.S)  # other listings need files
    (code,) = re.findall(r"^```python\n(.*?)```", "\n".join(solutions), flags=re.M | re.S)
    exec(compile(code, chapter.name, "exec"), {})


def test_the_capstone_has_a_rubric_and_a_bibliography_and_its_layout_is_where_it_says(tmp_path):
    capstone, how = ((ROOT / "book" / name).read_text(encoding="utf-8") for name in ("capstone.md", "how-to-run.md"))
    assert "| Line | One point | Two points |" in capstone and "{bibliography}" in capstone
    assert "[how to run](how-to-run.md)" in capstone
    (tree,) = re.findall(r"```text\n(MY_IMAGES/.*?)```", how, flags=re.S)
    write_tree(tree, tmp_path)
    read = load_dataset("folder", "all", root=tmp_path / "MY_IMAGES")
    assert sorted(record.defect for record in read.records) == ["dent", "good", "good", "scratch"]
    assert sum(sample.mask is not None and sample.mask.any() for sample in read) == 1


def write_tree(tree, folder):
    """The folders and images of a drawn tree; a mask is white."""
    above = [folder]
    for line in tree.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        path = above[depth] / name
        del above[depth + 1 :]
        if name.endswith("/"):
            path.mkdir()
            above.append(path)
        else:
            Image.new("L", (16, 16), 255).save(path)


def test_the_book_has_four_parts_and_appendices_and_every_chapter_once():
    parts = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())["parts"]
    captions = [part["caption"] for part in parts]
    assert [caption.split(":")[0] for caption in captions] == ["Part I", "Part II", "Part III", "Part IV", "Appendices"]
    assert len(set(ENTRIES)) == len(ENTRIES)
    assert {f"notebooks/{name}" for name in NOTEBOOKS} <= set(ENTRIES)


PAGES = {"why": ["book/why"]} | {name: [f"book/{name.replace('_', '-')}", f"notebooks/{name}"] for name in PAPERS}


@pytest.mark.parametrize("chapter", PAGES)
def test_every_exercise_of_a_page_is_known_to_check_with_its_title_level_and_minutes(chapter):
    text = "\n".join(sources(page) for page in PAGES[chapter])
    assert text.count("{exercise-start}") == len(exercises(chapter))
    for exercise in exercises(chapter).values():
        head = f"*{exercise.level.capitalize()}, {exercise.minutes} minutes,* `{exercise.name}`"
        assert re.search(
            rf"exercise-start\}} {re.escape(exercise.title)}\n:label: \S+\n```\n{re.escape(head)}[.,]", text
        )


@pytest.mark.parametrize("chapter", PAGES)
def test_the_solution_of_a_page_satisfies_check(chapter, monkeypatch):
    verdicts = []
    monkeypatch.setattr("defectlab.check.check", lambda *words: verdicts.append(check(*words)))
    text = sources(PAGES[chapter][0])
    for block in re.findall(r"```\{solution-start\}.*?```\{solution-end\}", text, flags=re.S):
        for code in re.findall(r"```python\n(.*?)```", block, flags=re.S):
            exec(compile(code, chapter, "exec"), {})
    assert all(verdict.right for verdict in verdicts), [str(verdict) for verdict in verdicts if not verdict.right]
    checked = [name for name, exercise in exercises(chapter).items() if not exercise.is_open]
    assert [verdict.name for verdict in verdicts] == checked


def test_chapters_of_checks_stand_in_the_order_of_the_book():
    order = [ENTRIES.index(f"notebooks/{name}") for name in NOTEBOOKS]
    assert order == sorted(order)


def sources(entry):
    page = ROOT / f"{entry}.md"
    if page.is_file():
        return page.read_text(encoding="utf-8")
    cells = nbformat.read(ROOT / f"{entry}.ipynb", as_version=4).cells
    return "\n".join(cell.source for cell in cells)


def test_labels_and_prefixes_of_bibliographies_are_unique_in_the_book():
    labels, prefixes = [], []
    for entry in ENTRIES:
        text = sources(entry)
        labels += re.findall(r"^:label: (\S+)", text, flags=re.M) + re.findall(r"^\$\$ \((\S+)\)", text, flags=re.M)
        labels += re.findall(r'name="(fig-\S+?)"', text)
        prefixes += re.findall(r"\{bibliography\}\n(?::filter:.*\n|:all:\n)?(?::keyprefix: (\S+))?", text)
    assert len(set(labels)) == len(labels)
    assert len(set(prefixes)) == len(prefixes)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_links_between_chapters_lead_somewhere(name):
    path = ROOT / "notebooks" / f"{name}.ipynb"
    for target in re.findall(r"\]\(([\w./-]+\.(?:md|ipynb))\)", sources(f"notebooks/{name}")):
        assert (path.parent / target).resolve().is_file(), target


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_citation_of_a_chapter_is_in_the_bibliography_with_the_chapters_prefix(name):
    text = sources(f"notebooks/{name}")
    (prefix,) = re.findall(r":keyprefix: (\S+)", text)
    known = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "book" / "references.bib").read_text(), flags=re.M))
    cited = {key.strip() for group in re.findall(r"\{cite\}`([^`]+)`", text) for key in group.split(",")}
    assert cited and all(key.startswith(prefix) and key.removeprefix(prefix) in known for key in cited), cited
