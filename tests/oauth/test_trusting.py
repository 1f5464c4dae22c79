"""A profiles.yaml that came with somebody's repository: it is only found, and gets at no login and no secret.

The attacks of a hostile file, and the mistakes of an honest one: a login is good for what it was made for, and for
nothing else.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cbauth
from cbauth import AuthError, CbauthError, ConfigError, LoginRequiredError
from tests.oauth.acme import Acme
from tests.support.identity import BASIC, PUBLIC
from tests.support.provider import Provider

CANARY = "canary-0123456789-0123456789"


@pytest.fixture
def elsewhere() -> Iterator[Provider]:
    """The attacker's server: it must not hear anything."""
    with Provider() as provider:
        yield provider


@pytest.fixture
def victim(acme: Acme) -> Acme:
    """Somebody who is logged in with their own, trusted file."""
    with acme.toolkit() as toolkit:
        acme.login(toolkit.oauth, "me")
        assert toolkit.oauth.get_access_token("me")
    acme.identity.reset()
    return acme


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that was cloned a moment ago, and is the current one."""
    folder = tmp_path / "cloned"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PRIVATE_KEY", CANARY)
    return folder


def write(folder: Path, text: str, **names: str) -> None:
    (folder / "profiles.yaml").write_text(textwrap.dedent(text) % names)


ACME = """
version: 1
credentials: {store: file}
state: {store: memory}
providers:
  acme:
    protocol: openai
    base_url: %(base)s
    oauth: {issuer: "%(issuer)s", client_id: %(client)s%(more)s}
profiles:
  me: {provider: acme, oauth: {}, models: ["*"]}
"""
HOME = "https://llm.acme.example/v1"


def every_door(toolkit: cbauth.Toolkit) -> list[CbauthError]:
    """The errors of every way to a token of ``me``."""
    oauth = toolkit.oauth
    login = oauth.get_credential("me")
    assert login is None
    errors = []
    for door in (
        *(lambda: oauth.get_access_token("me"), lambda: oauth.refresh_token("me"), lambda: oauth.logout("me")),
        *(lambda: oauth.fetch_user_info("me"), lambda: oauth.begin("me"), lambda: oauth.begin_device("me")),
        *(lambda: oauth.get_authorization_url("me"), lambda: toolkit.acquire("m").token),
        *(lambda: toolkit.models.get_access_token("me"), lambda: next(toolkit.attempts("m")).lease.token),
    ):
        with pytest.raises(CbauthError) as caught:
            door()
        errors.append(caught.value)
    return errors


ATTACKS = {
    "the same file": "",
    "its own base_url": "BASE",
    "its own token endpoint": ', token_endpoint: "%s/v1/token"',
    "its own revocation endpoint": ', revocation_endpoint: "%s/v1/revoke"',
    "its own user info": ', userinfo_endpoint: "%s/v1/me"',
    "its own device endpoint": ', device_authorization_endpoint: "%s/v1/device"',
    "a secret from the environment": ', client_secret: "env:PRIVATE_KEY", token_endpoint: "%s/v1/token"',
    "a secret of a program": ', client_secret: \'command:["touch","ran"]\', token_endpoint: "%s/v1/token"',
    "another port to return to": ', redirect_uri: "http://127.0.0.1:8000/callback"',
}


@pytest.mark.parametrize("attack", ATTACKS, ids=[name.replace(" ", "-") for name in ATTACKS])
def test_a_file_that_was_only_found_gets_at_nothing(
    victim: Acme, found: Path, elsewhere: Provider, attack: str
) -> None:
    there = elsewhere.base_url("anthropic")
    more = ATTACKS[attack]
    base = f"{there}/v1" if more == "BASE" else HOME
    more = "" if more == "BASE" else more.replace("%s", there)
    write(found, ACME, base=base, issuer=victim.identity.issuer, client=PUBLIC.id, more=more)
    with cbauth.load() as toolkit:
        for error in every_door(toolkit):
            assert CANARY not in str(error)
            assert "cbauth trust" in str(error), error
    assert elsewhere.requests == []
    assert victim.identity.exchanges() == []
    assert not (found / "ran").exists()


def test_no_login_returns_to_another_machine_even_if_a_trusted_file_says_so(acme: Acme) -> None:
    with acme.toolkit(changed(acme, redirect_uri="https://attacker.example/callback")) as toolkit:
        for begin in (toolkit.oauth.begin, toolkit.oauth.get_authorization_url):
            with pytest.raises(ConfigError, match="http://localhost only"):
                begin("me")


@pytest.mark.parametrize(
    "change",
    [
        "    base_url: %s/v1",
        '    oauth: {client_id: x, token_endpoint: "%s/v1/token"}',
        '    oauth: {client_id: x, issuer: "%s"}',
        '    oauth: {client_id: x, revocation_endpoint: "%s/v1/r"}',
        '    oauth: {client_id: x, userinfo_endpoint: "%s/v1/u"}',
        '    oauth: {client_id: x, device_authorization_endpoint: "%s/v1/d"}',
    ],
    ids=["base_url", "token", "issuer", "revocation", "userinfo", "device"],
)
def test_a_built_in_provider_with_an_address_of_the_attackers_is_not_the_built_in_one(
    found: Path, elsewhere: Provider, change: str
) -> None:
    text = f"""
version: 1
credentials: {{store: file}}
state: {{store: memory}}
providers:
  github:
{change % elsewhere.base_url("anthropic")}
profiles:
  me: {{provider: github, oauth: {{}}, models: ["*"]}}
