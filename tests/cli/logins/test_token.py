"""``cbauth token``: the token and nothing else, or all that a program needs; refreshed if need be."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cli.logins.shell import Shell
from tests.support.identity import IdentityProvider, faults
from tests.support.processes import eventually


def expire(shell: Shell) -> None:
    """Wait until the token that is there has expired."""
    record = next(r for r in json.loads(shell.run("status", "--json").out)["profiles"] if r["profile_id"] == "acme-me")
    assert eventually(lambda: time.time() > record["token_expires_at"])


def test_raw_is_the_token_and_a_line_end(shell: Shell, identity: IdentityProvider) -> None:
    shell.login()
    token = shell.run("token", "acme-me")
    assert (token.end(), token.err) == (0, "")
    assert token.out == identity.secrets()["access_token"][-1] + "\n"
    assert identity.introspect(token.out.strip())["active"]


def test_json_has_all_that_a_program_needs(shell: Shell) -> None:
    shell.login()
    token = shell.run("token", "acme-me").out.strip()
    answer = shell.run("token", "acme-me", "--format", "json")
    record = json.loads(answer.out)
    assert 0 < record.pop("expires_at") - time.time() <= 3600
    assert record == {
        "token": token,
        "token_type": "Bearer",
        "profile_id": "acme-me",
        "provider_id": "acme",
        "account": "me@acme.example",
        "scopes": ["openid", "offline_access", "email"],
        "headers": {"Authorization": f"Bearer {token}"},
        "base_url": "https://llm.acme.example/v1",
    }


def test_an_expired_one_is_refreshed_once(shell: Shell, identity: IdentityProvider) -> None:
    identity.set_access_token_ttl(1)
    shell.login()
    expire(shell)
    identity.set_access_token_ttl(3600)
    first, second = (shell.run("token", "acme-me").out for _ in range(2))
    assert first == second == identity.secrets()["access_token"][-1] + "\n"
    assert identity.asked("refresh_token") == 1


def test_a_provider_that_is_down_is_a_failure_and_the_login_stays(shell: Shell, identity: IdentityProvider) -> None:
    identity.set_access_token_ttl(1)
    shell.login()
    expire(shell)
    identity.fail(faults.status(503), times=9)
    token = shell.run("token", "acme-me")
    assert (token.end(), token.out) == (1, "")
    assert token.err.startswith("cbauth: the token of acme-me cannot be refreshed: ")
    identity.reset()
    assert shell.run("token", "acme-me").end() == 0


def test_a_login_that_was_taken_back_exits_with_4_and_says_what_to_type(
    shell: Shell, identity: IdentityProvider
) -> None:
    identity.set_access_token_ttl(1)
    shell.login()
    expire(shell)
    identity.revoke_account()
    token = shell.run("token", "acme-me")
    assert (token.end(), token.out) == (4, "")
    assert "run `cbauth login acme-me`" in token.err


def test_without_a_login_it_exits_with_4_and_says_what_to_type(shell: Shell) -> None:
    token = shell.run("token", "acme-me", "--format", "json")
    assert (token.end(), token.out) == (4, "")
    assert token.err == "cbauth: profile acme-me: nobody is logged in; run `cbauth login acme-me`\n"


def test_the_words_to_type_name_the_file_that_was_named(here: Path, shell: Shell) -> None:
    (here / "my own.yaml").write_text((here / "profiles.yaml").read_text())
    token = shell.run("token", "acme-me", "--config", "my own.yaml")
    assert token.end() == 4
    assert "run `cbauth login acme-me --config 'my own.yaml'`" in token.err


def test_the_key_of_a_profile_that_does_not_log_in(shell: Shell) -> None:
    assert shell.run("token", "team").out == "key-of-the-team-4711\n"
    assert json.loads(shell.run("token", "team", "--format", "json").out) == {
        "token": "key-of-the-team-4711",
        "token_type": None,
        "expires_at": None,
        "profile_id": "team",
        "provider_id": "openai",
        "account": None,
        "scopes": [],
        "headers": {"Authorization": "Bearer key-of-the-team-4711"},
        "base_url": "https://api.openai.com/v1",
    }


def test_a_key_that_is_not_set_is_a_failure(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEAM_KEY")
    token = shell.run("token", "team")
    assert (token.end(), token.out, token.err) == (1, "", "cbauth: TEAM_KEY is not set\n")


def test_a_named_file_is_used_instead(here: Path, shell: Shell) -> None:
    shell.login()
    other = here / "other.yaml"
    other.write_text((here / "profiles.yaml").read_text().replace("acme-me", "mine"))
    token = shell.run("token", "mine", "--config", str(other))
    assert token.end() == 0, "the same login, by another profile's name"
    assert shell.run("token", "mine").end() == 2
