"""One resolver for data, weights, cache and runs: argument, environment variable, user cache, then a helpful error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

WEIGHT_SUFFIXES = ("", ".safetensors", ".pth", ".pt")


class MissingPathError(FileNotFoundError):
    """Data or weights that are nowhere to be found; the message lists the places and the way to get them."""


def cache_dir() -> Path:
    """Folder for what may be made or fetched again; it need not exist yet.

    ``DEFECTLAB_CACHE`` where it is set, else ``defectlab`` in the cache folder of the platform.
    """
    return _from_environment("DEFECTLAB_CACHE") or _platform_cache() / "defectlab"


def runs_dir(root: str | Path | None = None) -> Path:
    """Folder of the run store, the same from any working directory; it need not exist yet.

    In order: the argument, ``DEFECTLAB_RUNS``, ``runs`` at the root of a source checkout, ``runs`` in the cache.
    """
    if root is not None:
        return absolute(root)
    checkout = checkout_dir()
    fallback = (checkout or cache_dir()) / "runs"
    return _from_environment("DEFECTLAB_RUNS") or fallback


def checkout_dir() -> Path | None:
    """Root of the source checkout this package is imported from, ``None`` for an installed wheel."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "notebooks").is_dir() else None


def resolve_data(name: str, root: str | Path | None = None, folders: Iterable[str] = ()) -> Path:
    """Folder of a data set.

    In order: ``root`` (the data set's own folder, or one that holds it), ``DEFECTLAB_DATA``, ``data`` in the cache.
    Case, hyphens, underscores and spaces of folder names do not matter: ``magnetic-tile`` is ``magnetic_tile``.

    Args:
        name: name in the registry, looked for as a folder.
        root: where the user says the data are; nothing else is looked at when it is given.
        folders: further names of the folder, such as the official one.

    Returns:
        An existing folder, absolute.

    Raises:
        MissingPathError: with the places looked at and the way to mend it.
    """
    names = (name, *folders)
    if root is not None and str(root):
        given = absolute(root)
        if not given.is_dir():
            raise MissingPathError(f"data_root: {given} is {_what(given)}, expected the folder of {name!r}")
        return _child(given, names) or given
    places = [place for place in (_from_environment("DEFECTLAB_DATA"), cache_dir() / "data") if place]
    for place in places:
        if found := _child(place, names):
            return found
    raise MissingPathError(_not_found(f"data set {name!r}", names, places, "DEFECTLAB_DATA", "data_root"))


def resolve_weights(name_or_path: str | Path) -> Path:
    """File or folder of trained weights.

    In order: the argument as a path, ``DEFECTLAB_WEIGHTS``, ``weights`` in the cache; in the last two a hub name
    ``owner/model`` is also looked for as ``owner--model``, and a file with its usual suffixes.

    Raises:
        MissingPathError: with the places looked at and the way to mend it.
    """
    given = absolute(name_or_path)
    if given.exists():
        return given
    name = str(name_or_path)
    places = [place for place in (_from_environment("DEFECTLAB_WEIGHTS"), cache_dir() / "weights") if place]
    stems = dict.fromkeys((name, name.replace("/", "--")))
    for place in places:
        for candidate in (place / f"{stem}{suffix}" for stem in stems for suffix in WEIGHT_SUFFIXES):
            if candidate.exists():
                return candidate
    raise MissingPathError(_not_found(f"weights {name!r}", stems, [given, *places], "DEFECTLAB_WEIGHTS", "parameter"))


def absolute(path: str | Path) -> Path:
    """The path with ``~`` expanded, absolute; links are left as the user wrote them."""
    return Path(os.path.abspath(Path(path).expanduser()))


def normalised(name: str) -> str:
    """A folder name without what people spell differently: case, hyphens, underscores, spaces."""
    return "".join(character for character in name.casefold() if character not in "-_ ")


def _child(place: Path, names: Sequence[str]) -> Path | None:
    """The folder of ``place`` with one of the names, an exact name before a similar one."""
    if not place.is_dir():
        return None
    exact = [place / name for name in names if (place / name).is_dir()]
    wanted = {normalised(name) for name in names}
    similar = [child for child in sorted(place.iterdir()) if normalised(child.name) in wanted and child.is_dir()]
    return next(iter(exact + similar), None)


def _from_environment(variable: str) -> Path | None:
    value = os.environ.get(variable, "").strip()
    return absolute(value) if value else None


def _platform_cache() -> Path:
    if found := _from_environment("XDG_CACHE_HOME"):
        return found
    if sys.platform == "win32" and (local := _from_environment("LOCALAPPDATA")):
        return local
    return Path.home() / ".cache"


def _what(path: Path) -> str:
    return "a file" if path.is_file() else "not there"


def _not_found(what: str, names: Iterable[str], places: Sequence[Path], variable: str, parameter: str) -> str:
    looked = "\n".join(f"  {place}" + ("" if place.is_dir() else " (not there)") for place in places)
    unset = "" if os.environ.get(variable, "").strip() else f" ({variable} is not set)"
    return (
        f"{what} was not found. Looked for {', '.join(dict.fromkeys(names))} in{unset}:\n{looked}\n"
        f"Give its path as the {parameter}, or set {variable} to the folder that holds it. "
        "`defectlab doctor` lists what resolves; `defectlab data where` says how to get a data set."
    )
