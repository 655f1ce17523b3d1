"""Plans of the chapters: minutes that add up, exercises and sections that exist, and the numbers for the board."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import defectlab
from defectlab.check import exercises
from defectlab.evaluation import average_precision
from defectlab.teaching.plans import Line, class_minutes, plan_of, plans, spoken, table
from defectlab.teaching.slides.chapters import chapters_with_slides, read
from defectlab.teaching.slides.prose import goals

ROOT = Path(defectlab.__file__).parents[1]
CHAPTERS = chapters_with_slides(ROOT)
TAUGHT = [page for pages in CHAPTERS.values() for page in pages if plan_of(page)]


def stated(page):
    return goals(read(ROOT, page).texts[0])["Time and hardware"]


def test_every_chapter_and_every_page_with_a_class_of_its_own_has_a_plan():
    for name, pages in CHAPTERS.items():
        assert plan_of(pages[0]), name
    for page in (page for pages in CHAPTERS.values() for page in pages):
        time = goals(read(ROOT, page).texts[0]).get("Time and hardware", "")
        assert bool(plan_of(page)) or "class" not in time, page
    assert set(plans()) == {page.rpartition("/")[2].replace("_", "-") for page in TAUGHT}


@pytest.mark.parametrize("page", TAUGHT)
def test_the_minutes_add_up_to_the_stated_time_and_exercises_fit_into_theirs(page):
    known = exercises()
    assert sum(line.minutes for line in plan_of(page)) == class_minutes(stated(page))
    for line in plan_of(page):
        if line.kind == "exercise":
            assert sum(known[name].minutes for name in line.exercises) <= line.minutes, line
    kinds = [line.kind for line in plan_of(page)]
    assert kinds.count("homework") == 1 and kinds[-1] == "homework" and {"question", "exercise"} <= set(kinds)


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_exercise_of_a_chapter_is_in_its_plan_once_and_every_section_exists(name):
    lines = [line for page in CHAPTERS[name] for line in plan_of(page)]
    planned = [exercise for line in lines for exercise in line.exercises]
    own = [exercise for exercise in exercises() if exercise.startswith(f"{name.replace('-', '_')}.")]
    assert sorted(planned) == sorted(own)
    text = "\n".join(text for page in CHAPTERS[name] for text in read(ROOT, page).texts)
    heads = set(re.findall(r"^##+ (.*)$", text, flags=re.M))
    assert {line.at for line in lines} <= heads


def test_the_syllabus_of_a_term_goes_week_by_week_through_every_chapter():
    page = (ROOT / "book" / "teaching.md").read_text()
    term = page.partition("### A term")[2].partition("\n## ")[0]
    linked = [Path(target).stem for target in re.findall(r"\]\(([^)]+)\)", term)]
    taught = [Path(page).name for page in TAUGHT]
    assert linked == taught
    assert re.findall(r"^\| (\d+) \|", term, flags=re.M) == [str(week) for week in range(1, 15)]
    assert all(
        "perlin.ipynb" in part for part in page.partition("### Half")[2].partition("### A term")[0].split("### Two")
    )


def test_times_are_read_as_chapters_state_them():
    assert class_minutes("an hour for a class. The notebook") == 60
    assert class_minutes("Seventy-five minutes for a class.") == 75
    assert class_minutes("two classes of ninety minutes. The") == 180
    assert class_minutes("two to six hours; two cores are enough.") == 120
    with pytest.raises(ValueError, match="expected a time"):
        class_minutes("seconds at the smoke profile")


def test_a_line_without_time_or_of_no_kind_is_refused():
    with pytest.raises(ValueError, match="0 for homework"):
        Line(0, "board", "A", "b")
    with pytest.raises(ValueError, match="kind: expected one of question"):
        Line(5, "song", "A", "b")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a section"):
        Line(5, "board", "", "b")


def test_a_table_tells_when_each_part_begins():
    plan = (Line(5, "question", "A", "Why?"), Line(10, "exercise", "B", "x|y.", ("perlin.blend",)))
    rows = table((*plan, Line(0, "homework", "B", "Read."))).splitlines()[2:]
    title = exercises()["perlin.blend"].title
    assert rows[0] == "| 0 | 5 | **Question.** Why? | A |"
    assert rows[1].startswith(f"| 5 | 10 | **Exercise in class.** *{title}* (`perlin.blend`, 5 minutes). x\\|y. |")
    assert rows[2] == "|  |  | **Homework.** Read. | B |"
    assert spoken(plan[0]) == "Why?"


QUANTILE = stats.t.ppf(0.975, 3)


@pytest.mark.parametrize(
    ("page", "printed", "derived"),
    [
        ("why", "0.090", 0.1 * 0.999**100),
        ("why", "0.126", math.sqrt(0.8 * 0.2 / 10)),
        ("why", "0.179", math.sqrt(2 * 0.8 * 0.2 / 10)),
        ("surfaces", "0.005", math.comb(9, 3) / math.comb(47, 3)),
        ("baseline", "2.48", stats.t.ppf(0.975, 2) / math.sqrt(3)),
        ("baseline", "1.24", stats.t.ppf(0.975, 4) / math.sqrt(5)),
        ("baseline", "0.72", stats.t.ppf(0.975, 9) / math.sqrt(10)),
        ("baseline", "2.71", 10 * (1 - 0.9**3)),
        ("in-and-out", "1.59", QUANTILE / 2),
        ("in-and-out", "0.58", stats.nct.sf(QUANTILE, 3, QUANTILE)),
        ("real-images", "0.71", 1 - 0.95**24),
        ("ddpm-moco", "9.70", math.log(16385)),
        ("ddpm-moco", "0.53", 0.99**64),
        ("ddpm-moco", "17.9", 2 * 128 * 0.07),
        ("comparison", "2.60", QUANTILE * np.std([2, 4, 0, 2], ddof=1) / 2),
        ("fidelity", "22", 0.02 * (64 + 64 * 65 / 4)),
        ("fidelity", "210", 0.0002 * (2048 + 2048 * 2049 / 4)),
        ("helping", "0.07", 1 / (1 + math.exp(math.log(99) - 2))),
        ("leaks", "2.15", math.sqrt(2 * math.log(10))),
        ("leaks", "3.03", math.sqrt(2 * math.log(100))),
        ("capstone", "0.18", math.sqrt(0.25 / 8)),
        ("student-teacher", "2.65", math.sqrt(7)),
    ],
)
def test_the_numbers_for_the_board_are_right(page, printed, derived):
    assert printed in " ".join(line.what for line in plans()[page])
    assert float(printed) == round(derived, len(printed.partition(".")[2]))


def test_the_derivations_for_the_board_are_right():
    t = np.linspace(0, 1, 10001)
    assert np.trapezoid(t**2 * (1 - t) ** 2, t) == pytest.approx(1 / 30, abs=1e-8)
    assert exercises()["perlin.middle"].expected() == pytest.approx(
        [2 * 4 * (1 / 16) * (1 / 4), 2 * 2 * (1 / 4) * (1 / 8)]
    )
    assert average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], "step") == pytest.approx(5 / 6)
    assert average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], "trapezoid") == pytest.approx(19 / 24)
