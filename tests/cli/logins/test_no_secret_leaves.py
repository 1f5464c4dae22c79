"""No secret of a login is anywhere but in the file that keeps it: no output, no command line, no other file.

What the commands say is looked through after every test here (``conftest.py``).
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.cli.logins.shell import Shell
from tests.support.identity import IdentityProvider, faults


def secrets(identity: IdentityProvider) -> list[bytes]:
    return [value.encode() for value in identity.issued()]


def command_lines() -> Iterator[bytes]:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            yield process.read_bytes()


def holders(identity: IdentityProvider, *folders: Path) -> list[Path]:
    """The files that hold a secret."""
    found = secrets(identity)
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and any(secret in path.read_bytes() for secret in found)
    ]


def test_of_a_login_only_the_file_that_keeps_it_holds_any(
    here: Path, shell: Shell, identity: IdentityProvider, home: Path
) -> None:
    login = shell.start("login", "acme-me", "--no-browser", typing=True)
    landing = identity.approve(login.url(identity))
    waiting = list(command_lines())
    login.type(landing.replace("/callback", "/elsewhere"))
    login.said("did not finish the login")
    login.type(landing)
    assert login.end() == 0
    shell.run("status")
    shell.run("status", "--json")
    shell.run("token", "acme-me")
    assert [line for line in waiting if any(secret in line for secret in secrets(identity))] == []
    (holder,) = holders(identity, home, here)
    assert holder.parent == home / "data/cbauth/credentials"
    assert stat.S_IMODE(holder.stat().st_mode) == 0o600
    shell.run("logout", "acme-me")
    assert holders(identity, home, here) == []


def test_while_a_program_runs_no_command_line_holds_any(shell: Shell, identity: IdentityProvider) -> None:
    shell.login()
    run = shell.start("run", "acme-me", "--", "sh", "-c", "echo ready; read line", typing=True)
    run.said("ready", "out")
    assert [line for line in command_lines() if any(secret in line for secret in secrets(identity))] == []
    run.type("")
    assert run.end() == 0


def test_what_a_provider_says_of_a_failure_shows_none(here: Path, shell: Shell, identity: IdentityProvider) -> None:
    identity.fail(faults.error("invalid_grant", "the code CANARY was used: access_token=tok-CANARY-77"))
    login = shell.start("login", "acme-me", "--no-browser")
    identity.visit(login.url(identity))
    assert login.end() == 1
    assert "tok-CANARY" not in login.err
    assert len(login.err.splitlines()[-1]) < 400
