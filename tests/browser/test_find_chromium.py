"""Which Chromium is taken, and what is said where there is none."""

import pytest
from find_chromium import NoChromium, find_chromium


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A path without programs, and no variable."""
    monkeypatch.delenv("DEFECTLAB_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def program(path):
    path.touch(mode=0o755)
    return path


def test_the_variable_comes_before_the_path_and_the_path_before_playwright(bare, monkeypatch):
    own = program(bare / "own")
    assert find_chromium(str(own)) == own
    google = program(bare / "bin" / "google-chrome")
    assert find_chromium(str(own)) == google
    chromium = program(bare / "bin" / "chromium")
    assert find_chromium(str(own)) == chromium
    monkeypatch.setenv("DEFECTLAB_CHROMIUM", str(program(bare / "mine")))
    assert find_chromium(str(own)) == bare / "mine"


def test_without_a_chromium_the_error_says_how_to_get_one(bare):
    with pytest.raises(NoChromium, match=r"DEFECTLAB_CHROMIUM is not set.*playwright install chromium"):
        find_chromium(str(bare / "none"))


def test_a_variable_that_names_no_program_is_an_error_even_where_another_chromium_is_there(bare, monkeypatch):
    program(bare / "bin" / "chromium")
    monkeypatch.setenv("DEFECTLAB_CHROMIUM", str(bare))
    with pytest.raises(NoChromium, match="must name a program"):
        find_chromium(str(bare / "none"))
