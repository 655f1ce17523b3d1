"""The parameter contract of the notebooks: one frozen dataclass each; names, types and ranges are checked at once.

    @dataclass(frozen=True)
    class DiagParams(Parameters):
        n_aug: int = parameter(100, help="synthetic positives added to training", low=0, high=10_000)
        epochs: int | None = parameter(None, help="training epochs; None takes the profile's", low=1)
        profiles = {"smoke": {"epochs": 1}, "laptop": {"epochs": 10}, "paper": {"epochs": 50}}

    params = resolve(DiagParams, from_notebook(globals()))
    params.table()

papermill runs a notebook with a misspelt parameter as if it had not been given; this stops it in the first second.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, TypeVar, get_type_hints

import pandas as pd

from defectlab.coercion import is_supported
from defectlab.parameter_checks import settle, unknown

PROFILES = ("smoke", "laptop", "paper")
PROFILE_VARIABLE = "DEFECTLAB_PROFILE"
IPYTHON_NAMES = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})
ORIGINS = ("given", "default", "profile", "environment")

Check = Callable[[Any], str | None]


class ParameterError(ValueError):
    """One or more parameters that cannot be used; the message lists all of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = f"{len(problems)} problem{'s' * (len(problems) != 1)} with the parameters:"
        super().__init__("\n".join([count, *(f"  - {problem}" for problem in problems)]))


@dataclass(frozen=True)
class Parameters:
    """What the schema of a notebook derives from; each of its fields is made by `parameter`.

    Attributes:
        origins: where each value comes from: ``given``, ``default``, ``profile`` or ``environment``.
        profiles: for each profile, the values of the parameters that are ``None``.
    """

    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False, kw_only=True)
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def as_dict(self) -> dict[str, Any]:
        """All values by name, in the order of the schema."""
        return {item.name: getattr(self, item.name) for item in schema_fields(type(self))}

    def identity(self) -> dict[str, Any]:
        """The values that make a run the run it is.

        All but those with ``identity=False``, and those with ``later=True`` that are as they were before they could be
        chosen.
        """
        items = [item for item in schema_fields(type(self)) if item.metadata["identity"]]
        values = {item.name: getattr(self, item.name) for item in items}
        old = {item.name for item in items if item.metadata["later"] and values[item.name] == item.metadata["default"]}
        return {name: value for name, value in values.items() if name not in old}

    def changed(self) -> dict[str, Any]:
        """The values that were given and differ from the notebook's own."""
        return {name: value for name, value in self.as_dict().items() if self.origins.get(name) == "given"}

    def table(self) -> pd.DataFrame:
        """Resolved parameters to show: columns ``name, value, origin, unit, meaning``."""
        rows = []
        for item in schema_fields(type(self)):
            value, origin = getattr(self, item.name), self.origins.get(item.name, "given")
            rows.append((item.name, _written(value), origin, item.metadata["unit"], item.metadata["help"]))
        return pd.DataFrame(rows, columns=["name", "value", "origin", "unit", "meaning"])


P = TypeVar("P", bound=Parameters)


