"""What callers hand in: whatever is wrong with it is one clear ``ConfigError``."""

from __future__ import annotations

from typing import Any

import pytest

from cbauth import OAUTH_PROVIDERS, ConfigError, LoginError, LoginRequiredError, StoreError
from cbauth.oauth import OAuthManager
from tests.oauth.acme import Acme
from tests.support.identity import faults

GOOD: dict[str, Any] = {"client_id": "cbauth", "issuer": "https://login.acme.example"}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"client_id": ""}, "client_id has to be text"),
        ({"client_id": 5}, "client_id has to be text, not int"),
        ({"client_secret": b"canary"}, "client_secret has to be text, not bytes"),
        ({"client_secret": ""}, "leave it out for a public client"),
        ({"issuer": None}, "neither an issuer nor a token_endpoint"),
        ({"issuer": "login.acme.example"}, "has to be an https URL"),
        ({"issuer": "http://login.acme.example"}, "has to begin with https"),
        ({"issuer": "https://me:pw@login.acme.example"}, "must carry no user or password"),
        ({"issuer": "https://login.acme.example:99999"}, "is no URL"),
        ({"issuer": 5}, "issuer has to be text, not int"),
        ({"token_endpoint": "javascript:alert(1)"}, "has to be an https URL"),
        ({"redirect_uri": "https://attacker.example/callback"}, "http://127.0.0.1 or http://localhost only"),
        ({"redirect_uri": "http://0.0.0.0/callback"}, "http://127.0.0.1 or http://localhost only"),
        ({"redirect_uri": []}, "at least one address"),
        ({"redirect_uri": 5}, "redirect_uri has to be a list of texts, not int"),
        ({"redirect_uri": [5]}, "redirect_uri has to be text, not int"),
        ({"scopes": 5}, "scopes has to be a list of texts, not int"),
        ({"scopes": [None]}, "scopes has to be text, not NoneType"),
        ({"extra_params": ["prompt"]}, "extra_params has to be a mapping, not list"),
        ({"extra_params": {"prompt": True}}, "a value in extra_params has to be text, not bool"),
        ({"extra_params": {"state": "mine", "code_challenge": "x"}}, "must not set code_challenge, state"),
        ({"refresh_before": -1}, "refresh_before has to be a number of seconds, 0 or more, not -1"),
        ({"refresh_before": True}, "refresh_before has to be a number of seconds, 0 or more, not True"),
        ({"tokn_endpoint": "https://x.example"}, "knows no tokn_endpoint: did you mean token_endpoint"),
        ({"zzz": 1}, "knows no zzz: there are issuer, "),
    ],
)
def test_a_client_that_makes_no_sense_is_refused_at_once(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        OAuthManager().configure_provider("acme", **GOOD | settings)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_provider_needs_a_name(name: Any) -> None:
    with pytest.raises(ConfigError, match="a provider's id has to be a name"):
        OAuthManager().configure_provider(name, **GOOD)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"port": -1}, "port has to be a number from 0"),
        ({"port": True}, "port has to be a number"),
        ({"port": 65536}, "not 65536"),
        ({"login_timeout": "5m"}, "login_timeout has to be a number of seconds"),
        ({"login_timeout": float("nan")}, "login_timeout has to be a number of seconds"),
        ({"refresh_before": None}, "refresh_before has to be a number of seconds"),
        ({"clock": 5}, "clock has to be a function, not int"),
        ({"sleep": 5}, "sleep has to be a function, not int"),
        ({"path": 5}, "path has to be a folder for logins, not int"),
        ({"store": {}}, "this dict is no place for logins"),
        ({"store": "cloud"}, "auto, keyring, file"),
    ],
)
def test_a_manager_that_makes_no_sense_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        OAuthManager(**options).list_credentials()


