"""Buttons of the published pages that need to know where the repository lies: to the source, and to a live copy."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import yaml

from defectlab.files import write_text

BINDER = "https://mybinder.org"  # builds environment.yml, so that the package is there when a notebook opens


def link_repository(config: Path, repository: str) -> None:
    """Turns on the source button and the launch button of every notebook page.

    Without an address there are no such buttons, and the pages point to nothing that is not on the disk; the button
    that downloads a page's notebook is there either way.

    Args:
        config: ``_config.yml`` of the staged book; it is changed.
        repository: address such as ``https://github.com/owner/name``; empty for none.

    Raises:
        ValueError: if it is no https address with an owner and a name.
    """
    if not repository:
        return
    parts = urlsplit(repository)
    if parts.scheme != "https" or len(parts.path.strip("/").split("/")) != 2:
        raise ValueError(f"repository: expected https://HOST/OWNER/NAME, got {repository!r}")
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["repository"] = {"url": repository.rstrip("/"), "path_to_book": "", "branch": "main"}
    settings["html"] |= {"use_repository_button": True}
    settings["launch_buttons"] |= {"notebook_interface": "jupyterlab", "binderhub_url": BINDER}
    write_text(config, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
