"""The parameters cell of a notebook and the page that documents it, both from the schema."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from defectlab.coercion import base_name, is_optional, spelled
from defectlab.params import Parameters, schema_fields

TAG = "parameters"


@dataclass(frozen=True)
class CellLine:
    """One line of a parameters cell: ``n_aug: int = 100  # synthetic positives``.

    Attributes:
        name: of the parameter.
        annotation: as written, empty where there is none.
        default: value.
        comment: behind the value, without ``#``.
    """

    name: str
    annotation: str
    default: Any
    comment: str


def parameters_cell(schema: type[Parameters]) -> str:
    """Source of the cell that a notebook tags ``parameters``: typed, literal, one comment each."""
    hints = get_type_hints(schema)
    items = schema_fields(schema)
    heads = [f"{item.name}: {base_name(hints[item.name])} = {_literal(item.metadata['default'])}" for item in items]
    width = max((len(head) for head in heads if len(head) <= 40), default=0)
    return "\n".join(f"{head:<{width}}  # {item.metadata['help']}" for head, item in zip(heads, items, strict=True))


def read_parameters_cell(source: str) -> list[CellLine]:
    """Lines of a parameters cell.

    Raises:
        ValueError: if the cell holds anything but assignments of literals.
    """
    comments = _comments(source)
    lines = []
    for node in ast.parse(source).body:
        lines.append(_cell_line(node, comments.get(node.end_lineno or 0, "")))
    return lines


def check_parameters_cell(schema: type[Parameters], source: str) -> list[str]:
    """What differs between a parameters cell and its schema, in words; empty where they agree.

    Names and their order, annotations, defaults and trailing comments are compared.
    """
    found = {line.name: line for line in read_parameters_cell(source)}
    hints = get_type_hints(schema)
    wanted = [item.name for item in schema_fields(schema)]
    problems = [f"{name}: in the cell, not in {schema.__name__}" for name in found if name not in wanted]
    problems += [f"{name}: in {schema.__name__}, not in the cell" for name in wanted if name not in found]
    if not problems and list(found) != wanted:
        problems.append(f"order: the cell has {', '.join(found)}, {schema.__name__} has {', '.join(wanted)}")
    for item in schema_fields(schema):
        if item.name in found:
            problems += _differences(found[item.name], base_name(hints[item.name]), item.metadata)
    return problems


def notebook_parameters_cell(path: str | Path) -> str:
    """Source of the cell tagged ``parameters`` of a notebook.

    Raises:
        ValueError: if the notebook has no such cell, or more than one.
    """
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if TAG in cell["metadata"].get("tags", [])]
    if len(sources) != 1:
        raise ValueError(f"{path}: expected one cell tagged {TAG!r}, found {len(sources)}")
    return sources[0]


def parameter_reference(schema: type[Parameters]) -> str:
    """Markdown table of the parameters: name, type, default, profiles, allowed values, meaning."""
    head, rows = reference_rows(schema)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def reference_rows(schema: type[Parameters]) -> tuple[list[str], list[list[str]]]:
    """Names of the columns, and one line a parameter; a cell is empty where there is nothing to say."""
    hints = get_type_hints(schema)
    profiles = list(schema.profiles)
    head = ["name", "type", "default", *profiles, "allowed", "unit", "meaning"]
    rows = []
    for item in schema_fields(schema):
        kind = spelled(hints[item.name]) + (" or None" if is_optional(hints[item.name]) else "")
        chosen = [_of_profile(schema.profiles[name], item.name) for name in profiles]
        rules = item.metadata
        rows.append(
            [f"`{item.name}`", kind, _code(rules["default"]), *chosen, _allowed(rules), rules["unit"], rules["help"]]
        )
    return head, rows


def _cell_line(node: ast.stmt, comment: str) -> CellLine:
    targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
    target = targets[0] if len(targets) == 1 else None
    value = getattr(node, "value", None)
    if not isinstance(target, ast.Name) or value is None:
        raise ValueError(f"parameters cell, line {node.lineno}: expected NAME: TYPE = VALUE")
    try:
        default = ast.literal_eval(value)
    except ValueError as error:
        raise ValueError(f"parameters cell, line {node.lineno}: the value of {target.id} is not a literal") from error
    annotation = ast.unparse(node.annotation) if isinstance(node, ast.AnnAssign) else ""
    return CellLine(target.id, annotation, default, comment)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ").strip() for token in tokens if token.type == tokenize.COMMENT}


def _differences(line: CellLine, annotation: str, rules: Mapping[str, Any]) -> list[str]:
    default = list(rules["default"]) if isinstance(rules["default"], tuple) else rules["default"]
    pairs = [
        ("annotation", line.annotation, annotation),
        ("default", line.default, default),
        ("comment", line.comment, rules["help"]),
    ]
    return [
        f"{line.name}: {what} is {found!r} in the cell, {wanted!r} in the schema"
        for what, found, wanted in pairs
        if found != wanted or type(found) is not type(wanted)
    ]


def _allowed(rules: Mapping[str, Any]) -> str:
    if rules["choices"]:
        return ", ".join(_code(choice) for choice in rules["choices"])
    bounds = [f"at least {rules['low']}"] * (rules["low"] is not None) + [f"at most {rules['high']}"] * (
        rules["high"] is not None
    )
    return ", ".join(bounds)


def _of_profile(values: Mapping[str, Any], name: str) -> str:
    return _code(values[name]) if name in values else ""


def _code(value: Any) -> str:
    return f"`{_literal(value)}`"


def _literal(value: Any) -> str:
    value = list(value) if isinstance(value, tuple) else value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
