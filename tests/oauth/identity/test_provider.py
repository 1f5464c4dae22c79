"""The provider that the tests of logins stand on behaves as the specifications say."""

from __future__ import annotations

import secrets
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import requests

from tests.oauth.identity.by_hand import DEVICE, REDIRECT, SOON, App, good, query, refused
from tests.support.identity import BASIC, POST, PUBLIC, Client, IdentityProvider, PageError


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
