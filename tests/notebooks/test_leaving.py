"""Views whose profile leaves the file, whose toolkit is closed, or that are closed themselves."""

from __future__ import annotations

import threading

import pytest

import cbauth
from cbauth.widgets import LoginButton, LoginPanel
from tests.notebooks.conftest import Policy
from tests.support.identity import IdentityProvider
from tests.support.notebooks.person import Person, wait


def buttons(person: Person) -> list[str]:
    """The words on all buttons that are shown."""
    return [each.description for each in person.widgets() if type(each).__name__ == "Button"]


AWAY = [
    ("  me: {", "  you: {", "The profile is not in the file any more."),
    (
        "oauth: {account",
        "api_key: env:KEY, metadata: {account",
        "It does not sign in any more: it has no `oauth:` in the file now.",
    ),
]


@pytest.mark.parametrize(("old", "new", "why"), AWAY, ids=["renamed", "an API key now"])
def test_a_profile_that_leaves_the_file_ends_its_login_and_comes_back(
    old: str, new: str, why: str, button: Person, toolkit: cbauth.Toolkit, policy: Policy
) -> None:
    button.press("Sign in to Acme")
    landing = button.approve()
    policy.edit(old, new)
    toolkit.reload()
    button.says(f"◌ gone · {why} ▲ The login that was on its way was cancelled.")
    assert (button.view.state, buttons(button)) == ("gone", [])
    assert "href" not in button.html()
    assert "run `cbauth login" not in repr(button.view)
    with pytest.raises(cbauth.LoginError):
        toolkit.oauth.handle_callback(landing)
    policy.edit("version: 1", "version: 1")
    toolkit.reload()
    button.says("○ signed out")
    button.press("Sign in to Acme")
    button.sign_in()
    button.says("● signed in")


def test_a_click_before_that_is_noticed_is_no_fault(
    button: Person, toolkit: cbauth.Toolkit, policy: Policy, identity: IdentityProvider
) -> None:
    button.says("signed out")
    control = next(each for each in button.widgets() if getattr(each, "description", "") == "Sign in to Acme")
    policy.edit("  me: {", "  you: {")
    toolkit.reload()
    control.click()
    button.says("◌ gone")
    assert "fault" not in button.text()
    assert identity.exchanges() == []


def test_a_login_that_was_made_is_there_again_when_its_profile_comes_back(
    button: Person, toolkit: cbauth.Toolkit, policy: Policy
) -> None:
    button.press("Sign in to Acme")
    button.sign_in()
    button.says("● signed in")
    policy.edit("  me: {", "  you: {")
    toolkit.reload()
    button.says("◌ gone")
    policy.edit("version: 1", "version: 1")
    toolkit.reload()
    button.says("● signed in")
    assert buttons(button) == ["Sign in again to Acme"]


def test_the_row_of_a_panel_goes_and_its_login_ends_and_is_told_of(
    toolkit: cbauth.Toolkit, policy: Policy, identity: IdentityProvider
) -> None:
    panel = Person(LoginPanel(toolkit), identity.issuer)
    panel.says("○ signed out")
    controls = [each for each in panel.widgets() if type(each).__name__ == "Button"]
    controls[0].click()
    landing = panel.approve()
    policy.edit("  me: {", "  you: {")
    toolkit.reload()
    panel.says("The login of me was cancelled: the file does not have it any more.")
    panel.says("you · ○ signed out")
    assert "me · " not in panel.text()
    assert "href" not in panel.html()
    with pytest.raises(cbauth.LoginError):
        toolkit.oauth.handle_callback(landing)
    controls[0].click()  # by a front-end that has not heard of it yet
    assert "fault" not in panel.text()


def test_a_panel_follows_the_file_by_itself_keeps_its_order_and_forgets_what_is_mended(
    toolkit: cbauth.Toolkit, policy: Policy
) -> None:
    two = policy.text.replace("profiles:\n", "profiles:\n  first: {provider: acme, oauth: {account: x}}\n")
    policy.path.write_text(two, "utf-8")
    toolkit.reload()
    panel = Person(LoginPanel(toolkit))
    panel.press("Sign in to Acme (first)")
    panel.link()
    policy.path.write_text(policy.text, "utf-8")
    panel.says("The login of first was cancelled: the file does not have it any more.")
    policy.path.write_text(two, "utf-8")
    panel.says("first · ○ signed out")
    wait(lambda: "was cancelled" not in panel.text())
    assert panel.text().index("first · ") < panel.text().index("me · ")


def test_a_button_follows_the_file_by_itself(button: Person, policy: Policy) -> None:
    button.says("○ signed out")
    policy.edit("  me: {", "  you: {")
    button.says("◌ gone")


@pytest.mark.parametrize("kind", ["LoginButton", "LoginPanel"])
def test_with_a_closed_toolkit_nothing_begins(kind: str, toolkit: cbauth.Toolkit, identity: IdentityProvider) -> None:
    view = LoginButton(toolkit, "me") if kind == "LoginButton" else LoginPanel(toolkit)
    person = Person(view, identity.issuer)
    person.says("○ signed out")
    control = next(each for each in person.widgets() if type(each).__name__ == "Button")
    control.click()
    person.link()
    assert not toolkit.closed
    toolkit.close()
    assert toolkit.closed
    person.says("◌ closed · The toolkit is closed: load the file again, and make a new view.")
    assert "of 1" not in person.text()
    wait(lambda: f"cbauth {kind}" not in [thread.name for thread in threading.enumerate()])
    assert buttons(person) == []
    assert "href" not in person.html()
    before = len(identity.exchanges())
    control.click()
    sign_in = view.sign_in if isinstance(view, LoginButton) else lambda: view.sign_in("me")
    with pytest.raises(cbauth.ConfigError, match="profile me: The toolkit is closed"):
        sign_in()
    wait(lambda: "◌ closed" in person.text())
    assert len(identity.exchanges()) == before


def test_a_closed_view_says_that_it_is_closed(toolkit: cbauth.Toolkit, button: Person) -> None:
    never_shown = LoginPanel(toolkit)
    never_shown.close()
    assert repr(never_shown) == "This view is closed: make a new one."
    button.press("Sign in to Acme")
    button.link()
    button.view.close()
    assert repr(button.view).startswith("This view is closed: make a new one.\n")
    assert "signed out" in repr(button.view)
    assert "This view is closed" in button.view._repr_html_()
