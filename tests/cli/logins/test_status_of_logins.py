"""``cbauth status`` of profiles that log in: whose login, where it is kept, until when; looking changes nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.cli.logins.shell import Shell, config_for
from tests.support.identity import IdentityProvider
from tests.support.processes import eventually


def record(shell: Shell) -> dict[str, Any]:
    profiles = json.loads(shell.run("status", "--json").out)["profiles"]
    found: dict[str, Any] = next(each for each in profiles if each["profile_id"] == "acme-me")
    return found


def only_the_login(here: Path) -> None:
    """Leave the one profile that logs in."""
    file = here / "profiles.yaml"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "team" not in line))


def held(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All files of a folder, with what is in them and when they were written."""
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_it_tells_whose_login_is_used_where_it_is_kept_and_until_when(shell: Shell) -> None:
    shell.login()
    status = shell.run("status")
    assert status.end() == 0
    (line,) = [line for line in status.out.splitlines() if line.startswith("acme-me")]
    assert "  oauth: me@acme.example in files in ~/data/cbauth/credentials  20" in line
    assert "  ready  " in line


def test_json_has_it_in_fields(shell: Shell) -> None:
    shell.login()
    found = record(shell)
    assert 0 < found["token_expires_at"] - time.time() <= 3600
    assert (found["account"], found["stored_in"]) == ("me@acme.example", "files in ~/data/cbauth/credentials")
    assert (found["credential_source"], found["missing"]) == ("oauth:acme-me", None)


def test_without_a_login_it_says_what_to_type_and_chooses_no_place_for_one(
    here: Path, shell: Shell, identity: IdentityProvider, home: Path
) -> None:
    file = here / "profiles.yaml"
    file.write_text(file.read_text().replace("credentials: {store: file}\n", ""))
    assert "not ready: needs a login: run `cbauth login acme-me`" in shell.run("status").out
    assert record(shell)["token_expires_at"] is None
    assert not (home / "data/cbauth").exists()
    shell.login()
    assert record(shell)["account"] == "me@acme.example"


def test_looking_refreshes_and_writes_nothing(shell: Shell, identity: IdentityProvider, home: Path) -> None:
    identity.set_access_token_ttl(1)
    shell.login()
    ends = record(shell)["token_expires_at"]
    assert eventually(lambda: time.time() > ends)
    before = held(home / "data")
    identity.reset()
    assert "  ready  " in shell.run("status").out, "it can be refreshed"
    assert shell.run("status", "--check").end() == 0
    assert record(shell)["token_expires_at"] == ends
    assert identity.exchanges() == []
    assert held(home / "data") == before


def test_check_exits_with_4_while_a_login_is_missing(here: Path, shell: Shell) -> None:
    only_the_login(here)
    check = shell.run("status", "--check")
    assert check.end() == 4
    assert check.err == "a login is required: run `cbauth login acme-me`\n"
    shell.login()
    assert shell.run("status", "--check").end() == 0
    shell.run("logout", "acme-me")
    assert shell.run("status", "--check").end() == 4


def test_watching_shows_a_login_that_comes_later(here: Path, shell: Shell, identity: IdentityProvider) -> None:
    (here / "profiles.yaml").write_text(config_for(identity).replace("credentials: {store: file}\n", ""))
    watch = shell.start("status", "--watch")
    watch.said("needs a login", "out")
    shell.login()
    watch.said("oauth: me@acme.example", "out")
    watch.interrupt()
    assert watch.end() == 130
    assert "Traceback" not in watch.err


def test_a_place_for_logins_that_cannot_be_read_is_told_in_its_row(here: Path, shell: Shell, home: Path) -> None:
    (home / "data/cbauth").mkdir(mode=0o700)
    (home / "data/cbauth/credentials").write_text("a file in the place of a folder")
    status = shell.run("status")
    assert status.end() == 0
    assert "not ready: " in status.out
    assert "credentials" in status.out


def test_watching_and_checking_are_two_things(shell: Shell) -> None:
    status = shell.run("status", "--watch", "--check")
    assert status.end() == 2
    assert "leave out --watch" in status.err
