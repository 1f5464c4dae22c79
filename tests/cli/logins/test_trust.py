"""A profiles.yaml that came with somebody's repository gets no login, no token and no program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.logins.shell import Shell, config_for
from tests.support.identity import IdentityProvider


@pytest.fixture
def strange(here: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Somebody is logged in by a file of their own, and now stands before one that was only found."""
    own = here / "own.yaml"
    own.write_text((here / "profiles.yaml").read_text())
    monkeypatch.setenv("CBAUTH_CONFIG", str(own))
    shell.login()
    monkeypatch.delenv("CBAUTH_CONFIG")
    return shell


@pytest.mark.parametrize(
    "words",
    [
        ("login", "acme-me"),
        ("login", "acme"),
        ("logout", "acme-me"),
        ("token", "acme-me"),
        ("token", "acme"),
        ("run", "acme-me", "--", "env"),
        ("run", "--model", "atlas-large", "--", "env"),
    ],
)
def test_it_is_refused_with_what_to_type(strange: Shell, identity: IdentityProvider, words: tuple[str, ...]) -> None:
    identity.reset()
    refused = strange.run(*words)
    assert refused.end() == 1
    assert refused.out == ""
    assert "run `cbauth trust`" in refused.err
    assert identity.exchanges() == []


def test_the_status_says_so_too_and_asks_for_no_login(here: Path, strange: Shell) -> None:
    file = here / "profiles.yaml"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "team" not in line))
    check = strange.run("status", "--check")
    assert check.end() == 1
    assert "not ready: profiles.yaml was only found here and is not trusted: run `cbauth trust`" in check.out
    assert "cbauth login" not in check.out + check.err


def test_once_it_is_trusted_the_login_is_there(strange: Shell) -> None:
    assert strange.run("trust").end() == 0
    assert strange.run("token", "acme-me").end() == 0
    assert strange.run("run", "acme-me", "--", "true").end() == 0


def test_a_trusted_file_that_names_another_host_gets_no_stored_login(here: Path, strange: Shell) -> None:
    (here / "profiles.yaml").write_text((here / "own.yaml").read_text().replace("llm.acme.example", "llm.evil.example"))
    assert strange.run("trust").end() == 0
    token = strange.run("token", "acme-me")
    assert (token.end(), token.out) == (4, "")


def test_without_a_credential_no_program_is_sent_to_a_strangers_host(
    here: Path, shell: Shell, identity: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CBAUTH_CONFIG")
    (here / "profiles.yaml").write_text(
        'version: 1\nprofiles: {it: {provider: ollama, base_url: "https://evil.example"}}\n'
    )
    run = shell.run("run", "it", "--", "env")
    assert (run.end(), run.out) == (1, "")
    assert "run `cbauth trust`" in run.err


def test_a_profile_with_a_key_for_the_providers_own_host_needs_no_trust(
    here: Path, shell: Shell, identity: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CBAUTH_CONFIG")
    (here / "profiles.yaml").write_text(config_for(identity))
    assert shell.run("run", "team", "--", "true").end() == 0
