"""Write requirements.lock and environment.yml: what pyproject.toml asks for, and needs, as installed here.

Run by `make lock` after installing or upgrading. The environment names the direct requirements with the lock's pins
and takes the rest from the lock, so the two cannot differ.
"""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("notebooks", "book", "tests", "grid")
LINUX_ONLY = ("nvidia-", "cuda-", "triton")
HEAD = """\
# Every package of `make setup`, pinned; written by `make lock`, not by hand. Python 3.11 and later.
# The `comparison` extra is left out: its packages bring pins of their own.
"""
ENVIRONMENT = """\
# conda env create -f environment.yml && conda activate defectlab
# Written by `make lock`, not by hand: the same versions as `make setup`.
name: defectlab
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def direct_requirements() -> list[Requirement]:
    """What the project itself asks for, without the comparison extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = project["dependencies"] + [text for extra in EXTRAS for text in project["optional-dependencies"][extra]]
    return [Requirement(text) for text in texts]


def closure(requirements: list[Requirement]) -> dict[str, str]:
    """Installed version of each requirement and of all that they need, by name."""
    pins: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = list(requirements)
    while queue:
        requirement = queue.pop()
        key = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if key in seen:
            continue
        seen.add(key)
        found = distribution(requirement.name)
        if not requirement.specifier.contains(found.version, prereleases=True):
            raise SystemExit(f"{found.name} {found.version} is installed, which does not satisfy {requirement}")
        pins[key[0]] = found.version
        needed = [Requirement(text) for text in found.requires or []]
        queue += [item for item in needed if _applies(item, requirement.extras)]
    return dict(sorted(pins.items()))


def render(pins: dict[str, str]) -> str:
    """The lock file."""
    lines = [
        f"{name}=={version}" + (' ; sys_platform == "linux"' if name.startswith(LINUX_ONLY) else "")
        for name, version in pins.items()
    ]
    return HEAD + "\n".join(lines) + "\n"


def environment(pins: dict[str, str]) -> str:
    """The conda environment: Python from conda, packages from the lock."""
    direct = sorted({canonicalize_name(requirement.name) for requirement in direct_requirements()})
    lines = [f"      - {name}=={pins[name]}" for name in direct]
    return ENVIRONMENT + "\n".join([*lines, "      - -r requirements.lock", "      - -e ."]) + "\n"


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def main() -> int:
    """Write both files."""
    pins = closure(direct_requirements())
    (ROOT / "requirements.lock").write_text(render(pins))
    (ROOT / "environment.yml").write_text(environment(pins))
    print(f"requirements.lock and environment.yml: {len(pins)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
