"""Which Chromium the tests drive."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

VARIABLE = "DEFECTLAB_CHROMIUM"
ON_PATH = ("chromium", "chromium-browser", "google-chrome")


class NoChromium(Exception):
    """There is no Chromium; the message says how to get one."""


def find_chromium(own: str) -> Path:
    """The program that the environment variable names, else one on the path, else playwright's own.

    Args:
        own: where playwright keeps its own Chromium, whether it is installed or not.

    Raises:
        NoChromium: if there is none, or the environment variable names no program.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        if not os.access(chosen, os.X_OK) or Path(chosen).is_dir():
            raise NoChromium(f"{VARIABLE} must name a program, found {chosen!r}; correct it, or unset it")
        return Path(chosen)
    found = [path for path in map(shutil.which, ON_PATH) if path]
    if found:
        return Path(found[0])
    if Path(own).is_file():
        return Path(own)
    raise NoChromium(
        f"no Chromium: {VARIABLE} is not set, none of {', '.join(ON_PATH)} is on the path, and playwright has none in "
        f"{own}; install one with the system's packages, or with `.venv-browser/bin/playwright install chromium`"
    )
