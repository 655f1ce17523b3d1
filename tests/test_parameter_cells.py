import json
from dataclasses import dataclass
from typing import ClassVar

import pytest

from defectlab.parameter_cells import (
    check_parameters_cell,
    notebook_parameters_cell,
    parameter_reference,
    parameters_cell,
    read_parameters_cell,
)
from defectlab.params import Parameters, parameter


@dataclass(frozen=True)
class Small(Parameters):
    n_aug: int = parameter(100, help="images added", low=0, high=500)
    seeds: tuple[int, ...] = parameter((0, 1), help="one run each")
    epochs: int | None = parameter(None, help="passes", low=1)
    regime: str = parameter("zero_shot", help="positives | none", choices=("zero_shot", "full_shot"))
    size: int = parameter(64, help="side", unit="pixels", high=128)

    profiles: ClassVar = {"smoke": {"epochs": 1}, "laptop": {"epochs": 10}}


CELL = """\
n_aug: int = 100           # images added
seeds: list = [0, 1]       # one run each
epochs: int = None         # passes
regime: str = "zero_shot"  # positives | none
size: int = 64             # side"""


def test_the_cell_is_written_from_the_schema():
    assert parameters_cell(Small) == CELL


def test_a_cell_written_from_the_schema_agrees_with_it():
    assert check_parameters_cell(Small, parameters_cell(Small)) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("n_aug: int = 100", "n_aug: int = 80", "n_aug: default is 80 in the cell, 100 in the schema"),
        ("n_aug: int", "n_aug: float", "n_aug: annotation is 'float' in the cell, 'int' in the schema"),
        ("n_aug: int = 100", "n_aug = 100", "n_aug: annotation is '' in the cell"),
        ("# images added", "# pictures", "n_aug: comment is 'pictures' in the cell, 'images added' in the schema"),
        ("n_aug: int = 100 ", "n_aug: int = 100.0 ", "n_aug: default is 100.0 in the cell, 100 in the schema"),
        ("size: int", "sizes: int", "sizes: in the cell, not in Small"),
        ("size: int = 64             # side", "", "size: in Small, not in the cell"),
    ],
)
def test_a_difference_is_named(old, new, problem):
    assert any(found.startswith(problem) for found in check_parameters_cell(Small, CELL.replace(old, new)))


def test_another_order_is_a_difference():
    lines = CELL.splitlines()
    (problem,) = check_parameters_cell(Small, "\n".join(lines[::-1]))
    assert problem.startswith("order: the cell has size, regime")


@pytest.mark.parametrize("source", ["n_aug: int = 10 * 10", "import os", "a = b = 1", "n_aug: int", "a: int = other"])
def test_a_cell_holds_literals_only(source):
    with pytest.raises(ValueError, match="parameters cell, line 1: "):
        read_parameters_cell(source)


def test_the_reference_page_lists_type_default_profiles_and_limits():
    lines = parameter_reference(Small).splitlines()
    assert lines[0] == "| name | type | default | smoke | laptop | allowed | unit | meaning |"
    assert lines[2] == "| `n_aug` | int | `100` |  |  | at least 0, at most 500 |  | images added |"
    assert lines[3].startswith("| `seeds` | list of int | `[0, 1]` |")
    assert lines[4].startswith("| `epochs` | int or None | `None` | `1` | `10` | at least 1 |")
    assert '`"zero_shot"`, `"full_shot"`' in lines[5] and lines[5].endswith("positives \\| none |")
    assert "| at most 128 | pixels |" in lines[6]


def test_the_cell_of_a_notebook_is_the_one_tagged(tmp_path):
    cells = [
        {"metadata": {}, "source": ["import os"]},
        {"metadata": {"tags": ["parameters"]}, "source": ["a = 1\n", "b = 2"]},
    ]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert notebook_parameters_cell(path) == "a = 1\nb = 2"


def test_a_notebook_without_a_tagged_cell_is_an_error(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": []}))
    with pytest.raises(ValueError, match="expected one cell tagged 'parameters', found 0"):
        notebook_parameters_cell(path)
