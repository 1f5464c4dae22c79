"""Signing in from a real notebook, in a real browser, at a real identity provider."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.notebooks.conftest import Policy
from tests.support.identity import IdentityProvider
from tests.support.notebooks import Desk

BUTTON = "LoginButton(toolkit, 'me')"
REMOTE = "import os\nos.environ['SSH_CONNECTION'] = 'somewhere else'"


@pytest.mark.parametrize("front_end", ["lab", "notebook", "voila"])
def test_a_click_a_login_in_the_new_tab_and_the_view_says_signed_in(
    front_end: str, desk: Desk, policy: Policy, identity: IdentityProvider
) -> None:
    """The browser blocks popups, and nothing is opened but by a person's click on a link."""
    view = desk.open(front_end, policy.setup + BUTTON)
    assert view.page.evaluate("window.popupsAreBlocked")
    view.says("signed out")
    view.button("Sign in to Acme").click()
    view.says("waiting")
    expect(view.button("Cancel")).to_be_visible()
    expect(view.box()).to_be_visible()
    expect(view.box()).to_have_attribute("type", "password")
    link = view.link()
    assert link.get_attribute("target") == "_blank"
    assert link.get_attribute("rel") == "noopener noreferrer"
    tab = view.follow()
    assert tab.evaluate("window.opener") is None
    view.allow(tab)
    view.says("Signed in to Acme as")
    expect(view.link()).to_have_count(0)
    expect(view.box()).to_be_hidden()
    assert identity.granted("authorization_code") == 1


@pytest.mark.parametrize("front_end", ["lab", "notebook"])
def test_one_can_sign_in_while_a_cell_is_busy(front_end: str, desk: Desk, policy: Policy, tmp_path: Path) -> None:
    flag = tmp_path / "done"
    busy = f"import time, pathlib\nprint('busy')\nwhile not pathlib.Path({str(flag)!r}).exists(): time.sleep(0.02)"
    view = desk.open(front_end, policy.setup + BUTTON, busy, "print('free again')", settled=False)
    view.prints("busy")
    view.button("Sign in to Acme").click()
    view.allow(view.follow())
    view.says("Signed in to Acme as")
    expect(view.page.get_by_text("free again", exact=True)).to_have_count(0)
    flag.touch()
    view.prints("free again")


def test_a_callback_that_cannot_arrive_is_pasted_and_a_wrong_paste_is_explained(
    desk: Desk, policy: Policy, identity: IdentityProvider
) -> None:
    view = desk.open("lab", policy.setup + BUTTON, reaches_only=identity.issuer)
    view.button("Sign in to Acme").click()
    address = view.lost_callback()

    view.button("Continue").click()
    view.says("Nothing was pasted")
    view.box().fill("http://127.0.0.1/callback?code=guess&state=guess")
    view.box().press("Enter")
    view.says("The login waits on")
    expect(view.box()).to_have_value("")
    view.button("Continue").click()
    view.says("Nothing was pasted")
    view.box().fill("http://127.0.0.1/callback?code=guess&state=guess")
    view.button("Continue").click()
    view.says("The login waits on")
    expect(view.box()).to_have_value("")
    expect(view.page.get_by_text("Nothing was pasted")).to_have_count(0)
    assert identity.asked("authorization_code") == 0

    view.box().fill(address)
    view.button("Continue").click()
    view.says("Signed in to Acme as")
    expect(view.button("Sign in again to Acme")).to_be_focused()
    expect(view.box()).to_be_hidden()
    expect(view.box()).to_have_value("")


def test_a_remote_kernel_offers_a_code_in_large_selectable_text(desk: Desk, policy: Policy) -> None:
    view = desk.open("lab", REMOTE, policy.setup + BUTTON)
    view.button("Sign in to Acme").click()
    code = view.page.locator(".cbauth-view code")
    code.wait_for()
    shown = code.inner_text()
    assert code.evaluate("it => getComputedStyle(it).userSelect") == "all"
    assert code.evaluate("it => parseFloat(getComputedStyle(it).fontSize)") >= 24
    expect(view.box()).to_be_hidden()

    tab = view.follow()
    expect(tab.locator("#code")).to_have_text(shown)
    tab.locator("#continue").click()
    view.allow(tab)
    view.says("Signed in to Acme as")
    expect(code).to_have_count(0)