def parameter(
    default: Any,
    *,
    help: str,
    choices: Sequence[Any] = (),
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    check: Check | None = None,
    identity: bool = True,
    later: bool = False,
    after: str = "",
) -> Any:
    """A field of a schema.

    Args:
        default: value in the notebook; ``None`` lets the profile choose.
        help: meaning in a few words, the comment behind it in the parameters cell.
        choices: allowed values; of each item for a list.
        low: least allowed value, itself allowed; of each item for a list.
        high: greatest allowed value, itself allowed; of each item for a list.
        unit: of the value, such as ``pixels``.
        check: gives a problem in words, or ``None`` where the value is fine.
        identity: whether runs with other values are other runs; false for where to compute and where to write, such
            as a device or a folder of an export, which must not hide a finished run.
        later: the parameter came when runs were kept already, and its default is what they had: runs that have it are
            found as before.
        after: name of the parameter that it stands behind in the cell; by default its place in the class. A schema
            that derives from another puts its own among the inherited ones with it.
    """
    rules = {"choices": tuple(choices), "low": low, "high": high, "unit": unit, "check": check}
    metadata = {"default": default, "help": help, **rules, "identity": identity, "later": later, "after": after}
    if isinstance(default, list | dict):
        return field(default_factory=lambda: copy.deepcopy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def schema_fields(schema: type[Parameters]) -> list[Field[Any]]:
    """The parameters of a schema, in the order of its cell.

    Raises:
        ValueError: if a parameter is to stand behind one that is not there.
    """
    items = [item for item in fields(schema) if "help" in item.metadata]
    placed = [item for item in items if not item.metadata["after"]]
    for item in reversed([item for item in items if item.metadata["after"]]):  # so that neighbours keep their order
        names = [other.name for other in placed]
        if item.metadata["after"] not in names:
            raise ValueError(f"{schema.__name__}: {item.name} is to stand after {item.metadata['after']!r}, not there")
        placed.insert(names.index(item.metadata["after"]) + 1, item)
    return placed


def from_notebook(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """What a notebook has set so far: names of its own with literal values.

    Call it in the cell after the parameters, before other names are set: a name that papermill injected and
    that no parameter has is then found.

    Args:
        namespace: ``globals()`` of the notebook.
    """
    return {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and name not in IPYTHON_NAMES and _is_literal(value)
    }


def resolve(schema: type[P], values: Mapping[str, Any], profiles: Mapping[str, Mapping[str, Any]] | None = None) -> P:
    """Check all values against the schema and fill in the rest.

    A parameter that is ``None`` takes the value of the profile. ``DEFECTLAB_PROFILE``, where it is set, takes the
    place of the ``profile`` of the notebook whatever that is, for a notebook cannot tell whether its profile was
    given or is its default; the table then says ``environment``.

    Args:
        schema: of the notebook.
        values: by name, as the notebook holds them; names left out take the default.
        profiles: values by profile; those of the schema by default.

    Returns:
        The schema with every value of its declared type.

    Raises:
        ParameterError: with everything that is wrong: unknown names with the nearest match, types, ranges, choices.
    """
    profiles = schema.profiles if profiles is None else profiles
    kinds, items = _kinds(schema), {item.name: item for item in schema_fields(schema)}
    problems = [unknown(name, list(items)) for name in values if name not in items]
    chosen = {name: values.get(name, copy.deepcopy(item.metadata["default"])) for name, item in items.items()}
    origins = {name: _origin(chosen[name], item) for name, item in items.items()}
    _apply_environment(chosen, origins)
    _apply_profile(chosen, origins, profiles)
    settled: dict[str, Any] = {}
    for name, item in items.items():
        settled[name], found = settle(chosen[name], kinds[name], item)
        problems += [f"{_label(name, origins[name])}: {problem}" for problem in found]
        if origins[name] == "given" and settled[name] == item.metadata["default"]:
            origins[name] = "default"
    if problems:
        raise ParameterError(problems)
    return _construct(schema, settled, origins)


def _kinds(schema: type[Parameters]) -> dict[str, Any]:
    hints = get_type_hints(schema)
    kinds = {item.name: hints[item.name] for item in schema_fields(schema)}
    if unsupported := [f"{name}: {kind}" for name, kind in kinds.items() if not is_supported(kind)]:
        raise TypeError(f"{schema.__name__}: parameters must be literal, not {'; '.join(unsupported)}")
    return kinds


def _origin(value: Any, item: Field[Any]) -> str:
    return "default" if value == item.metadata["default"] else "given"


def _apply_environment(chosen: dict[str, Any], origins: dict[str, str]) -> None:
    profile = os.environ.get(PROFILE_VARIABLE, "").strip()
    if profile and "profile" in chosen:
        chosen["profile"], origins["profile"] = profile, "environment"


def _apply_profile(chosen: dict[str, Any], origins: dict[str, str], profiles: Mapping[str, Mapping[str, Any]]) -> None:
    try:
        of_profile = profiles.get(chosen.get("profile", ""), {})
    except TypeError:  # a profile that is no name at all: its own check reports it
        return
    for name, value in of_profile.items():
        if name in chosen and chosen[name] is None:
            chosen[name], origins[name] = copy.deepcopy(value), "profile"


def _label(name: str, origin: str) -> str:
    return f"{name} (from {PROFILE_VARIABLE})" if origin == "environment" else name


def _construct(schema: type[P], values: Mapping[str, Any], origins: Mapping[str, str]) -> P:
    try:
        return schema(**values, origins=origins)
    except ParameterError:
        raise
    except ValueError as error:  # what __post_init__ says of values that do not go together
        raise ParameterError([str(error)]) from error


def _is_literal(value: Any) -> bool:
    return value is None or type(value) in (bool, int, float, str, list, tuple, dict)


def _written(value: Any) -> str:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 80 else text[:77] + "..."
