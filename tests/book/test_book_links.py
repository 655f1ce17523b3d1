"""Source and launch buttons appear with an address, and only then."""

from pathlib import Path

import pytest
import yaml

import defectlab
from defectlab.book.links import link_repository

CONFIG = Path(defectlab.__file__).resolve().parents[1] / "_config.yml"


@pytest.fixture
def config(tmp_path):
    copied = tmp_path / "_config.yml"
    copied.write_text(CONFIG.read_text())
    return copied


def test_an_address_turns_the_buttons_on_and_leaves_the_rest(config):
    link_repository(config, "https://github.com/somebody/defectlab/")
    before, after = yaml.safe_load(CONFIG.read_text()), yaml.safe_load(config.read_text())
    assert after["repository"]["url"] == "https://github.com/somebody/defectlab"
    assert after["launch_buttons"] == {
        "thebe": False,
        "notebook_interface": "jupyterlab",
        "binderhub_url": "https://mybinder.org",
    }
    assert after["html"]["use_repository_button"] is True
    for kept in ("sphinx", "execute", "parse", "exclude_patterns"):
        assert after[kept] == before[kept]


def test_without_an_address_nothing_changes(config):
    link_repository(config, "")
    assert config.read_text() == CONFIG.read_text()


@pytest.mark.parametrize("wrong", ["github.com/a/b", "http://github.com/a/b", "https://github.com/a"])
def test_an_address_that_is_none_is_refused(config, wrong):
    with pytest.raises(ValueError, match="expected https://HOST/OWNER/NAME"):
        link_repository(config, wrong)