def test_cancelling_takes_the_link_away_and_one_can_begin_again(desk: Desk, policy: Policy) -> None:
    view = desk.open("lab", policy.setup + BUTTON)
    view.button("Sign in to Acme").click()
    view.link().wait_for()
    view.button("Cancel").click()
    view.says("cancelled")
    expect(view.link()).to_have_count(0)
    expect(view.button("Sign in to Acme")).to_be_focused()
    view.button("Sign in to Acme").click()
    view.link().wait_for()


def test_a_login_that_is_denied_says_why_and_what_next(desk: Desk, policy: Policy) -> None:
    view = desk.open("lab", policy.setup + BUTTON)
    view.button("Sign in to Acme").click()
    tab = view.follow()
    tab.locator("#deny").click()
    view.says("failed")
    view.says("The person said no (access_denied). Sign in again to try once more.")


def test_a_login_that_nobody_finishes_times_out(desk: Desk, policy: Policy) -> None:
    """Nobody has come back from the link."""
    impatient = policy.setup.replace("yaml')", "yaml', oauth=cbauth.OAuthManager(login_timeout=3))")
    view = desk.open("lab", impatient + BUTTON)
    view.button("Sign in to Acme").click()
    view.says("timed out")
    view.says("nobody has finished the login in time")
    expect(view.link()).to_have_count(0)
    expect(view.box()).to_be_hidden()
    expect(view.button("Sign in to Acme")).to_be_visible()


def test_a_code_that_nobody_types_times_out(desk: Desk, policy: Policy, identity: IdentityProvider) -> None:
    """Told by the provider: the code that it gave is too old."""
    view = desk.open("lab", REMOTE, policy.setup + BUTTON)
    view.button("Sign in to Acme").click()
    view.page.locator(".cbauth-view code").wait_for()
    identity.expire(identity.secrets()["device_code"][-1])
    view.says("timed out")
    expect(view.link()).to_have_count(0)


def test_a_page_that_is_loaded_again_goes_on_with_the_login(desk: Desk, policy: Policy) -> None:
    view = desk.open("lab", policy.setup + BUTTON)
    view.button("Sign in to Acme").click()
    view.link().wait_for()
    view.save()
    view.load()
    view.allow(view.follow())
    view.says("Signed in to Acme as")


def test_after_a_restart_of_the_kernel_the_cell_works_again(desk: Desk, policy: Policy) -> None:
    view = desk.open("lab", policy.setup + BUTTON)
    view.button("Sign in to Acme").click()
    view.link().wait_for()
    view.restart()
    view.run(0)
    view.says("signed out")
    view.button("Sign in to Acme").click()
    view.allow(view.follow())
    view.says("Signed in to Acme as")


COUNT = """\
import gc, threading, time
from ipywidgets.widgets.widget import _instances

def ours():
    gc.collect()
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("cbauth"))

for _ in range(200):  # what was let go of ends in a moment
    if len(ours()) == 5: break
    time.sleep(0.02)
print("widgets", len(_instances), "threads", ours())
"""


def test_a_cell_that_is_run_six_times_leaves_nothing_behind(desk: Desk, policy: Policy) -> None:
    """With a login on its way each time, which ends with its view."""
    cell = policy.setup + "StatusView(toolkit)", "LoginPanel(toolkit)", BUTTON
    view = desk.open("lab", *cell, COUNT)
    output = view.page.locator(".jp-CodeCell").nth(3).locator(".jp-OutputArea-output")
    view.prints("widgets")
    first = output.inner_text()
    for _ in range(5):
        view.page.locator(".jp-CodeCell").nth(2).get_by_role("button", name="Sign in to Acme").click()
        view.link().first.wait_for()
        for number in range(3):
            view.run(number)
    view.run(3)
    assert output.inner_text() == first
    expect(view.link()).to_have_count(0)
    assert first.count("cbauth LoginButton") == first.count("cbauth LoginPanel") == 1
