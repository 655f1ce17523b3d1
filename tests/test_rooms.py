"""The rooms that steps of the experiments name cover all code that they import."""

import ast
from pathlib import Path

import pytest

from defectlab import provenance
from defectlab.provenance import COMPUTING, PACKAGE

# Synthetic images are among the inputs of a step, pixel by pixel, so what makes them is not among its rooms.
BY_CONTENT = ("synthesis", "experiments/arms", "experiments/fine_tuning", "experiments/kept")


def rooms_of(path: Path) -> tuple[str, ...] | None:
    """The constant ``ROOMS`` of a module, read without importing it; ``None`` where it has none."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROOMS":
            return ast.literal_eval(node.value)
    return None


MODULES = sorted((PACKAGE / "experiments").glob("*.py"))
STEPS = {path.stem: rooms for path in MODULES if (rooms := rooms_of(path)) is not None}


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


@pytest.mark.parametrize("rooms", [*STEPS.values(), COMPUTING], ids=[*STEPS, "all"])
def test_all_computing_code_that_a_step_imports_is_in_its_rooms(rooms):
    used = {module for path in provenance._sources(tuple(rooms)) for module in imported(path)}
    missing = {name for name in used if inside(name, COMPUTING) and not inside(name, (*rooms, *BY_CONTENT))}
    assert missing == set()


def test_an_edit_of_the_synthesis_leaves_trainings_as_they_are():
    assert {"detect", "fidelity"} <= set(STEPS)
    for rooms in STEPS.values():
        files = {path.relative_to(PACKAGE).parts[0] for path in provenance._sources(rooms)}
        assert files <= {"data", "detection", "evaluation", "experiments"}
