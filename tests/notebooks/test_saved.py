"""What a saved notebook holds: never anything that the provider gave, whoever ran it, and whenever it was saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.notebooks.conftest import Policy
from tests.support.identity import IdentityProvider
from tests.support.notebooks import Desk, strays
from tests.support.notebooks.headless import outputs, run

VIEWS = (
    "from IPython.display import display\nview = LoginButton(toolkit, 'me'{more})\ndisplay(view, LoginPanel(toolkit))"
)
PERSON = """\
from tests.support.notebooks.person import Person
person = Person(view, {issuer!r})
person.press("Sign in to Acme")
address = person.approve()
"""
PASTE = "person.paste(address)\nperson.says('signed in')"
USE = """\
with toolkit.acquire("any") as lease:
    assert lease.profile_id == "me" and len(lease.token) > 20
lease
"""
REPRS = "toolkit.status()", "toolkit.explain('any')", "toolkit.oauth.get_credential('me')", "toolkit", "toolkit.oauth"


@pytest.mark.parametrize("papermill", [False, True], ids=["nbclient", "papermill"])
def test_a_notebook_that_a_program_runs_holds_no_secret(
    papermill: bool, tmp_path: Path, policy: Policy, identity: IdentityProvider
) -> None:
    """The widgets are asked for, and a program signs in: the state of all widgets is saved along."""
    text, wrong = run(
        tmp_path,
        policy.setup + VIEWS.format(more=", ui='widgets'"),
        PERSON.format(issuer=identity.issuer),
        PASTE,
        USE,
        "StatusView(toolkit, ui='widgets')",
        *REPRS,
        papermill=papermill,
    )
    assert wrong == ""
    assert identity.granted("authorization_code") == 1
    assert strays(text, identity.secrets()) == []
    assert "code_challenge" not in text
    if not papermill:
        assert json.loads(text)["metadata"]["widgets"]


@pytest.mark.parametrize("ui", ["widgets", "html"])
def test_a_notebook_that_ends_in_the_middle_of_a_login_holds_no_secret(
    ui: str, tmp_path: Path, policy: Policy, identity: IdentityProvider
) -> None:
    """In HTML mode nobody can be asked here; somebody else in the program has begun the login."""
    begin = PERSON.format(issuer=identity.issuer) if ui == "widgets" else "login = toolkit.oauth.begin('me')\nlogin"
    text, wrong = run(tmp_path, policy.setup + VIEWS.format(more=f", ui={ui!r}"), begin, *REPRS[:2], "view")
    assert wrong == ""
    assert strays(text, identity.secrets()) == []


def test_where_nobody_looks_the_views_are_still_and_name_the_command(
    tmp_path: Path, policy: Policy, identity: IdentityProvider
) -> None:
    """Only what needs the login fails, and says the profile and what to type."""
    text, wrong = run(
        tmp_path,
        policy.setup + "LoginButton(toolkit, 'me')",
        "LoginPanel(toolkit)",
        "StatusView(toolkit)",
        "import threading\n[each.name for each in threading.enumerate() if 'View' in each.name or 'Log' in each.name]",
        "toolkit.acquire('other')",
    )
    for cell in range(2):
        (shown,) = outputs(text, cell)
        assert set(shown["data"]) == {"text/plain", "text/html"}
        assert "To sign in, run `cbauth login me` in a terminal." in "".join(shown["data"]["text/plain"])
        assert "<time datetime=" in "".join(shown["data"]["text/html"])
    assert "2 of 3 profiles are ready." in "".join(outputs(text, 2)[0]["data"]["text/plain"])
    assert outputs(text, 3)[0]["data"]["text/plain"] == ["[]"]
    assert "LoginRequiredError" in wrong
    assert "cbauth login me" in wrong
    assert identity.exchanges() == []


def test_signing_in_where_nobody_looks_is_one_clear_error(tmp_path: Path, policy: Policy) -> None:
    for ui in ("auto", "html", "widgets"):
        _, wrong = run(tmp_path, policy.setup + f"LoginButton(toolkit, 'me', ui={ui!r}).sign_in()")
        assert "profile me: nobody is here who could sign in; run `cbauth login me`" in wrong


@pytest.mark.parametrize("way", ["link", "paste", "code"])
def test_a_notebook_saved_in_jupyterlab_holds_no_secret_during_and_after_a_login(
    way: str, desk: Desk, policy: Policy, identity: IdentityProvider
) -> None:
    remote = "import os\nos.environ['SSH_CONNECTION'] = 'x'" if way == "code" else ""
    here = identity.issuer if way == "paste" else ""
    cells = [remote, policy.setup + "LoginButton(toolkit, 'me')", "StatusView(toolkit)", "LoginPanel(toolkit)"]
    view = desk.open("lab", *cells, *REPRS, reaches_only=here)
    view.page.locator(".jp-CodeCell").nth(1).get_by_role("button", name="Sign in to Acme").click()
    view.link().wait_for()
    during = view.save()
    assert "Open Acme and sign in" in during  # the state of the widgets is in the file
    if way == "paste":
        view.box().first.fill(view.lost_callback())
        view.box().first.press("Enter")
    else:
        tab = view.follow()
        if way == "code":
            tab.locator("#continue").click()
        view.allow(tab)
    view.says("Signed in to Acme as")
    expect(view.link()).to_have_count(0)
    after = view.save()
    assert strays(during + after, identity.secrets()) == []
    assert "Open Acme and sign in" not in after
    assert "code_challenge" not in after
