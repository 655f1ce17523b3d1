"""What plain Jupyter gets to see of the book's Markdown."""

from pathlib import Path

import pytest

import defectlab
from defectlab.teaching.plain import LABELLED, References, cited, number, plain, works

KNOWN = References(
    {"eq-a": 3},
    {"fig-b": 2},
    {"perlin2002improving": ("Perlin 2002", "Perlin (2002). *Improving Noise.*")},
    {"leaks.ipynb": "leaks.ipynb", "why.md": "why.ipynb"},
    {"ex-a": "Why?"},
)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("By {eq}`eq-a` and {numref}`fig-b`.", "By Eq. (3) and Figure 2."),
        ("See {ref}`ex-a` and {ref}`ex-b`.", "See the exercise *Why?* and the exercise."),
        ("See {ref}`the rules <claims-rules>`.", "See the rules."),
        ("$$\nx = 1\n$$ (eq-a)", "$$\nx = 1\n\\tag{3} $$"),
        ("Noise {cite}`pe-perlin2002improving`.", "Noise (Perlin 2002)."),
        ("See [leaks](leaks.ipynb) and [DIAG](../book/diag.md).", "See [leaks](leaks.ipynb) and DIAG."),
        ("See [leaks](../notebooks/leaks.ipynb), [why](why.md#a).", "See [leaks](leaks.ipynb), [why](why.ipynb)."),
        ("```python\ntable[0](row)\n```", "```python\ntable[0](row)\n```"),
        ("```{exercise-start} Why?\n:label: ex-a\n```\n*Easy.*\n```{exercise-end}\n```", "### Exercise: Why?\n*Easy.*"),
        ("```{note}\nMind this.\n```", "> **Note**\n>\n> Mind this."),
        ("```{admonition} Case: a slip\n:class: note\nOne.\n\nTwo.\n```", "> **Case: a slip**\n>\n> One.\n>\n> Two."),
        ("```{prf:algorithm} An audit\n:label: a\n:nonumber:\n\n1. Ask.\n```", "**An audit**\n\n1. Ask."),
        (
            "## References\n\n```{bibliography}\n:filter: x\n:keyprefix: pe-\n```",
            "## References\n\n- Perlin (2002). *Improving Noise.*",
        ),
        ("```python\nprint(1)\n```", "```python\nprint(1)\n```"),
    ],
)
def test_directives_roles_and_labels_are_written_out(written, shown):
    assert plain(written, KNOWN) == shown


def test_a_list_table_becomes_a_table_of_plain_markdown():
    source = """```{list-table} Ways and needs
:header-rows: 1
:class: any

* - Way
  - What it
    needs
* - Collect [on data](surfaces.md)
  - time | luck
```"""
    lines = plain(source, References()).splitlines()
    assert lines[0] == "*Ways and needs*"
    assert lines[2:] == ["| Way | What it needs |", "| --- | --- |", r"| Collect on data | time \| luck |"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{eq}`eq-z`", "no equation 'eq-z'"),
        ("{numref}`fig-z`", "no figure 'fig-z'"),
        ("{cite}`pe-nobody`", "no work 'nobody'"),
        ("```{mermaid}\na\n```", "no plain form of the directive 'mermaid'"),
    ],
)
def test_what_nobody_could_read_is_an_error(written, said):
    with pytest.raises(ValueError, match=said):
        plain(written, KNOWN)


def test_labels_are_numbered_in_order_and_works_are_found_without_prefix():
    assert number(LABELLED, ["$$a$$ (eq-b)", "$$c$$ (eq-a) $$d$$ (eq-b)"]) == {"eq-b": 1, "eq-a": 2}
    assert cited(["{cite}`me-x` {cite}`me-y, me-x`"]) == ["x", "y"]


def test_the_bibliography_has_names_years_and_titles():
    known = works(Path(defectlab.__file__).parents[1] / "book" / "references.bib")
    assert known["perlin2002improving"] == ("Perlin 2002", "Perlin (2002). *Improving Noise.*")
    assert known["davis2006relationship"][0] == "Davis and Goadrich 2006"
    assert known["ho2020ddpm"][0].startswith("Ho et al. 2020")
    assert not any(mark in text for both in known.values() for text in both for mark in "{}\\")
