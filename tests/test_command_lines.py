"""Lines that a reader copies from a page into a shell."""

import shlex
import subprocess

import pytest

from defectlab.coercion import coerce
from defectlab.command_lines import command_line, readable, spelled
from defectlab.provenance import papermill_command
from defectlab.report.stored import stored_runs
from defectlab.report.stored.grids import stored_grids

OLD = """papermill notebooks/diag.ipynb out.ipynb -p prompts '['"'"'a crack'"'"', '"'"'a dark scratch'"'"']'"""
WORDS = ["plain", "two words", "it's", "cost: $5", "a `b`", 'say "no"', "it's $5", "", '["a", "b"]', "50!"]


def test_a_shell_gives_every_word_back():
    line = command_line(WORDS)
    assert shlex.split(line) == WORDS
    done = subprocess.run(["sh", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == WORDS


def test_lists_are_json_and_need_no_chain_of_quotes():
    line = papermill_command("student_teacher", {"ablations": ["wo_cosine"], "seeds": [0, 1]})
    assert line.endswith("""-p ablations '["wo_cosine"]' -p seeds '[0, 1]'""")
    assert readable(OLD).endswith("""-p prompts '["a crack", "a dark scratch"]'""")
    assert readable(readable(OLD)) == readable(OLD)


@pytest.mark.parametrize("text", ["[not a list", "[true, null]", "{x}", "(a"])
def test_a_text_that_only_begins_like_a_list_stays(text):
    assert shlex.split(readable(command_line(["x", text]))) == ["x", text]


def test_parameters_read_what_a_line_spells():
    assert coerce(spelled(["a crack", "it's"]), list[str]) == ["a crack", "it's"]
    assert coerce(spelled((0, 1)), tuple[int, ...]) == (0, 1)
    assert coerce(spelled({"a": 1}), dict[str, int]) == {"a": 1}


def test_no_stored_command_is_shown_with_a_chain_of_quotes():
    for kept in (*stored_runs(), *stored_grids()):
        shown = kept.provenance.fields()["Again"]
        assert """'"'"'""" not in shown
        assert len(shlex.split(shown)) == len(shlex.split(kept.command))
