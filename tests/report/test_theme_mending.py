"""What is mended of the theme while pages are written."""

import pytest
from bs4 import BeautifulSoup
from sphinx.builders.html._assets import _JavaScript

from defectlab.report.theme_mending import is_thebe, mend, with_allowed_roles, with_named_folds, with_whole_values

SIDEBAR = """<ul><li><a href="x.html">Describe a defect</a><details><summary><span></span></summary>
<ul><li><a href="y.html">Notebook</a></li></ul></details></li></ul>"""


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (_JavaScript("", body='const THEBE_JS_URL = "https://a.host/thebe.js"'), True),
        (_JavaScript("_static/sphinx-thebe.js"), True),
        (_JavaScript("_static/defectlab.js"), False),
        ("_static/doctools.js", False),
    ],
)
def test_scripts_of_thebe_are_known_by_name_or_by_content(script, expected):
    assert is_thebe(script) is expected


def test_an_entry_of_a_bibliography_is_an_item_of_its_list():
    html = '<div role="list"><div role="doc-biblioentry"><a role="doc-backlink" href="#id1">1</a></div></div>'
    assert with_allowed_roles(html) == '<div role="list"><div role="listitem"><a href="#id1">1</a></div></div>'


def test_a_mean_and_its_spread_stay_together_in_a_cell_but_not_in_a_sentence_or_an_alternative_text():
    assert with_whole_values("<td>0.83 ± 0.01</td>") == "<td>0.83\u00a0±\u00a00.01</td>"
    for html in ("<p>It was 0.83 ± 0.01.</p>", '<img alt="0.83 ± 0.01">'):
        assert with_whole_values(html) == html


def test_a_fold_of_the_sidebar_is_named_after_its_chapter():
    contents = with_named_folds(lambda kind: BeautifulSoup(SIDEBAR, "html.parser"))(kind="sidebar")
    assert contents.find("summary")["aria-label"] == "Sections of Describe a defect"


def test_a_sidebar_without_entries_stays_as_it_is():
    assert with_named_folds(lambda: "")() == ""


def test_a_generated_page_has_neither_body_nor_contents_and_gets_a_colour_mode():
    context = {"script_files": ["_static/sphinx-thebe.js", "_static/doctools.js"]}
    mend(None, "search", "search.html", context, None)
    assert context == {"default_mode": "auto", "script_files": ["_static/doctools.js"]}
