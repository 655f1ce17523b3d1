"""What may be wrong with the value of a parameter, in words: type, range, choice, a name that is near."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field
from difflib import get_close_matches
from typing import Any

from defectlab.coercion import CoercionError, coerce, is_optional


def settle(value: Any, kind: Any, item: Field[Any]) -> tuple[Any, list[str]]:
    """A value as its declared type, and what is wrong with it.

    Args:
        value: as it was given.
        kind: declared type.
        item: of the schema; its metadata are the rules of `defectlab.params.parameter`.

    Returns:
        The value, as it was where it cannot be read, and the problems in words.
    """
    if value is None and item.metadata["default"] is None and is_optional(kind):
        return None, []
    try:
        value = coerce(value, kind)
    except CoercionError as error:
        return value, [str(error)]
    return value, [] if value is None else _problems(value, item)


def _problems(value: Any, item: Field[Any]) -> list[str]:
    many = isinstance(value, list | tuple)
    if many and not value and item.metadata["default"]:
        return ["expected at least one item, got none"]
    each = [_problem(entry, item.metadata) for entry in (value if many else [value])]
    whole = item.metadata["check"](value) if item.metadata["check"] else None
    return [problem for problem in (*dict.fromkeys(each), whole) if problem]


def _problem(value: Any, rules: Mapping[str, Any]) -> str | None:
    if rules["choices"] and value not in rules["choices"]:
        allowed = ", ".join(str(choice) for choice in rules["choices"])
        return f"expected one of {allowed}, got {value!r}{_did_you_mean(str(value), map(str, rules['choices']))}"
    low, high, unit = rules["low"], rules["high"], f" {rules['unit']}" if rules["unit"] else ""
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"between {low} and {high}" if None not in (low, high) else f"at least {low}"
        return f"expected {bounds if low is not None else f'at most {high}'}{unit}, got {value!r}"
    return None


def unknown(name: str, known: list[str]) -> str:
    """What is wrong with a name that no parameter has, with the nearest that one has."""
    return f"{name}: no such parameter{_did_you_mean(name, known) or '; there are ' + ', '.join(known)}"


def _did_you_mean(name: str, known: Any) -> str:
    near = get_close_matches(name.lower(), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
