"""Lines for a shell that a person can read and copy: lists as JSON, as few quotes as are safe."""

from __future__ import annotations

import ast
import json
import shlex
from collections.abc import Iterable
from typing import Any

_ACTIVE = set('"$`\\!')
"""Characters that a shell reads inside double quotes."""


def spelled(value: Any) -> str:
    """A parameter's value as one word of a command: lists and mappings as JSON, which every command here reads."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple | dict) else str(value)


def command_line(words: Iterable[str]) -> str:
    """The words as one line; splitting it as a shell does gives them back.

    A word with an apostrophe stands in double quotes where it holds nothing that these would change.
    """
    return " ".join(f'"{word}"' if "'" in word and not _ACTIVE & set(word) else shlex.quote(word) for word in words)


def readable(command: str) -> str:
    """An older line with its Python lists as JSON: ``'["a crack"]'`` in place of a chain of quotes."""
    return command_line(_as_json(word) for word in shlex.split(command))


def _as_json(word: str) -> str:
    if not word.startswith(("[", "{", "(")):
        return word
    try:
        return spelled(ast.literal_eval(word))
    except (ValueError, SyntaxError):  # JSON with true or null, or a text that begins with a bracket
        return word
