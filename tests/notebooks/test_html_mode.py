"""Where there are no widgets: plain HTML that is replaced as things go on."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.notebooks.conftest import Policy
from tests.support.identity import IdentityProvider
from tests.support.notebooks import Desk, strays


def test_a_login_by_html_alone(desk: Desk, policy: Policy, identity: IdentityProvider) -> None:
    view = desk.open(
        "lab",
        policy.setup + "login = LoginButton(toolkit, 'me', ui='html')\nlogin",
        "login.sign_in()",
        "StatusView(toolkit, ui='html')",
    )
    link = view.page.get_by_role("link", name="Open Acme and sign in")
    link.wait_for()
    view.page.get_by_role("cell", name="waiting").wait_for()
    during = view.save()
    with view.context.expect_page() as tab:
        link.click()
    view.allow(tab.value)
    view.page.get_by_role("cell", name="signed in", exact=False).first.wait_for()
    expect(link).to_have_count(0)
    view.page.get_by_text("3 of 3 profiles are ready.").first.wait_for()  # the status view is live as well
    assert strays(during + view.save(), identity.secrets()) == []
    expect(view.page.locator(".jp-OutputArea script")).to_have_count(0)


def test_an_address_is_asked_for_in_a_box_that_no_notebook_keeps(
    desk: Desk, policy: Policy, identity: IdentityProvider
) -> None:
    view = desk.open(
        "lab",
        policy.setup
        + "login = LoginButton(toolkit, 'me', ui='html')\n"
        + "try:\n    login.paste()\nexcept cbauth.ConfigError as error:\n    print(error)\n"
        + "login.sign_in()",
        "import time\nwhile login.state == 'starting': time.sleep(0.02)\nlogin.paste()",
        reaches_only=identity.issuer,
        settled=False,
    )
    view.prints("no login of me waits for an address: begin one with sign_in()")
    link = view.page.get_by_role("link", name="Open Acme and sign in")
    with view.context.expect_event("request", lambda request: "/callback?" in request.url) as lost:
        with view.context.expect_page() as tab:
            link.click()
        view.allow(tab.value)
    box = view.page.locator(".jp-Stdin-input")
    assert box.get_attribute("type") == "password"
    box.fill(lost.value.url)
    box.press("Enter")
    view.page.get_by_role("cell", name="signed in", exact=False).first.wait_for()
    assert strays(view.save(), identity.secrets()) == []


def test_html_follows_calls_and_edits(desk: Desk, policy: Policy, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    calls = (
        "import pathlib, threading, time\ndef call():\n"
        f"    while not pathlib.Path({str(flag)!r}).exists(): time.sleep(0.02)\n"
        "    for _ in range(2): toolkit.models.record_failure('fast')\n"
        "threading.Thread(target=call, daemon=True).start()"
    )
    view = desk.open("notebook", policy.setup + "StatusView(toolkit, ui='html')", calls)
    view.page.get_by_text("2 of 3 profiles are ready.").wait_for()
    flag.touch()
    view.page.get_by_role("cell", name="circuit open").wait_for()
    policy.edit("priority: 10", "priorty: 10")
    view.page.get_by_text("did you mean `priority`?").wait_for()
    # the output stays in the notebook as it is, to be looked at on another day
    times = view.page.locator(".jp-OutputArea-output time").all_inner_texts()
    assert len(times) >= 3
    assert [text for text in times if not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", text)] == []
