"""What tests may do to the provider: look, count, expire, revoke, and order faults."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from tests.oauth.identity.by_hand import SOON, App, good, refused
from tests.support.identity import BASIC, POST, PUBLIC, IdentityProvider, faults
from tests.support.processes import Processes, eventually

STARTED = """
import sys
from pathlib import Path
from tests.support.identity import IdentityProvider
provider = IdentityProvider(Path(sys.argv[1]))
provider.start()
"""


def test_a_test_may_revoke_a_grant_or_all_of_an_account(app: App) -> None:
    first, second = app.login(), app.login()
    app.identity.revoke(first["access_token"])
    assert refused(app.refresh(first["refresh_token"])) == "invalid_grant"
    assert app.identity.introspect(second["access_token"])["active"]
    app.identity.revoke_account("me@acme.example")
    assert app.identity.introspect(second["access_token"]) == {"active": False}
    with pytest.raises(AssertionError, match="no such token"):
        app.identity.revoke(second["access_token"])


def test_a_test_may_expire_tokens_and_set_their_lifetime(app: App) -> None:
    app.identity.set_access_token_ttl(2)
    tokens = app.login()
    assert tokens["expires_in"] == 2
    app.identity.expire(tokens["access_token"])
    assert app.identity.introspect(tokens["access_token"]) == {"active": False}
    app.identity.expire(tokens["refresh_token"])
    assert refused(app.refresh(tokens["refresh_token"])) == "invalid_grant"


def test_requests_are_counted_by_grant_and_client_until_a_reset(
    identity: IdentityProvider, http: requests.Session
) -> None:
    app, other = App(identity=identity, http=http), App(identity=identity, http=http, client=BASIC)
    tokens = app.login()
    other.login()
    app.refresh(tokens["refresh_token"])
    app.refresh(tokens["refresh_token"])
    assert (identity.asked(), identity.granted()) == (4, 3)
    assert (identity.asked("refresh_token"), identity.granted("refresh_token")) == (2, 1)
    assert (identity.asked("authorization_code", BASIC), identity.asked("refresh_token", BASIC)) == (1, 0)
    first, *_ = identity.exchanges("token")
    assert (first.client, first.status, first.method, first.path) == (PUBLIC.id, 200, "POST", "/token")
    assert first.parameters["code_verifier"] == app.verifier
    assert first.headers["accept"] == "application/json"
    identity.reset()
    assert identity.exchanges() == []


def test_the_ledger_holds_every_secret(identity: IdentityProvider, http: requests.Session) -> None:
    app = App(identity=identity, http=http, client=POST)
    code, device = app.code(), app.device()
    tokens = good(app.exchange(code))
    rotated = good(app.refresh(tokens["refresh_token"]))
    identity.fail(faults.status(500))
    app.exchange("a-code-that-was-never-issued", verifier="a-verifier-that-was-never-used-" + "x" * 20)
    ledger = identity.secrets()
    assert {code, "a-code-that-was-never-issued"} <= set(ledger["code"])
    assert {app.verifier, "a-verifier-that-was-never-used-" + "x" * 20} <= set(ledger["code_verifier"])
    assert device["device_code"] in ledger["device_code"]
    assert identity.secret_of(POST) in ledger["client_secret"]
    for kind in ("access_token", "refresh_token", "id_token"):
        assert {tokens[kind], rotated[kind]} <= set(ledger[kind])


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (faults.status(500), 500, "No.\n"),
        (faults.status(429, retry_after=2), 429, "No.\n"),
        (faults.html(), 200, faults.HTML.decode()),
        (faults.body([]), 200, "[]"),
        (faults.error("slow_down"), 400, '{"error": "slow_down"}'),
        (faults.redirect("http://127.0.0.1:1/away"), 307, ""),
    ],
    ids=["500", "429", "HTML", "a list", "an error", "a redirect"],
)
def test_an_ordered_answer_comes_as_often_as_ordered_and_leaves_the_login_alone(
    app: App, fault: faults.Fault, status: int, body: str
) -> None:
    refresh_token = app.login()["refresh_token"]
    app.identity.fail(fault, times=2)
    for _ in range(2):
        answer = app.refresh(refresh_token)
        assert (answer.status_code, answer.text) == (status, body)
        for name, value in fault.headers.items():
            assert answer.headers[name] == value
    good(app.refresh(refresh_token))
    assert (app.identity.asked("refresh_token"), app.identity.granted("refresh_token")) == (3, 1)


def test_a_truncated_answer_is_no_json(app: App) -> None:
    refresh_token = app.login()["refresh_token"]
    app.identity.fail(faults.truncated())
    app.identity.fail(faults.truncated(processed=True))
    for _ in range(2):
        answer = app.refresh(refresh_token)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
        assert answer.text.startswith('{"access_token":')
        with pytest.raises(requests.JSONDecodeError):
            answer.json()
    assert app.identity.granted("refresh_token") == 1


def test_a_lost_answer_has_rotated_the_refresh_token(app: App) -> None:
    refresh_token = app.login()["refresh_token"]
    app.identity.fail(faults.lost())
    with pytest.raises(requests.ConnectionError):
        app.refresh(refresh_token)
    assert app.identity.granted("refresh_token") == 1
    assert refused(app.refresh(refresh_token)) == "invalid_grant"


@pytest.mark.parametrize("fault", [faults.cut(), faults.hang(0.01)], ids=["cut", "hang"])
def test_a_connection_that_ends_without_an_answer_leaves_the_login_alone(app: App, fault: faults.Fault) -> None:
    refresh_token = app.login()["refresh_token"]
    app.identity.fail(fault)
    with pytest.raises(requests.ConnectionError):
        app.refresh(refresh_token)
    good(app.refresh(refresh_token))


@pytest.mark.parametrize(
    ("fault", "answers"), [(faults.hang(3600), False), (faults.delay(3600), True)], ids=["hang", "delay"]
)
def test_what_waits_goes_on_at_a_reset(app: App, fault: faults.Fault, answers: bool) -> None:
    refresh_token = app.login()["refresh_token"]
    app.identity.fail(fault)
    heard: list[int | str] = []

    def ask() -> None:
        try:
            heard.append(app.refresh(refresh_token).status_code)
        except requests.ConnectionError:
            heard.append("nothing")

    asking = Thread(target=ask)
    asking.start()
    assert eventually(lambda: app.identity.asked("refresh_token"))
    assert heard == []
    app.identity.reset()
    asking.join()
    assert heard == [200 if answers else "nothing"]


@pytest.mark.parametrize("endpoint", ["discovery", "device_authorization", "revocation", "userinfo"])
def test_other_endpoints_fail_on_order_too(app: App, endpoint: Any) -> None:
    app.identity.fail(faults.status(503), endpoint=endpoint)
    url, send = app.identity.url(endpoint), app.http.get if endpoint in ("discovery", "userinfo") else app.http.post
    assert send(url, timeout=SOON).status_code == 503
    assert send(url, timeout=SOON).status_code != 503
    assert [each.endpoint for each in app.identity.exchanges()] == [endpoint] * 2


def test_the_control_channel_is_not_to_be_guessed(identity: IdentityProvider, http: requests.Session) -> None:
    assert http.post(f"{identity.issuer}/control/secrets", json={}, timeout=SOON).status_code == 404


def test_every_process_has_its_own_port_and_ends_with_its_context(tmp_path: Path, http: requests.Session) -> None:
    with IdentityProvider(tmp_path) as first, IdentityProvider(tmp_path) as second:
        assert first.issuer != second.issuer
        assert first.secret_of(BASIC) != second.secret_of(BASIC)
    with pytest.raises(requests.ConnectionError):
        http.get(first.url("discovery"), timeout=SOON)


def test_a_process_that_cannot_start_says_why(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho 'no such package' >&2\nexit 1\n", "utf-8")
    node.chmod(0o755)
    with pytest.raises(AssertionError, match="no such package"):
        IdentityProvider(tmp_path, node).start()


def test_a_provider_does_not_outlive_the_process_that_started_it(tmp_path: Path, http: requests.Session) -> None:
    with Processes() as processes:
        parent = processes.start(STARTED, tmp_path)
        discovery = parent.ask("provider.url('discovery')")
        assert http.get(discovery, timeout=SOON).ok
        parent.kill()
    assert eventually(lambda: is_gone(http, discovery))


def is_gone(http: requests.Session, url: str) -> bool:
    try:
        http.get(url, timeout=SOON)
    except requests.ConnectionError:
        return True
    return False
