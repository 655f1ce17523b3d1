"""The rules of the verdicts stand once in the book, and every table with verdicts says where."""

from pathlib import Path

import pandas as pd

import defectlab
from defectlab.report.cells import notes
from defectlab.report.directives import TABLES, markdown
from defectlab.report.rules import LABEL, RULES_NOTE, linked, rules
from defectlab.report.stored.judged_tables import TITLES
from defectlab.report.tables import ReportTable
from defectlab.report.verdict import CELL_RULE, EXCLUDED_RULE, ORDERING_RULE

BOOK = Path(defectlab.__file__).resolve().parent.parent / "book"
JUDGED = [
    ("claims", "diag"), ("loss_claims", "ddpm_moco"), ("losses", "ddpm_moco"), ("grid_claims", "in_and_out"),
    ("orderings", "student_teacher"),
]  # fmt: skip


def test_the_rules_stand_in_full_on_one_page():
    pages = {page.name: page.read_text(encoding="utf-8") for page in BOOK.glob("*.md")}
    assert [name for name, text in pages.items() if "{defectlab-rules}" in text] == ["claims.md"]
    assert f"({LABEL})=" in pages["claims.md"]
    assert {ORDERING_RULE, EXCLUDED_RULE, CELL_RULE} < set(rules())


def test_one_rule_gives_the_verdict_of_an_ordering_and_names_no_paper():
    assert sum("An ordering is reproduced when" in rule for rule in rules()) == 1
    assert not any(title in ORDERING_RULE + EXCLUDED_RULE for title in TITLES.values())


def test_tables_with_verdicts_lead_to_the_rules_and_repeat_none():
    for kind, paper in JUDGED:
        text = "\n".join(markdown(TABLES[kind](paper)))
        assert f"{{ref}}`the rules <{LABEL}>`" in text, kind
        assert not any(rule in text for rule in rules()), kind


def test_in_a_notebook_the_page_is_named_in_words(rows):
    assert RULES_NOTE in notes(rows) and linked(RULES_NOTE) != RULES_NOTE
    assert "{ref}" not in str(ReportTable(pd.DataFrame({"a": [1]}), "A table", notes(rows)))


def test_commands_in_notes_are_code_in_notebooks_and_stay_code_in_markdown():
    note = """Made by `defectlab study x -p ablations '["wo_cosine"]'`, commit abc & "others"."""
    table = ReportTable(pd.DataFrame({"a": [1]}), "A table", (note,))
    html = table._repr_html_()
    assert "<code>defectlab study x -p ablations &#x27;[&quot;wo_cosine&quot;]&#x27;</code>, commit abc &amp;" in html
    assert note in "\n".join(markdown(table))


def test_every_table_of_a_stored_study_says_what_made_it():
    for kind, paper in [*JUDGED[1:], ("localisation", "student_teacher"), ("stored_ablation", "student_teacher")]:
        made = [note for note in TABLES[kind](paper).notes if "made by `" in note]
        assert made and all("commit " in note and " minutes" in note for note in made), kind
