"""The rooms that steps of the experiments name cover all code that they import."""

import ast
from pathlib import Path

import pytest

from defectlab import provenance
from defectlab.experiments import detect, fidelity
from defectlab.provenance import COMPUTING, PACKAGE

BY_CONTENT = ("synthesis", "experiments/arms")  # synthetic images are among the inputs of a step, pixel by pixel


def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports, as ``data/base``."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.removeprefix("defectlab.").replace(".", "/") for name in names if name.startswith("defectlab.")}


def inside(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}/") for room in rooms)


@pytest.mark.parametrize("rooms", [detect.ROOMS, fidelity.ROOMS, COMPUTING], ids=["detect", "fidelity", "all"])
def test_all_computing_code_that_a_step_imports_is_in_its_rooms(rooms):
    used = {module for path in provenance._sources(tuple(rooms)) for module in imported(path)}
    missing = {name for name in used if inside(name, COMPUTING) and not inside(name, (*rooms, *BY_CONTENT))}
    assert missing == set()


def test_an_edit_of_the_synthesis_leaves_trainings_as_they_are():
    for rooms in (detect.ROOMS, fidelity.ROOMS):
        files = {path.relative_to(PACKAGE).parts[0] for path in provenance._sources(rooms)}
        assert files == {"data", "detection", "evaluation", "experiments"}
