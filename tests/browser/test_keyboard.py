"""Each page can be used without a mouse."""

import pytest

CONTROLS = "a[href], button, summary, input:not([type=hidden]), select, textarea, [tabindex]"
# Notes each element that gets the focus: where it is, and whether it shows.
WATCH = """controls => {
    window.focused = [];
    document.addEventListener("focusin", event => {
        event.target.reached = true;
        // A button without a box of its own shows the ring around its sign.
        const parts = [event.target, ...event.target.children];
        window.focused.push({
            element: event.target.outerHTML.slice(0, 160), ring: parts.some(ringed), inside: parts.some(inside),
        });
    });
    const ringed = part => {
        const style = getComputedStyle(part);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    };
    const inside = part => {
        const box = part.getBoundingClientRect();
        return box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight
            && box.right > 0 && box.left < innerWidth;
    };
    const usable = control => control.checkVisibility({visibilityProperty: true, opacityProperty: true})
        && !control.disabled && control.tabIndex >= 0;
    window.usable = [...document.querySelectorAll(controls)].filter(usable);
    return window.usable.length;
}"""
MISSED = "() => window.usable.filter(control => !control.reached).map(control => control.outerHTML.slice(0, 160))"
FOCUSED = "() => document.activeElement.outerHTML.slice(0, 200)"


def test_the_first_stop_is_a_visible_link_that_skips_to_the_text(fresh):
    fresh.page.keyboard.press("Tab")
    link = fresh.page.locator(":focus")
    assert link.inner_text().strip() == "Skip to main content"
    box = link.bounding_box()
    assert box["y"] >= 0 and box["height"] > 10
    fresh.page.keyboard.press("Enter")
    fresh.page.keyboard.press("Tab")
    assert fresh.page.evaluate("() => Boolean(document.activeElement.closest('main'))"), fresh.page.evaluate(FOCUSED)


def test_tab_reaches_every_control_and_the_focus_shows(fresh):
    for _ in range(2 * fresh.page.evaluate(WATCH, CONTROLS) + 5):  # what scrolls is a stop, too
        fresh.page.keyboard.press("Tab")
        if not fresh.page.evaluate(MISSED):
            break
    assert fresh.page.evaluate(MISSED) == []
    focused = fresh.page.evaluate("() => window.focused")
    assert [stop["element"] for stop in focused if not stop["ring"]] == [], "focus without a ring"
    assert [stop["element"] for stop in focused if not stop["inside"]] == [], "focus outside the window"


def test_every_menu_opens_and_closes_by_keyboard(fresh):
    for menu in fresh.page.locator("[data-bs-toggle=dropdown]:visible").all():
        menu.focus()
        fresh.page.keyboard.press("Enter")
        items = menu.locator("xpath=..").locator(".dropdown-menu a, .dropdown-menu button")
        assert items.count() and items.first.is_visible(), fresh.page.evaluate(FOCUSED)
        fresh.page.keyboard.press("ArrowDown")
        assert fresh.page.evaluate("() => Boolean(document.activeElement.closest('.dropdown-menu'))")
        fresh.page.keyboard.press("Escape")
        assert not items.first.is_visible()


@pytest.mark.parametrize("side", ["primary", "secondary"])
def test_contents_of_a_telephone_open_and_close_by_keyboard(fresh_phone, side):
    page = fresh_phone.page
    button = page.locator(f"button.{side}-toggle:visible, .{side}-toggle button:visible")
    if side == "secondary" and button.count() == 0:
        assert page.locator(".bd-sidebar-secondary nav a").count() == 0, "contents of the page without a button"
        return
    button.first.focus()
    page.keyboard.press("Enter")
    links = page.locator("dialog[open] a:visible")
    links.first.wait_for()
    assert page.evaluate("() => Boolean(document.activeElement.closest('dialog'))"), page.evaluate(FOCUSED)
    page.keyboard.press("Escape")
    links.first.wait_for(state="hidden")