def test_the_system_keyring_that_is_none_is_told_when_it_is_chosen() -> None:
    with pytest.raises(StoreError, match="keyring cannot be used"):
        OAuthManager(store="keyring").list_credentials()
    assert "not opened yet" in repr(OAuthManager(store="auto"))


def test_who_is_unknown_is_told_with_who_is_near(acme: Acme) -> None:
    manager = acme.manager()
    with pytest.raises(ConfigError, match="there is no login 'acne': did you mean acme"):
        manager.begin("acne")
    with pytest.raises(ConfigError, match="there are acme"):
        manager.begin_device("zzz")
    with pytest.raises(ConfigError, match="there is no login 'zzz', nor any other: describe one"):
        OAuthManager().begin("zzz")
    nobody: Any = None
    with pytest.raises(ConfigError, match="name a profile or a provider to log in to, not NoneType"):
        manager.get_authorization_url(nobody)
    with pytest.raises(LoginRequiredError, match="run `cbauth login zzz`"):
        manager.get_access_token("zzz")
    assert manager.get_credential("zzz") is None
    assert not manager.logout("zzz")


def test_the_built_in_endpoints_are_there_for_a_client_of_ones_own() -> None:
    manager = OAuthManager()
    assert "github" in OAUTH_PROVIDERS
    manager.configure_provider("github", client_id="mine", scopes="read:user repo", redirect_uri="http://127.0.0.1/")
    url = manager.get_authorization_url("github")
    assert url.startswith("https://github.com/login/oauth/authorize?")
    assert "scope=read%3Auser+repo" in url


def test_a_port_of_the_managers_own_is_put_into_redirect_uris_that_name_none(acme: Acme) -> None:
    manager = acme.bare(port=12345)
    acme.configure(manager, redirect_uri=["http://127.0.0.1/a", "http://127.0.0.1:80/b"])
    assert "redirect_uri=http%3A%2F%2F127.0.0.1%3A12345%2Fa" in manager.get_authorization_url("acme")


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        ({"issuer": "https://attacker.example"}, "wrong_issuer", "calls itself something else: nothing was sent"),
        ([], "discovery_failed", "no JSON object"),
        ({"token_endpoint": "http://attacker.example/"}, "discovery_failed", "has to begin with https"),
        ({"authorization_endpoint": None}, "no_authorization_endpoint", "no page to log in at"),
        ({"token_endpoint": None}, "no_token_endpoint", "no token endpoint"),
    ],
    ids=range(5),
)
def test_a_discovery_document_amiss_is_one_clear_error(acme: Acme, answer: Any, error: str, why: str) -> None:
    told = {"issuer": acme.identity.issuer, "authorization_endpoint": acme.identity.url("authorization")}
    told |= {"token_endpoint": acme.identity.url("token")}
    document = {**told, **answer} if isinstance(answer, dict) else answer
    acme.identity.fail(faults.body(document), endpoint="discovery")
    manager = acme.manager()

    def log_in() -> None:
        login = manager.begin("acme")
        login.complete(acme.identity.approve(login.url))

    with pytest.raises(LoginError, match=why) as caught:
        log_in()
    assert caught.value.error == error
    assert acme.identity.asked() == 0


def test_a_provider_that_cannot_be_discovered_says_what_else_to_do(acme: Acme) -> None:
    manager = acme.bare()
    for fault in (faults.html(), faults.cut(), faults.status(404), faults.redirect("https://attacker.example/")):
        acme.identity.fail(fault, times=2, endpoint="discovery")
        acme.configure(manager)
        with pytest.raises(LoginError, match="give the endpoints in profiles") as caught:
            manager.begin("acme")
        assert caught.value.error == "discovery_failed"
    acme.identity.fail(faults.status(404), endpoint="discovery")
    assert manager.begin("acme").url, "the second place is asked, too"
    asked = len(acme.identity.exchanges("discovery"))
    manager.begin("acme")
    assert len(acme.identity.exchanges("discovery")) == asked, "and the answer is remembered"
