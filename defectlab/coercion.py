"""Bring a value from a notebook, a command line or an environment variable to the type a parameter declares."""

from __future__ import annotations

import ast
import json
import math
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin

SCALARS: tuple[type, ...] = (bool, int, float, str)


class CoercionError(ValueError):
    """A value that cannot be of the declared type; the message says what was expected."""


def coerce(value: Any, kind: Any) -> Any:
    """The value as the declared type, without loss.

    papermill hands over ``'[0,1]'`` and ``'true'`` as text and ``1e2`` as a float, so text that spells a value is
    read, and a whole float is an ``int``. Nothing is rounded and no number is taken for text or for a truth value.

    Args:
        value: as it arrived.
        kind: ``bool``, ``int``, ``float``, ``str``, ``list[...]``, ``tuple[..., ...]``, ``dict[...]`` of these, or a
            union with ``None``.

    Raises:
        CoercionError: if the value is not of that type.
    """
    if is_optional(kind):
        if value is None or (isinstance(value, str) and value in ("None", "null") and without_none(kind) is not str):
            return None
        return coerce(value, without_none(kind))
    origin = get_origin(kind) or kind
    if origin in (list, tuple):
        return _sequence(value, kind, origin)
    if origin is dict:
        return _mapping(value, kind)
    return _READERS[origin](value)


def is_optional(kind: Any) -> bool:
    """True for a union with ``None``."""
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def without_none(kind: Any) -> Any:
    """The type beside ``None`` in a union with it; another type as it is."""
    if not is_optional(kind):
        return kind
    rest = [member for member in get_args(kind) if member is not type(None)]
    if len(rest) != 1:
        raise TypeError(f"a parameter has one type and perhaps None, got {kind}")
    return rest[0]


def base_name(kind: Any) -> str:
    """Name as a parameters cell writes it: ``list`` for ``tuple[int, ...]``, ``int`` for ``int | None``."""
    kind = without_none(kind)
    origin = get_origin(kind) or kind
    return "list" if origin is tuple else str(origin.__name__)


def spelled(kind: Any) -> str:
    """The type in words: ``list of int``."""
    kind = without_none(kind)
    members = [member for member in get_args(kind) if member is not Ellipsis]
    if base_name(kind) == "list" and members:
        return f"list of {members[0].__name__}"
    return base_name(kind)


def is_supported(kind: Any) -> bool:
    """True for the types that `coerce` knows."""
    kind = without_none(kind)
    origin = get_origin(kind) or kind
    members = [member for member in get_args(kind) if member is not Ellipsis]
    free = (Any,) if origin is dict else ()  # what a dict holds may be left to its own check
    return origin in (*SCALARS, list, tuple, dict) and all(member in (*SCALARS, *free) for member in members)


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise CoercionError(f"expected true or false, got {_shown(value)}")


def _int(value: Any) -> int:
    number = _number(value, "a whole number")
    if number != int(number):
        raise CoercionError(f"expected a whole number, got {_shown(value)}")
    return int(number)


def _float(value: Any) -> float:
    return float(_number(value, "a number"))


def _number(value: Any, expected: str) -> int | float:
    number = value
    if isinstance(value, str):
        try:
            number = int(value) if value.strip().lstrip("+-").isdecimal() else float(value)
        except ValueError:
            number = None
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise CoercionError(f"expected {expected}, got {_shown(value)}")
    return number


def _str(value: Any) -> str:
    if isinstance(value, str):
        return value
    hint = "; with papermill, -r NAME VALUE keeps it text" if isinstance(value, int | float) else ""
    raise CoercionError(f"expected text, got {_shown(value)}{hint}")


def _sequence(value: Any, kind: Any, origin: type) -> Any:
    members = [member for member in get_args(kind) if member is not Ellipsis]
    found = _literal(value) if isinstance(value, str) else value
    if not isinstance(found, list | tuple):
        raise CoercionError(f"expected a {spelled(kind)} such as {_example(kind)}, got {_shown(value)}")
    if not members:
        return origin(found)
    return origin(_item(item, position, members[0]) for position, item in enumerate(found))


def _item(item: Any, position: int, kind: Any) -> Any:
    try:
        return coerce(item, kind)
    except CoercionError as error:
        raise CoercionError(f"item {position}: {error}") from None


def _mapping(value: Any, kind: Any) -> dict[Any, Any]:
    found = _literal(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise CoercionError(f'expected a dict such as {{"name": 1}}, got {_shown(value)}')
    if not get_args(kind):
        return dict(found)
    key_kind, value_kind = get_args(kind)
    return {
        coerce(key, key_kind): item if value_kind is Any else coerce(item, value_kind) for key, item in found.items()
    }


def _literal(text: str) -> Any:
    """The value that text spells, as Python or as JSON writes it; the text itself where it spells none."""
    for read in (ast.literal_eval, json.loads):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    return text


def _example(kind: Any) -> str:
    members = [member for member in get_args(kind) if member is not Ellipsis]
    return {int: "[0, 1]", float: "[0.1, 0.5]", bool: "[true]"}.get(members[0] if members else str, '["a", "b"]')


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


_READERS: dict[type, Callable[[Any], Any]] = {bool: _bool, int: _int, float: _float, str: _str}
