"""A small random model of `pocket-sd`, written once."""

from __future__ import annotations

import pytest
from tiny_pocket_sd import save_tiny_pocket_sd

from defectlab.synthesis.pocket_sd.storage import read_pipeline


@pytest.fixture(scope="session")
def sd_folder(tmp_path_factory):
    return save_tiny_pocket_sd(tmp_path_factory.mktemp("pocket-sd") / "random model")


@pytest.fixture(scope="session")
def pocket_sd(sd_folder):
    return read_pipeline(sd_folder)