"""
    (found / "profiles.yaml").write_text(text)
    with cbauth.load() as toolkit:
        assert all("cbauth trust" in str(error) for error in every_door(toolkit))
    assert elsewhere.requests == []


def test_a_login_is_used_again_once_the_file_is_trusted(victim: Acme, found: Path) -> None:
    write(found, ACME, base=HOME, issuer=victim.identity.issuer, client=PUBLIC.id, more="")
    cbauth_trust(found)
    with cbauth.load() as toolkit:
        assert toolkit.oauth.get_access_token("me")
        assert toolkit.acquire("m").token
    (found / "profiles.yaml").write_text((found / "profiles.yaml").read_text() + "# changed\n")
    with cbauth.load() as toolkit, pytest.raises(ConfigError, match="cbauth trust"):
        toolkit.oauth.get_access_token("me")


def cbauth_trust(folder: Path) -> None:
    from cbauth.trust import trust

    trust(folder / "profiles.yaml")


# keys of stored logins


def changed(acme: Acme, **changes: Any) -> dict[str, Any]:
    config = acme.config()
    for name, value in changes.items():
        if name == "base_url":
            config["providers"]["acme"][name] = value
        elif name == "account":
            config["profiles"]["me"]["oauth"] = {"account": value}
        else:
            config["providers"]["acme"]["oauth"][name] = value
    return config


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "https://attacker.example/v1"},
        {"base_url": "https://llm.acme.example:8443/v1"},
        {"base_url": "http://127.0.0.1:1/v1"},
        {"client_id": "another"},
        {"account": "anna@acme.example"},
        {"issuer": "https://attacker.example"},
        {"token_endpoint": "https://attacker.example/token"},
        {"revocation_endpoint": "https://attacker.example/revoke"},
        {"userinfo_endpoint": "https://attacker.example/me"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_whatever_a_login_was_made_for_needs_a_new_one_when_it_changes(victim: Acme, changes: dict[str, Any]) -> None:
    with victim.toolkit(changed(victim, **changes)) as toolkit:
        assert toolkit.oauth.get_credential("me") is None
        with pytest.raises(LoginRequiredError, match="cbauth login me"):
            toolkit.oauth.get_access_token("me")
        with pytest.raises(LoginRequiredError, match="cbauth login me"):
            toolkit.acquire("m")
        assert not toolkit.oauth.logout("me")
    assert victim.identity.exchanges() == []
    with victim.toolkit() as toolkit:
        assert toolkit.oauth.get_access_token("me"), "the first one is still there"


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "https://llm.acme.example/v2"},
        {"base_url": "https://llm.acme.example:443/v1"},
        {"scopes": ["openid"]},
        {"redirect_uri": "http://127.0.0.1/"},
        {"refresh_before": "1m"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_what_it_was_not_made_for_may_change(victim: Acme, changes: dict[str, Any]) -> None:
    with victim.toolkit(changed(victim, **changes)) as toolkit:
        assert toolkit.oauth.get_access_token("me")


def test_endpoints_of_the_same_server_may_be_named(victim: Acme) -> None:
    named = {"revocation_endpoint": victim.identity.url("revocation")}
    with victim.toolkit(changed(victim, **named)) as toolkit:
        assert toolkit.oauth.logout("me")
    assert len(victim.identity.exchanges("revocation")) == 1


def test_two_accounts_are_two_logins(acme: Acme) -> None:
    config = acme.config()
    config["profiles"] = {
        name: {"provider": "acme", "oauth": {"account": f"{name}@acme.example"}, "models": ["*"]}
        for name in ("anna", "ben")
    }
    with acme.toolkit(config) as toolkit:
        for name in ("anna", "ben"):
            login = toolkit.oauth.begin(name)
            assert f"login_hint={name}%40acme.example" in login.url
            acme.identity.visit(login.url, account=f"{name}@acme.example")
            assert login.wait(20).account == f"{name}@acme.example"
        tokens = {name: toolkit.oauth.get_access_token(name) for name in ("anna", "ben")}
        assert acme.identity.introspect(tokens["anna"])["sub"] == "anna@acme.example"
        assert len(set(tokens.values())) == 2
        assert [login.id for login in toolkit.oauth.list_credentials()] == ["anna", "ben"]
        toolkit.oauth.logout("anna")
        assert toolkit.oauth.get_access_token("ben") == tokens["ben"]


def test_a_secret_that_cannot_be_had_is_named_and_nothing_is_sent(acme: Acme) -> None:
    config = changed(acme, client_id=BASIC.id, client_secret="env:NO_SUCH_SECRET")
    with acme.toolkit(config) as toolkit:
        login = toolkit.oauth.begin("me")
        acme.identity.visit(login.url)
        with pytest.raises(AuthError, match="NO_SUCH_SECRET is not set"):
            login.wait(20)
    assert acme.identity.asked() == 0


def test_a_provider_without_a_client_says_where_to_put_one(acme: Acme) -> None:
    config = {"version": 1, "profiles": {"me": {"provider": "github", "oauth": {}}}, "state": {"store": "memory"}}
    with acme.toolkit(config) as toolkit:
        for begin in (toolkit.oauth.begin, toolkit.oauth.begin_device, toolkit.oauth.get_authorization_url):
            with pytest.raises(ConfigError, match=r"set `providers\.github\.oauth\.client_id`"):
                begin("me")
