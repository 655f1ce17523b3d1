"""The page on the package as a library: its script runs, its tables are complete."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import defectlab
from defectlab.book import interfaces

PAGE = Path(defectlab.__file__).resolve().parent.parent / "book" / "interfaces.md"


def scripts():
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)


def run(script, folder):
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_script_of_the_page_runs_as_it_is_printed_but_for_its_size(tmp_path):
    script, _ = scripts()
    for large, small in (("scale=0.1", "scale=0.04"), ("n=20", "n=2"), ("epochs=5", "epochs=1")):
        assert large in script
        script = script.replace(large, small)
    assert re.fullmatch(r"[01]\.\d+ [01]\.\d+ \[[01]\.\d+, [01]\.\d+\]\n", run(script, tmp_path))


def test_the_method_of_ones_own_makes_what_is_asked_for_and_a_longer_set_begins_alike(tmp_path):
    _, script = scripts()
    more = """
short, long = (Dents().synthesize(normals, n, seed=1) for n in (2, 4))
assert all((a.image == b.image).all() and a.mask.any() for a, b in zip(short.items, long.items))
"""
    assert run(script + more, tmp_path) == "5\n"


def test_every_room_has_its_table_on_the_page():
    assert re.findall(r"\{defectlab-interfaces\} (\w+)", PAGE.read_text(encoding="utf-8")) == list(interfaces.ROOMS)


@pytest.mark.parametrize("room", interfaces.ROOMS)
def test_every_public_name_says_in_one_sentence_what_it_is(room):
    frame = interfaces.interfaces_table(room).frame
    assert len(frame) >= 5 and not frame.duplicated(["name", "import from"]).any()
    assert all(10 < len(text) < 200 and "\n" not in text for text in frame["what it is"])


def test_a_call_shows_names_and_short_defaults_and_stops_after_six_arguments():
    def paint(image, *, mask=None, law=(1,), strength=0.5, a=1, b=2, c=3, **more):
        """Paints. Slowly."""

    assert interfaces.call("paint", paint) == "paint(image, mask=None, law=…, strength=0.5, a=1, b=2, …)"
    assert interfaces.first_sentence(paint) == "Paints"


def test_a_name_without_a_docstring_and_an_unknown_room_are_errors():
    with pytest.raises(ValueError, match="'<lambda>' has no docstring"):
        interfaces.first_sentence(lambda: 0)
    with pytest.raises(ValueError, match="no room 'dta'; there are: data, synthesis"):
        interfaces.interfaces_table("dta")
