"""The lines of code beside an equation: the right ones, with their place, or an error."""

from pathlib import Path

import pytest

import defectlab
from defectlab.evaluation import average_precision
from defectlab.report.source import source_lines


def test_the_line_is_found_with_its_number_and_neighbours():
    found = source_lines(average_precision, "# AP = sum_k", before=1)
    file = Path(defectlab.__file__).parents[1] / found.file
    there = file.read_text().splitlines()[found.first - 1 : found.first + 1]
    assert [line.strip() for line in there] == [line.strip() for line in found.code.splitlines()]
    assert found.code.startswith('if definition == "step":')
    assert str(found) == f"defectlab/evaluation/ranking.py, lines {found.first} to {found.first + 1}"
    assert "```python\nif definition" in found._repr_markdown_()


@pytest.mark.parametrize(("words", "count"), [("# no such words", 0), ("definition", "")])
def test_words_that_stand_nowhere_or_twice_are_an_error(words, count):
    with pytest.raises(ValueError, match=f"expected one line with .*, found {count}"):
        source_lines(average_precision, words)
