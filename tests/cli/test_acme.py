"""The provider of the quickstart: real logins of the real OAuthManager at it, and what it refuses."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import cbauth
from cbauth.cli.demo.acme import Acme

HERE = "http://127.0.0.1:1/callback"


@pytest.fixture
def acme() -> Iterator[Acme]:
    with Acme() as provider:
        yield provider
    provider.close()


@pytest.fixture
def toolkit(acme: Acme) -> Iterator[cbauth.Toolkit]:
    provider = {
        "name": "Acme",
        "protocol": "openai",
        "base_url": "https://llm.acme.example/v1",
        "oauth": {"issuer": acme.issuer, "client_id": "cbauth"},
    }
    config = {
        "version": 1,
        "providers": {"acme": provider},
        "profiles": {"me": {"provider": "acme", "oauth": {}, "models": ["m"]}},
        "state": {"store": "memory"},
    }
    with cbauth.load(config, oauth=cbauth.OAuthManager()) as toolkit:
        yield toolkit


def press(url: str, button: str) -> requests.Response:
    """Open the page, press a button, and see where that leads."""
    page = requests.get(url, timeout=10)
    assert page.status_code == 200
    (name,) = re.findall(r'name="page" value="([^"]+)"', page.text)
    place = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}/authorize"
    return requests.post(place, data={"page": name, "answer": button}, timeout=10, allow_redirects=False)


def ask(acme: Acme, **changes: str) -> requests.Response:
    query = {
        "response_type": "code",
        "client_id": "c",
        "redirect_uri": HERE,
        "state": "s",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
    }
    return requests.get(f"{acme.issuer}/authorize", params={**query, **changes}, timeout=10, allow_redirects=False)


def code_of(acme: Acme) -> str:
    """A code for the challenge of the verifier ``a``."""
    challenge = "ypeBEsobvcr6wjGzmiPcTaeG7_gUfE5yuYB3ha_uSLs"
    answer = press(ask(acme, code_challenge=challenge).url, "allow")
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def redeem(acme: Acme, **form: str) -> requests.Response:
    return requests.post(f"{acme.issuer}/token", data={"client_id": "c", "redirect_uri": HERE, **form}, timeout=10)


def test_whoever_presses_allow_is_signed_in_and_stays_so(acme: Acme, toolkit: cbauth.Toolkit) -> None:
    with pytest.raises(cbauth.LoginRequiredError):
        toolkit.acquire("m")
    login = toolkit.oauth.begin("me")
    landed = requests.get(press(login.url, "allow").headers["Location"], timeout=10)
    assert landed.status_code == 200
    login.wait(10)
    first = toolkit.acquire("m").token
    credential: Any = toolkit.oauth.get_credential("me")
    assert credential.account == "you@acme.example"
    assert first not in repr(acme) + repr(credential)
    toolkit.oauth.refresh_token("me")
    assert toolkit.acquire("m").token != first
    assert toolkit.oauth.logout("me")


def test_whoever_presses_deny_is_not(acme: Acme, toolkit: cbauth.Toolkit) -> None:
    login = toolkit.oauth.begin("me")
    requests.get(press(login.url, "deny").headers["Location"], timeout=10)
    with pytest.raises(cbauth.LoginError) as caught:
        login.wait(10)
    assert caught.value.error == "access_denied"


def test_a_code_and_a_page_are_good_once_and_for_the_one_who_asked(acme: Acme) -> None:
    form = {"grant_type": "authorization_code", "code_verifier": "a"}
    assert redeem(acme, **form, code=code_of(acme)).json()["token_type"] == "Bearer"
    for wrong in ({"code_verifier": "b"}, {"redirect_uri": HERE + "2"}, {"client_id": "another"}, {"code": "none"}):
        code = code_of(acme)
        assert redeem(acme, **{**form, "code": code, **wrong}).json() == {"error": "invalid_grant"}
        if "code" not in wrong:
            assert redeem(acme, **form, code=code).json() == {"error": "invalid_grant"}, "it was tried, so it is gone"
    refresh = redeem(acme, **form, code=code_of(acme)).json()["refresh_token"]
    again = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert [redeem(acme, **again).status_code for _ in range(2)] == [200, 400]
    assert redeem(acme, grant_type="password").json() == {"error": "unsupported_grant_type"}
    assert requests.post(f"{acme.issuer}/authorize", data={"page": "none"}, timeout=10).status_code == 400


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "http://evil.example/", "javascript:alert(1)", "", "http://["]
)
def test_nobody_but_a_program_of_this_machine_is_given_a_code(acme: Acme, back: str) -> None:
    assert ask(acme, redirect_uri=back).status_code == 400


def test_it_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    with Acme() as acme:
        code_of(acme)
    assert set(threading.enumerate()) <= before


def test_hostile_and_broken_requests_are_refused(acme: Acme) -> None:
    assert "<b>" not in ask(acme, client_id="<b>").text
    assert "error=invalid_request" in ask(acme, code_challenge_method="plain").headers["Location"]
    assert "\r" not in ask(acme, state="\r\nX: y").url
    assert ask(acme, redirect_uri=HERE + "\r\nX: y").status_code == 400
    assert requests.get(f"{acme.issuer}/else", timeout=10).status_code == 404
    assert requests.post(f"{acme.issuer}/else", timeout=10, data={"a": "b"}).status_code == 404
    assert requests.post(f"{acme.issuer}/token", data="x" * 30_000, timeout=10).status_code == 413
