"""``cbauth logout``: gone here in any case, and at the provider unless that is not wanted or cannot be had."""

from __future__ import annotations

import json

from tests.cli.logins.shell import Shell
from tests.support.identity import IdentityProvider, faults


def tokens(shell: Shell, identity: IdentityProvider) -> tuple[str, str]:
    """The access and the refresh token of the login that is there."""
    access = json.loads(shell.run("token", "acme-me", "--format", "json").out)["token"]
    return access, identity.secrets()["refresh_token"][-1]


def test_the_provider_revokes_it(shell: Shell, identity: IdentityProvider) -> None:
    shell.login()
    access, refresh = tokens(shell, identity)
    assert identity.introspect(refresh)["active"]
    logout = shell.run("logout", "acme-me")
    assert (logout.end(), logout.err) == (0, "")
    assert logout.out == "logged out: acme-me; Acme LLM has revoked the login\n"
    assert not identity.introspect(refresh)["active"]
    assert not identity.introspect(access)["active"]
    assert shell.run("token", "acme-me").end() == 4


def test_without_revoking_it_is_forgotten_here_alone(shell: Shell, identity: IdentityProvider) -> None:
    shell.login()
    access, refresh = tokens(shell, identity)
    logout = shell.run("logout", "acme-me", "--no-revoke")
    assert logout.end() == 0
    assert logout.out == "logged out: acme-me, on this machine only\n"
    assert identity.exchanges("revocation") == []
    assert identity.introspect(refresh)["active"]
    assert identity.introspect(access)["active"]
    assert shell.run("token", "acme-me").end() == 4


def test_a_provider_that_cannot_be_told_is_a_warning(shell: Shell, identity: IdentityProvider) -> None:
    shell.login()
    identity.fail(faults.status(500), times=9, endpoint="revocation")
    logout = shell.run("logout", "acme-me")
    assert logout.end() == 0
    assert logout.out == "logged out: acme-me, on this machine\n"
    assert logout.err.startswith("warning: Acme LLM could not be told, so its tokens may still be good: ")
    assert shell.run("token", "acme-me").end() == 4


def test_when_nobody_was_logged_in_that_is_said_and_fine(shell: Shell, identity: IdentityProvider) -> None:
    logout = shell.run("logout", "acme-me")
    assert (logout.end(), logout.out, logout.err) == (0, "", "nobody was logged in to acme-me\n")
    assert identity.exchanges() == []


def test_a_profile_with_a_key_has_nothing_to_log_out_of(shell: Shell) -> None:
    logout = shell.run("logout", "team")
    assert logout.end() == 2
    assert "it uses env:TEAM_KEY" in logout.err
