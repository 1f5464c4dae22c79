"""Logging out, whatever the provider makes of it, and what is known of a user."""

from __future__ import annotations

from typing import Any

import pytest

from cbauth import AuthError, ConfigError, LoginRequiredError, StoreError
from cbauth.oauth.credentials import MemoryCredentials
from cbauth.oauth.keeper import Held
from tests.oauth.acme import LIFE, SOON, Acme
from tests.support.identity import BASIC, faults
from tests.support.identity.faults import Fault


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (faults.status(503), "HTTP 503"),
        (faults.error("unsupported_token_type", "not that"), r"HTTP 400, unsupported_token_type not that"),
        (faults.html(500), "HTTP 500"),
        (faults.body([], status=400), "HTTP 400"),
        (faults.cut(), r"cannot be asked \(ConnectionError\)"),
        (faults.redirect("https://attacker.example/"), r"cannot be asked \(TooManyRedirects\)"),
    ],
    ids=range(6),
)
def test_a_login_is_forgotten_here_even_if_the_provider_cannot_be_told(
    acme: Acme, fault: Fault, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    manager = acme.manager()
    acme.login(manager)
    acme.identity.fail(fault, endpoint="revocation")
    there, trouble = manager.sign_out("acme")
    assert there
    assert why.replace("\\", "") in trouble
    assert manager.list_credentials() == []
    acme.login(manager)
    acme.identity.fail(fault, endpoint="revocation")
    assert manager.logout("acme")
    assert "is forgotten here, but its provider was not told" in caplog.text
    assert list(acme.folder.glob("*.json")) == []


def test_a_secret_that_is_refused_in_the_header_goes_into_the_body(acme: Acme) -> None:
    manager = acme.manager(BASIC)
    acme.login(manager)
    acme.identity.fail(faults.error("invalid_client", status=401), endpoint="revocation")
    assert manager.sign_out("acme") == (True, "")
    first, second = acme.identity.exchanges("revocation")
    assert ("authorization" in first.headers, "authorization" in second.headers) == (True, False)
    acme.login(manager)
    acme.identity.fail(faults.error("invalid_client", status=401), times=2, endpoint="revocation")
    assert manager.sign_out("acme") == (True, "HTTP 401, invalid_client")


def test_without_a_refresh_token_the_access_token_is_revoked(acme: Acme) -> None:
    manager = acme.manager()
    acme.configure(manager, scopes=["openid"], extra_params=None)
    acme.login(manager)
    assert manager.logout("acme")
    (asked,) = acme.identity.exchanges("revocation")
    assert asked.parameters["token_type_hint"] == "access_token"


def test_a_provider_that_revokes_nothing_or_cannot_be_found_is_told_of(acme: Acme) -> None:
    manager = acme.bare()
    endpoints: dict[str, Any] = {**acme.endpoints(), "issuer": None}
    acme.configure(manager, **endpoints | {"revocation_endpoint": None})
    acme.login(manager)
    assert manager.sign_out("acme") == (True, "it has no revocation endpoint")
    acme.login(acme.manager())
    acme.identity.fail(faults.status(404), times=2, endpoint="discovery")
    there, trouble = acme.manager().sign_out("acme")
    assert there
    assert "no discovery document" in trouble


def test_a_login_of_another_program_is_found_and_removed_by_its_name(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    stranger = acme.bare()
    (login,) = stranger.list_credentials()
    assert stranger.get_credential("acme") == login
    assert stranger.logout("acme")
    assert acme.identity.exchanges("revocation") == [], "it does not know where"
    with pytest.raises(LoginRequiredError):
        manager.get_access_token("acme")


def test_a_manager_is_a_context_that_ends_its_logins(acme: Acme) -> None:
    with acme.manager() as manager:
        login = manager.begin("acme")
    assert login.done


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (faults.status(500), "HTTP 500"),
        (faults.body([]), "no JSON object"),
        (faults.html(), "no JSON object"),
        (faults.cut(), "ConnectionError"),
        (faults.redirect("https://attacker.example/"), "TooManyRedirects"),
    ],
    ids=range(5),
)
def test_user_info_that_cannot_be_had_is_one_clear_error(acme: Acme, fault: Fault, why: str) -> None:
    manager = acme.manager()
    acme.login(manager)
    acme.identity.fail(fault, endpoint="userinfo")
    with pytest.raises(AuthError, match=f"user info cannot be had: .*{why}"):
        manager.fetch_user_info("acme")
    assert acme.identity.asked("refresh_token") == 0


