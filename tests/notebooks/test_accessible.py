"""The views for everybody: judged by axe, by the keyboard, in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.notebooks.conftest import Policy
from tests.support import notebooks
from tests.support.identity import IdentityProvider
from tests.support.notebooks import Desk, View

AXE = Path(notebooks.__file__).with_name("node_modules") / "axe-core/axe.min.js"
LEAST = 4.5

FAILING = """\
for _ in range(2):
    for attempt in toolkit.attempts("m"):
        with attempt as lease:
            lease.token
            if lease.profile_id == "fast":
                raise ConnectionRefusedError("nobody listens")
toolkit.profiles.mark_failed("spare", "slow down, please", kind="rate_limit", retry_after=300)
"""
CELLS = (
    "LoginButton(toolkit, 'me')",
    "LoginPanel(toolkit)",
    "StatusView(toolkit)",
    FAILING + "toolkit",
    "toolkit.status()",
    "toolkit.explain('m')",
)
GLYPHS = """() => {
    const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const light = colour => {
        paint.fillStyle = colour;
        paint.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map(
            value => value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = element => {
        for (let each = element; each; each = each.parentElement) {
            const colour = getComputedStyle(each).backgroundColor;
            if (!/, 0\\)$|transparent/.test(colour)) return colour;
        }
    };
    return [...document.querySelectorAll('.jp-OutputArea-output span[aria-hidden=true]')].map(glyph => {
        const two = [light(getComputedStyle(glyph).color), light(ground(glyph))].sort((a, b) => b - a);
        return (two[0] + 0.05) / (two[1] + 0.05);
    });
}"""
"""The contrast of the shapes, by the formula of WCAG 2.2: axe does not judge them, for they are no letters."""


def judged(view: View, within: str) -> dict[str, Any]:
    """What axe says of all that ``within`` selects."""
    assert AXE.exists(), "axe-core is not installed: `make tools` does it"
    view.page.add_script_tag(path=AXE)
    # all of JupyterLab is positioned, so its body has no height, and axe takes whatever is in it for hidden
    view.page.add_style_tag(content="body { height: 100vh }")
    found: dict[str, Any] = view.page.evaluate(
        "within => axe.run({include: [[within]]}, {resultTypes: ['violations', 'incomplete', 'passes']})", within
    )
    return found


def contrasts(found: dict[str, Any]) -> list[float]:
    """The contrast of each piece of text."""
    return [
        check["data"]["contrastRatio"]
        for outcome in ("passes", "violations")
        for rule in found[outcome]
        if rule["id"] == "color-contrast"
        for node in rule["nodes"]
        for check in node["any"]
        if check["data"] and check["data"].get("contrastRatio")
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("code", [False, True], ids=["link", "code"])
def test_axe_finds_nothing_and_all_text_stands_out(dark: bool, code: bool, desk: Desk, policy: Policy) -> None:
    remote = "import os\nos.environ['SSH_CONNECTION'] = 'x'" if code else ""
    policy.edit("  fast: {", "  you: {provider: acme, oauth: {account: you}, models: [other]}\n  fast: {")
    view = desk.open("lab", remote, policy.setup, *CELLS, dark=dark, height=2400)
    view.says("rate_limit: slow down")
    view.page.locator(".jp-CodeCell").nth(2).get_by_role("button", name="Sign in to Acme").click()
    view.link().wait_for()
    view.says("A login is on its way")  # in the panel
    view.button("Sign in to Acme (you)").click()
    expect(view.link()).to_have_count(2)
    if not code:
        view.button("Continue (you)").click()
        view.says("Nothing was pasted")
    view.page.locator(".jp-RenderedHTMLCommon table").first.wait_for()
    for within in (".cbauth-view", ".jp-OutputArea-output:has(table)"):
        found = judged(view, within)
        assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
        ratios = contrasts(found)
        assert len(ratios) > 20
        assert min(ratios) >= LEAST
    shapes = view.page.evaluate(GLYPHS)
    assert len(shapes) > 10
    assert min(shapes) >= LEAST


def test_the_views_bring_names_headings_and_one_place_that_is_read_out(desk: Desk, policy: Policy) -> None:
    view = desk.open("lab", policy.setup, *CELLS)
    view.says("rate_limit: slow down")
    for number, kind in ((1, "LoginButton"), (2, "LoginPanel"), (3, "StatusView")):
        shown = view.page.locator(".jp-CodeCell").nth(number).locator(".cbauth-view")
        assert shown.locator("[role=status]").count() == 1, kind
        assert shown.locator("script, link[href], img, iframe").count() == 0, kind
    table = view.page.locator(".cbauth-view table")
    assert table.locator("caption").count() == 1
    assert table.locator("th:not([scope])").count() == 0
    picture = view.page.get_by_role("img", name="Recent calls by profile")
    expect(picture.locator("desc")).to_contain_text("fast has an open circuit. spare is cooling down.")


def test_the_keyboard_alone_completes_a_login(desk: Desk, policy: Policy, identity: IdentityProvider) -> None:
    view = desk.open("voila", policy.setup + "LoginButton(toolkit, 'me')")
    view.says("signed out")
    keyboard = view.page.keyboard
    view.button("Sign in to Acme").wait_for()

    def tab_to(name: str) -> None:
        for _ in range(10):
            keyboard.press("Tab")
            if name in view.page.evaluate("() => document.activeElement.closest('a, button')?.innerText ?? ''"):
                return
        raise AssertionError(f"{name} cannot be reached")

    def focused() -> str:
        return str(view.page.evaluate("() => document.activeElement.innerText || document.activeElement.type"))

    def tab() -> str:
        keyboard.press("Tab")
        return focused()

    tab_to("Sign in to Acme")
    keyboard.press("Enter")
    view.link().wait_for()
    assert focused() == "Signing in to Acme…"
    assert [tab() for _ in range(4)] == ["Open Acme and sign in ↗", "password", "Continue", "Cancel"]
    keyboard.press("Enter")
    view.says("cancelled")
    view.page.wait_for_function("() => document.activeElement.innerText === 'Sign in to Acme'")
    keyboard.press("Enter")
    view.link().wait_for()
    assert tab() == "Open Acme and sign in ↗"
    with view.context.expect_page() as opened:
        keyboard.press("Enter")
    other = opened.value
    other.locator("#account:focus").wait_for()
    other.keyboard.press("Enter")
    view.says("Signed in to Acme as")
    assert identity.granted("authorization_code") == 1


def test_the_focus_and_what_was_typed_survive_updates(desk: Desk, policy: Policy, tmp_path: Path) -> None:
    """Half an address stands in the box while the view beside it and the login itself are painted anew."""
    flag = tmp_path / "flag"
    calls = (
        "import pathlib, threading, time\ndef call():\n"
        f"    while not pathlib.Path({str(flag)!r}).exists(): time.sleep(0.02)\n"
        "    for _ in range(2): toolkit.models.record_failure('fast')\n"
        "    panel.sign_in('me')\n"
        "threading.Thread(target=call, daemon=True).start()"
    )
    view = desk.open("lab", policy.setup + "panel = LoginPanel(toolkit)\npanel", "StatusView(toolkit)", calls)
    view.button("Sign in to Acme (me)").click()
    expect(view.box()).to_be_visible()  # what is hidden takes no focus
    view.box().press_sequentially("http://127.0.0.1/half")
    flag.touch()
    view.says("circuit open")
    policy.edit("priority: 10", "priority: -10")
    view.page.locator(".cbauth-view th[scope=row]").nth(2).get_by_text("fast").wait_for()
    expect(view.box()).to_be_focused()
    expect(view.box()).to_have_value("http://127.0.0.1/half")
