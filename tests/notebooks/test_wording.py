"""What the logins say as text and as HTML, where there are no buttons and where there is not even HTML."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cbauth.widgets.states import LoginSnapshot, LoginState, Offer, standing
from cbauth.widgets.wording import logins_html, logins_text, row_html
from tests.notebooks.conftest import Policy
from tests.notebooks.test_controller import Stored

LINK = Offer(url="http://127.0.0.1:1/auth?state=s", pastes=True)
CODE = Offer(url="http://127.0.0.1:1/device", user_code="ABCD-EFGH")


def shown(state: LoginState, offer: Offer | None = None) -> LoginSnapshot:
    sentence = "Open the page and sign in there, before 21:27:40 UTC; this view goes on by itself."
    return LoginSnapshot(profile_id="me", provider="Acme", state=state, sentence=sentence, at=0.0, offer=offer)


@pytest.mark.parametrize(
    ("login", "named", "told"),
    [
        (shown(LoginState.WAITING, LINK), False, ["paste() of this view", "cancel() gives up"]),
        (
            shown(LoginState.WAITING, LINK),
            True,
            ["paste(&#x27;me&#x27;) of this view", "cancel(&#x27;me&#x27;) gives up"],
        ),
        (shown(LoginState.WAITING, CODE), False, ["cancel() of this view gives up"]),
        (shown(LoginState.STARTING), False, ["cancel() of this view gives up"]),
        (shown(LoginState.SIGNED_OUT), False, ["sign_in() of this view begins a login"]),
    ],
)
def test_html_that_is_live_says_what_to_call_in_place_of_buttons(
    login: LoginSnapshot, named: bool, told: list[str]
) -> None:
    live = logins_html([login], live=True, named=named)
    assert [each for each in told if each not in live] == []
    assert "of this view" not in logins_html([login], named=named)


def test_text_cuts_nothing_off_holds_no_link_and_says_what_to_do_where_none_is_shown() -> None:
    text = logins_text([shown(LoginState.WAITING, LINK), shown(LoginState.WAITING, CODE)])
    assert (
        text.count("me · ◐ waiting · Open the page and sign in there, before 21:27:40 UTC; this view goes on by") == 2
    )
    assert text.count("Where no link is shown, run `cbauth login me` in a terminal instead.") == 2
    assert "http" not in text
    assert "ABCD" not in text


PROMPT = """
import cbauth
from cbauth.widgets import LoginButton
with cbauth.load({path!r}) as toolkit:
    try:
        LoginButton(toolkit, "me").sign_in()
    except cbauth.LoginRequiredError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (["-m", "IPython", "--no-banner", "--quick", "-c"], "this terminal cannot show a login"),
        (["-c"], "nobody is here who could sign in"),
    ],
    ids=["IPython", "a program"],
)
def test_a_prompt_without_pages_is_told_the_command(how: list[str], why: str, policy: Policy, tmp_path: Path) -> None:
    code = PROMPT.format(path=str(policy.path))
    ended = subprocess.run(
        [sys.executable, *how, code],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
    )
    assert f"profile me: {why}; run `cbauth login me`" in ended.stdout, ended.stderr


@pytest.mark.parametrize("refreshable", [True, False])
def test_what_stays_in_a_notebook_says_the_day(refreshable: bool) -> None:
    now = time.mktime((2026, 11, 25, 12, 0, 0, 0, 0, -1))  # noon: half an hour later it is the same day
    login = Stored(account=None, expires_at=now + 1800, lifetime=3600, refreshable=refreshable)
    state, sentence, until = standing(login, "Acme", now)
    lasting = standing(login, "Acme", now, lasting=True)[1]
    each = LoginSnapshot(
        profile_id="me", provider="Acme", state=state, sentence=sentence, lasting=lasting, at=now, until=until
    )
    day = time.strftime("%Y-%m-%d ", time.localtime(now + 1800))
    assert f"until {day}" in logins_text([each])
    assert f"until {day}" in logins_html([each])
    assert f"until {day}" in logins_html([each], live=True)
    assert f"until {day}" not in row_html(each, status=True)
