"""The views where there is little room: a phone, a side panel, a page that is zoomed in."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.notebooks.conftest import Policy
from tests.support.notebooks import Desk

LONG = "m" + "e" * 63

BEYOND = """it => {
    const end = it.getBoundingClientRect().right;
    return [...it.querySelectorAll('*')].filter(each => each.getBoundingClientRect().right > end).length;
}"""
"""How much of it reaches beyond the view."""


def edges(part: Locator) -> tuple[float, float]:
    """Where something begins and ends, from left to right."""
    box = part.bounding_box()
    assert box is not None
    return box["x"], box["x"] + box["width"]


@pytest.mark.parametrize(
    ("front_end", "cell"), [("voila", "LoginButton(toolkit, 'me')"), ("notebook", "LoginPanel(toolkit)")]
)
def test_at_320_pixels_all_of_it_is_within_sight(front_end: str, cell: str, desk: Desk, policy: Policy) -> None:
    policy.edit("  me: {", f"  {LONG}: {{")
    view = desk.open(front_end, policy.setup + cell.replace("'me'", repr(LONG)), width=320)
    view.page.get_by_role("button", name="Sign in to Acme").click()
    view.link().wait_for()
    shown = view.page.locator(".cbauth-view")
    left, right = edges(shown)
    assert right <= 320
    parts = [
        view.box(),
        view.link(),
        shown.get_by_text("Paste its address"),
        shown.get_by_text(LONG, exact=True),
        view.page.get_by_role("button", name="Continue"),
        view.page.get_by_role("button", name="Cancel"),
        view.page.get_by_role("button", name="Signing in to Acme"),
    ]
    for part in parts:
        begins, ends = edges(part)
        assert left <= begins < ends <= right, part
    begins, ends = edges(view.box())
    assert ends - begins >= 150
    assert shown.evaluate(BEYOND) == 0
    assert shown.evaluate("it => it.scrollWidth <= it.clientWidth")
