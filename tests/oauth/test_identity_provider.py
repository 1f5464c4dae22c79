"""The provider that the tests of logins stand on behaves as the specifications say, asked with nothing but HTTP."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from tests.support.identity import BASIC, POST, PUBLIC, Client, IdentityProvider, PageError, faults
from tests.support.processes import Processes, eventually

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
REDIRECT = "http://127.0.0.1:49152/callback"
SOON = 20.0
STARTED = """
import sys
from pathlib import Path
from tests.support.identity import IdentityProvider
provider = IdentityProvider(Path(sys.argv[1]))
provider.start()
"""


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["accept"] = "application/json"
        yield session


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A client that does by hand what cbauth does, and what it must never do."""

    identity: IdentityProvider
    http: requests.Session
    client: Client = PUBLIC
    redirect_uri: str = REDIRECT
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def authorization_url(self, **changes: str | None) -> str:
        params: dict[str, str | None] = {
            "client_id": self.client.id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": "openid offline_access email profile",
            "prompt": "consent",
            "state": "state-1",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        }
        given = {name: value for name, value in (params | changes).items() if value is not None}
        return f"{self.identity.url('authorization')}?{urlencode(given)}"

    def post(self, url: str, **data: str) -> requests.Response:
        """A request of this client, by its method of authentication."""
        secret = self.identity.secret_of(self.client)
        auth = (self.client.id, secret) if self.client.method == "client_secret_basic" else None
        if auth is None:
            data["client_id"] = self.client.id
        if self.client.method == "client_secret_post":
            data["client_secret"] = secret
        return self.http.post(url, data=data, auth=auth, allow_redirects=False, timeout=SOON)

    def token(self, grant: str, **data: str) -> requests.Response:
        return self.post(self.identity.url("token"), grant_type=grant, **data)

    def code(self) -> str:
        return query(self.identity.approve(self.authorization_url()))["code"]

    def exchange(self, code: str, verifier: str = "") -> requests.Response:
        return self.token(
            "authorization_code", code=code, redirect_uri=self.redirect_uri, code_verifier=verifier or self.verifier
        )

    def login(self) -> dict[str, Any]:
        return good(self.exchange(self.code()))

    def refresh(self, refresh_token: str) -> requests.Response:
        return self.token("refresh_token", refresh_token=refresh_token)

    def device(self) -> dict[str, Any]:
        return good(self.post(self.identity.url("device_authorization"), scope="openid offline_access"))


@pytest.fixture
def app(identity: IdentityProvider, http: requests.Session) -> App:
    return App(identity=identity, http=http)


