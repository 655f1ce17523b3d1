import re
from pathlib import Path

import pytest

import defectlab
from defectlab.report.differences import differences_table, load_differences

ROOT = Path(defectlab.__file__).resolve().parent.parent


def test_every_slip_of_the_register_is_in_the_list():
    found = {item.register for item in load_differences("ddpm_moco")}
    assert found >= {f"D{n:02d}" for n in range(1, 11)}


@pytest.mark.parametrize("paper", ["diag", "in_and_out", "ddpm_moco"])
def test_tests_that_a_difference_names_are_there(paper):
    for item in load_differences(paper):
        file, _, name = item.test.partition("::")
        if file:
            text = (ROOT / file).read_text(encoding="utf-8")
            assert not name or f"def {name}(" in text, (item.topic, name)


def test_points_are_numbered_and_told_in_neutral_words():
    items = load_differences("ddpm_moco")
    assert [item.number for item in items] == list(range(1, len(items) + 1))
    assert len({item.topic for item in items}) == len(items)
    table = str(differences_table("ddpm_moco"))
    assert not re.search(r"\b(?:wrong|mistake|careless|fail\w*|obvious\w*|sloppy|false)\b", table, flags=re.I)
