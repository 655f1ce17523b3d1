"""axe-core, the accessibility checker, on each page in three looks."""

import pytest
from axe_playwright_python.sync_playwright import Axe

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


def faults(opened):
    """What axe finds: rule, impact, and where."""
    # Without preload: it asks for every style sheet once more, which from disk is an error of the console.
    options = {"runOnly": LEVELS, "resultTypes": ["violations"], "preload": False}
    found = Axe().run(opened.page, options=options).response["violations"]
    return [
        f"{fault['id']} ({fault['impact']}) {' '.join(map(str, node['target']))}: {node['html'][:160]} "
        f"{'; '.join(check['message'] for check in node['any'])}"
        for fault in found
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_axe_finds_nothing(look, name, request):
    assert faults(request.getfixturevalue(look)) == []