def query(url: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


def good(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def refused(answer: requests.Response) -> str:
    assert answer.status_code in (400, 401), answer.text
    error: str = answer.json()["error"]
    return error


@pytest.mark.parametrize("place", ["openid-configuration", "oauth-authorization-server"])
def test_the_discovery_document_stands_at_both_places(
    identity: IdentityProvider, http: requests.Session, place: str
) -> None:
    told = good(http.get(f"{identity.issuer}/.well-known/{place}", timeout=SOON))
    assert told["issuer"] == identity.issuer
    assert told["authorization_endpoint"] == identity.url("authorization")
    assert told["token_endpoint"] == identity.url("token")
    assert told["device_authorization_endpoint"] == identity.url("device_authorization")
    assert told["revocation_endpoint"] == identity.url("revocation")
    assert told["introspection_endpoint"] == identity.url("introspection")
    assert told["userinfo_endpoint"] == identity.url("userinfo")
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert "end_session_endpoint" not in told


@pytest.mark.parametrize("client", [PUBLIC, BASIC, POST], ids=lambda client: client.id)
def test_a_person_signs_in_and_the_code_is_worth_tokens(
    identity: IdentityProvider, http: requests.Session, client: Client
) -> None:
    app = App(identity=identity, http=http, client=client)
    landing = identity.approve(app.authorization_url())
    assert landing.startswith(f"{REDIRECT}?")
    answer = query(landing)
    assert (answer["state"], answer["iss"]) == ("state-1", identity.issuer)
    tokens = good(app.exchange(answer["code"]))
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert set(tokens["scope"].split()) == {"openid", "offline_access", "email", "profile"}
    assert identity.introspect(tokens["access_token"])["active"]
    assert {"refresh_token", "id_token"} <= set(tokens)


def test_user_info_has_the_email_of_the_account(app: App) -> None:
    code = query(app.identity.approve(app.authorization_url(), account="anna@acme.example"))["code"]
    bearer = {"authorization": f"Bearer {good(app.exchange(code))['access_token']}"}
    told = good(app.http.get(app.identity.url("userinfo"), headers=bearer, timeout=SOON))
    assert (told["sub"], told["email"], told["name"]) == ("anna@acme.example", "anna@acme.example", "anna")


@pytest.mark.parametrize("path", ["/callback", "/"])
def test_a_native_client_may_use_any_port_of_its_loopback_addresses(app: App, path: str) -> None:
    landing = app.identity.approve(app.authorization_url(redirect_uri=f"http://127.0.0.1:50123{path}"))
    assert landing.startswith(f"http://127.0.0.1:50123{path}?")


@pytest.mark.parametrize("uri", ["http://127.0.0.1:49152/elsewhere", "http://attacker.example/callback"])
def test_no_other_redirect_is_followed(app: App, uri: str) -> None:
    with pytest.raises(PageError, match="redirect_uri did not match"):
        app.identity.approve(app.authorization_url(redirect_uri=uri))


def test_a_client_with_a_registered_port_may_use_that_port_only(
    identity: IdentityProvider, http: requests.Session
) -> None:
    fixed = Client(id="cbauth-fixed", method="none")
    identity.add_client(fixed, "http://127.0.0.1:49200/callback")
    app = App(identity=identity, http=http, client=fixed, redirect_uri="http://127.0.0.1:49200/callback")
    assert "access_token" in app.login()
    with pytest.raises(PageError, match="redirect_uri did not match"):
        identity.approve(app.authorization_url(redirect_uri="http://127.0.0.1:49201/callback"))


def test_a_client_that_makes_no_sense_is_not_registered(identity: IdentityProvider) -> None:
    with pytest.raises(AssertionError, match="redirect_uris"):
        identity.add_client(Client(id="lost", method="none"))


@pytest.mark.parametrize(
    "changes", [{"code_challenge": None, "code_challenge_method": None}, {"code_challenge_method": "plain"}]
)
def test_pkce_with_s256_is_mandatory(app: App, changes: dict[str, str | None]) -> None:
    answer = query(app.identity.approve(app.authorization_url(**changes)))
    assert answer["error"] == "invalid_request"
    assert "code" not in answer


def test_a_wrong_verifier_is_refused(app: App) -> None:
    assert refused(app.exchange(app.code(), verifier=secrets.token_urlsafe(48))) == "invalid_grant"


def test_a_replayed_code_is_refused_and_its_tokens_die(app: App) -> None:
    code = app.code()
    tokens = good(app.exchange(code))
    assert refused(app.exchange(code)) == "invalid_grant"
    assert app.identity.introspect(tokens["access_token"]) == {"active": False}


def test_who_says_no_is_sent_back_with_access_denied(app: App) -> None:
    answer = query(app.identity.approve(app.authorization_url(), deny=True))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "state-1", app.identity.issuer)


def test_without_offline_access_there_is_no_refresh_token(app: App) -> None:
    code = query(app.identity.approve(app.authorization_url(scope="openid email")))["code"]
    assert "refresh_token" not in good(app.exchange(code))


def test_visit_opens_the_page_that_the_browser_is_sent_to(app: App) -> None:
    asked = []

    class Callback(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(418)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Callback) as server:
        waiting = Thread(target=server.handle_request)
        waiting.start()
        redirect_uri = f"http://127.0.0.1:{server.server_port}/callback"
        answer = app.identity.visit(app.authorization_url(redirect_uri=redirect_uri))
        waiting.join()
    assert answer.status_code == 418
    assert [set(query(path)) for path in asked] == [{"code", "state", "iss"}]


def test_a_refresh_rotates_and_the_old_token_kills_the_grant(app: App) -> None:
    first = app.login()
    second = good(app.refresh(first["refresh_token"]))
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert refused(app.refresh(first["refresh_token"])) == "invalid_grant"
    assert refused(app.refresh(second["refresh_token"])) == "invalid_grant"
    assert app.identity.introspect(second["access_token"]) == {"active": False}


def test_a_device_waits_until_a_person_allows_it(app: App) -> None:
    told = app.device()
    assert told["interval"] == 1
    assert refused(app.token(DEVICE, device_code=told["device_code"])) == "authorization_pending"
    assert "Connected" in app.identity.approve_device(told["verification_uri"], told["user_code"])
    tokens = good(app.token(DEVICE, device_code=told["device_code"]))
    assert {"access_token", "refresh_token"} <= set(tokens)
    assert app.identity.asked(DEVICE) == 2
    assert app.identity.granted(DEVICE) == 1


def test_the_complete_verification_uri_needs_no_typing(app: App) -> None:
    told = app.device()
    assert "Connected" in app.identity.approve_device(told["verification_uri_complete"])


def test_a_device_is_told_that_the_person_says_no(app: App) -> None:
    told = app.device()
    assert "You said no" in app.identity.approve_device(told["verification_uri"], told["user_code"], deny=True)
    assert refused(app.token(DEVICE, device_code=told["device_code"])) == "access_denied"


def test_a_mistyped_device_code_is_not_known(app: App) -> None:
    with pytest.raises(PageError, match="not known"):
        app.identity.approve_device(app.device()["verification_uri"], "BCDF-BCDF")


def test_a_device_code_expires_and_its_interval_can_be_set(app: App) -> None:
    app.identity.set_device_interval(7)
    told = app.device()
    assert told["interval"] == 7
    app.identity.expire(told["device_code"])
    assert refused(app.token(DEVICE, device_code=told["device_code"])) == "expired_token"


def test_a_revoked_token_is_worth_nothing_and_neither_are_its_siblings(app: App) -> None:
    tokens = app.login()
    assert app.post(app.identity.url("revocation"), token=tokens["refresh_token"]).status_code == 200
    assert app.identity.introspect(tokens["access_token"]) == {"active": False}
    assert refused(app.refresh(tokens["refresh_token"])) == "invalid_grant"


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
