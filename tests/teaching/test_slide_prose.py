"""What a slide says of the book's Markdown: formulas in one form, code included, the first sentences."""

import pytest

from defectlab.teaching.listings import labelled
from defectlab.teaching.plain import References
from defectlab.teaching.slides.prose import goals, renderer, said_first, sentences, spoken

BOX = """# Title

```{admonition} You will, you need, it takes
:class: tip
**You will** count; and
derive.

**You need** a pencil.

**Time and hardware** an hour.
```

More.
"""


def test_formulas_of_directives_and_of_dollars_come_in_one_form():
    directive = "```{math}\n:label: eq-a\nx = 1\n```"
    assert labelled(directive) == "$$\nx = 1\n$$ (eq-a)"
    assert labelled("```{math}\nx = 1\n```") == "$$\nx = 1\n$$"
    assert labelled("$$x$$ (eq-b)") == "$$x$$ (eq-b)"


def test_the_box_of_goals_is_read_and_taken_out():
    assert goals(BOX) == {"You will": "count; and derive.", "You need": "a pencil.", "Time and hardware": "an hour."}
    assert goals("# No box") == {}


def test_solutions_generated_tables_and_the_box_do_not_reach_a_slide(tmp_path):
    solution = "```{solution-start} ex\n```\nsecret\n```{solution-end}\n```"
    text = f"{BOX}\n```{{defectlab-table}} claims diag\n```\n\n{solution}\n\nEnd."
    assert spoken(text, References(), tmp_path) == "# Title\n\nMore.\n\nEnd."


def test_included_code_is_that_of_the_checkout(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "m.py").write_text(
        'A = 1\n\n\nclass C:\n    @property\n    def f(self):\n        return "g"\n'
    )
    included = "```{literalinclude} ../package/m.py\n:language: python\n:pyobject: C.f\n:lineno-match:\n```"
    said = spoken(included, References(), tmp_path)
    assert said == '`package/m.py`, line 5:\n\n```python\n@property\ndef f(self):\n    return "g"\n```'
    lines = '```{literalinclude} ../package/m.py\n:start-at: "return \\"g\\""\n:end-at: g\n```'
    assert '```python\nreturn "g"\n```' in spoken(lines, References(), tmp_path)
    with pytest.raises(ValueError, match="no line with 'nowhere'"):
        spoken("```{literalinclude} ../package/m.py\n:start-at: nowhere\n```", References(), tmp_path)


def test_sentences_end_outside_of_mathematics_code_and_short_words():
    assert sentences("By Eq. 3 it is. Let $a. B$ hold. `x. Y` stays.") == [
        "By Eq. 3 it is.",
        "Let $a. B$ hold.",
        "`x. Y` stays.",
    ]


def test_a_long_paragraph_is_shown_by_its_first_sentences_and_where_it_leads():
    first, second, third = "One is " + "a" * 100 + ".", "Two is " + "b" * 200 + ".", "So we get"
    assert said_first(f"{first} {second}") == first
    assert said_first(f"{first} {second} {third}") == f"{first} {third}"
    assert said_first(f"{first} Short.") == f"{first} Short."
    assert said_first(f"**Head.** {first} {second}") == f"**Head.** {first}"


def test_mathematics_waits_for_its_setter_and_is_escaped():
    assert r"\(a &lt; b\)" in renderer().render("When $a < b$ holds.")
    assert r"\[x = 1\]" in renderer().render("$$\nx = 1\n$$")
