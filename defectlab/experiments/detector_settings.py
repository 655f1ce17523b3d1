"""Settings of the student-teacher that a notebook may change by name: what the paper leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from defectlab.choices import unknown_choice
from defectlab.detection.student_teacher.settings import StudentTeacherSettings

ELSEWHERE = {
    "teacher": "teacher",
    "weights": "weights",
    "steps": "detector_steps",
    "size": "network_size",
    "seed": "seeds",
}
"""Fields that are parameters of their own, by the name of the parameter."""


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by field, each of the type of its default; lists as tuples.

    Args:
        given: such as ``{"student": "copy", "gamma": 2, "levels": [[2, 3], [5, 6]]}``.

    Raises:
        ValueError: naming the field that is not there, has a parameter of its own, or is of another type.
    """
    known = {item.name: item.default for item in fields(StudentTeacherSettings) if item.name not in ELSEWHERE}
    found = {}
    for name, value in given.items():
        if name in ELSEWHERE:
            raise ValueError(f"detector_settings: {name} is a parameter of its own, {ELSEWHERE[name]}")
        if name not in known:
            raise unknown_choice("field of detector_settings", name, known)
        found[name] = _levels(value) if name == "levels" else _as(name, value, known[name])
    return found


def _as(name: str, value: Any, default: Any) -> Any:
    if type(default) is float and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        kind = type(default).__name__
        raise ValueError(f"detector_settings: {name}: expected {kind} such as {default!r}, got {value!r}")
    return value


def _levels(value: Any) -> tuple[tuple[int, ...], ...] | None:
    if value is None:
        return None
    listed = isinstance(value, list | tuple) and all(isinstance(level, list | tuple) and level for level in value)
    if not listed or not value or not all(type(block) is int for level in value for block in level):
        raise ValueError(
            f"detector_settings: levels: expected blocks of each level such as [[2, 3], [4, 5]], got {value!r}"
        )
    return tuple(tuple(level) for level in value)