def test_a_provider_without_user_info_says_so(acme: Acme) -> None:
    manager = acme.bare()
    endpoints: dict[str, Any] = {**acme.endpoints(), "issuer": None, "userinfo_endpoint": None}
    acme.configure(manager, **endpoints)
    acme.login(manager)
    with pytest.raises(AuthError, match="acme has no user info endpoint"):
        manager.fetch_user_info("acme")


@pytest.mark.parametrize(
    "token", ["", "a.b", "a.!.c", "a.W10.c", "a.e30.c", "a.eyJzdWIiOiA1fQ.c", "a." + "Ww" * 2000 + ".c", 5]
)
def test_an_id_token_that_names_nobody_names_nobody(acme: Acme, token: object) -> None:
    manager = acme.manager()
    acme.identity.fail(faults.body({"access_token": "a", "token_type": "Bearer", "id_token": token}))
    assert acme.login(manager).account is None


class Broken(MemoryCredentials):
    """A place that fails as the test says."""

    trouble: Exception | None = None
    reads = 0

    def load(self, key: str) -> Any:
        self.reads += 1
        if self.trouble is not None:
            raise self.trouble
        return super().load(key)


def test_a_place_that_cannot_be_read_is_asked_once_a_second_and_tells_everybody(acme: Acme) -> None:
    store = Broken()
    manager = acme.manager(store=store)
    store.trouble = StoreError("the keyring is locked; unlock it")
    for _ in range(3):
        with pytest.raises(StoreError, match="the keyring is locked"):
            manager.get_credential("acme")
    assert store.reads == 1


def test_tokens_that_live_in_memory_outlast_a_place_that_cannot_be_read_either(acme: Acme) -> None:
    store = Fickle()
    manager = acme.manager(store=store)
    acme.login(manager)
    store.full = True
    acme.clock.advance(LIFE)
    token = manager.get_access_token("acme")
    store.trouble = StoreError("gone")
    acme.clock.advance(2)
    assert manager.get_access_token("acme") == token
    store.trouble, store.full = None, False
    manager.logout("acme", revoke=False)
    assert store.all() == []


class Fickle(Broken):
    """One that takes nothing while it is ``full``."""

    full = False

    def save(self, credential: Any) -> None:
        if self.full:
            raise StoreError("full")
        super().save(credential)


@pytest.mark.parametrize("trouble", [StoreError("full"), ConfigError("odd"), RuntimeError("canary")])
def test_a_login_that_cannot_be_stored_has_failed_whatever_was_in_the_way(acme: Acme, trouble: Exception) -> None:
    class Refusing(MemoryCredentials):
        def save(self, credential: Any) -> None:
            raise trouble

    manager = acme.manager(store=Refusing())
    login = manager.begin("acme")
    acme.identity.visit(login.url)
    with pytest.raises(AuthError) as caught:
        login.wait(SOON)
    words = {StoreError: "not_stored (full)", ConfigError: "failed (odd)"}
    expected = words.get(type(trouble), "failed (internal fault: RuntimeError)")
    assert str(caught.value) == f"login failed: {expected}"


def test_what_a_file_adds_to_a_request_replaces_none_of_what_protects_it(acme: Acme) -> None:
    config = acme.config()
    config["providers"]["acme"]["oauth"]["extra_params"] = {"code_challenge_method": "plain", "state": "x"}
    with acme.toolkit(config) as toolkit:
        for begin in (toolkit.oauth.begin, toolkit.oauth.get_authorization_url):
            with pytest.raises(ConfigError, match="must not set code_challenge_method, state"):
                begin("me")
        assert toolkit.oauth.start_local_server().startswith("http://127.0.0.1:")


def test_a_token_at_hand_hides_itself() -> None:
    held = Held(0.0, 1.0, "canary")
    assert "canary" not in repr(held)
    with pytest.raises(TypeError, match="not pickled"):
        held.__reduce__()
