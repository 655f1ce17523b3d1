"""The generated appendices: every parameter, every data set, every executed notebook."""

import re
from pathlib import Path

import nbformat
import pytest
import yaml

import defectlab
from defectlab.book import appendices, toc_entries
from defectlab.data.entries import ENTRIES
from defectlab.parameter_cells import check_parameters_cell, notebook_parameters_cell
from defectlab.params import schema_fields
from defectlab.report.provenance_strip import Provenance

ROOT = Path(defectlab.__file__).resolve().parent.parent
ENTRIES_OF_THE_BOOK = list(toc_entries(yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())))
NOTEBOOKS = [Path(entry).name for entry in ENTRIES_OF_THE_BOOK if entry.startswith("notebooks/")]


def page(name):
    return (ROOT / "book" / f"{name}.md").read_text(encoding="utf-8")


def test_every_notebook_of_the_book_has_its_parameters_on_the_page_in_the_order_of_the_book():
    assert list(appendices.SCHEMAS) == NOTEBOOKS
    assert re.findall(r"\{defectlab-parameters\} (\w+)", page("parameters")) == NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_the_table_of_a_notebook_has_a_line_for_each_parameter_of_its_cell(notebook):
    schema = appendices.schema(notebook)
    assert not check_parameters_cell(schema, notebook_parameters_cell(ROOT / "notebooks" / f"{notebook}.ipynb"))
    frame = appendices.parameter_table(notebook).frame
    assert list(frame["name"]) == [f"`{item.name}`" for item in schema_fields(schema)]
    assert {"type", "default", "smoke", "laptop", "paper", "unit", "meaning"} <= set(frame.columns)
    assert not (frame == "").any(axis=None)


def test_an_unknown_notebook_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="no notebook 'diagg'; there are: surfaces, measuring"):
        appendices.parameter_table("diagg")


def test_every_data_set_of_the_registry_has_a_datasheet_on_the_page():
    shown = re.findall(r"\{defectlab-datasheet\} (\w+)", page("datasheets"))
    assert sorted(shown) == sorted(ENTRIES)
    for name in shown:
        table = appendices.datasheet_table(name)
        answers = dict(table.frame.itertuples(index=False))
        assert answers["Licence"] and any("ommercial" in question for question in answers)


def test_the_execution_table_says_of_each_notebook_what_ran_it(tmp_path):
    strip = Provenance("laptop", "surfaces", [0], "cpu (2 cores & 4 GiB)", 90.0, "abc123", "papermill x")
    output = nbformat.v4.new_output("display_data", {"text/html": strip._repr_html_()})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("end()", outputs=[output])])
    notebook.metadata["papermill"] = {"duration": 90.0, "parameters": {"profile": "laptop"}}
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / "leaks.ipynb")
    lines = appendices.execution_table(tmp_path).frame.set_index("notebook")
    assert list(lines.loc["`leaks`"]) == ["laptop", "1.5", "cpu (2 cores & 4 GiB)", "abc123"]
    assert list(lines.loc["`diag`"]) == ["–"] * 4
    assert list(lines.index) == [f"`{name}`" for name in NOTEBOOKS]


def test_the_package_table_names_versions_and_missing_packages():
    frame = appendices.package_table(("numpy", "no-such-package")).frame
    assert re.match(r"\d+\.\d+", frame["version"][0])
    assert frame["version"][1] == "not installed"


def test_the_glossary_has_at_least_forty_terms_in_the_order_of_the_alphabet():
    block = page("glossary").split("```{glossary}\n")[1].split("\n```")[0]
    terms = [line for line in block.splitlines() if line and not line.startswith(" ")]
    assert len(set(terms)) == len(terms) >= 40
    assert terms == sorted(terms, key=str.casefold)


@pytest.mark.parametrize(
    "name", ["parameters", "execution", "datasheets", "glossary", "troubleshooting", "negative-results"]
)
def test_an_appendix_stands_in_the_table_of_contents(name):
    assert f"book/{name}" in ENTRIES_OF_THE_BOOK


def test_every_negative_result_says_what_would_change_our_mind():
    sections = re.split(r"^## ", page("negative-results"), flags=re.M)[1:]
    found = [section for section in sections if not section.startswith("What is not")]
    assert len(found) >= 5
    for section in found:
        assert "**Expected.**" in section and "**Found.**" in section and "**What would change our mind.**" in section
