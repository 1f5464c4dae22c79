"""Logins in the keyring: what is written, and keyrings that fail, cut off, lie or never answer."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import keyring.errors
import pytest

from cbauth.errors import StoreError
from cbauth.oauth.credentials import CredentialStore, open_credentials
from cbauth.secrets import Secret
from tests.oauth.credentials.conftest import Use
from tests.oauth.credentials.keyrings import InMemory, Silent, Truncating
from tests.oauth.credentials.logins import CANARY, KEY, login

ENTRY = ("cbauth", KEY)
INDEX = ("cbauth", ":index")


def test_a_login_is_an_entry_under_its_key_and_no_file_holds_it(
    vault: CredentialStore, ring: InMemory, folder: Path
) -> None:
    vault.save(login())
    assert vault.description == "keyring"
    assert repr(vault) == "<keyring>"
    assert json.loads(ring.entries[ENTRY])["id"] == "acme-me"
    assert json.loads(ring.entries[INDEX])["keys"] == [KEY]
    assert {path.suffix for path in folder.iterdir()} == {".lock"}
    vault.delete(KEY)
    assert set(ring.entries) == {INDEX}


def test_an_entry_that_went_away_is_not_listed(vault: CredentialStore, ring: InMemory) -> None:
    vault.save(login())
    del ring.entries[ENTRY]
    assert vault.all() == []
    assert vault.delete(KEY) is False


@pytest.mark.parametrize("content", ["", "{", CANARY, '{"version": 1}', "[" * 100_000])
def test_a_damaged_entry_is_missed_with_one_warning_that_quotes_nothing(
    content: str, vault: CredentialStore, ring: InMemory, caplog: pytest.LogCaptureFixture
) -> None:
    vault.save(login())
    ring.entries[ENTRY] = content
    for _ in range(2):
        assert vault.load(KEY) is None
        assert vault.all() == []
    assert [record.levelname for record in caplog.records if record.name == "cbauth.oauth"] == ["WARNING"]
    assert CANARY not in caplog.text
    vault.save(login())
    assert vault.load(KEY) == login()


@pytest.mark.parametrize("content", ["{", "[]", '{"keys": 1}', '{"keys": [1]}'])
def test_a_damaged_list_costs_no_login(
    content: str, vault: CredentialStore, ring: InMemory, caplog: pytest.LogCaptureFixture
) -> None:
    vault.save(login())
    ring.entries[INDEX] = content
    assert vault.all() == []
    assert vault.load(KEY) == login()
    vault.save(login())
    assert vault.all() == [login()]
    assert caplog.text.count("no list of logins") == 1


def test_a_newer_format_is_refused_and_left_as_it_is(
    vault: CredentialStore, ring: InMemory, caplog: pytest.LogCaptureFixture
) -> None:
    vault.save(login())
    vault.save(login(key="other"))
    ring.entries[ENTRY] = content = json.dumps({"version": 7, "secret": CANARY})
    acts: tuple[Callable[[], object], ...] = (lambda: vault.load(KEY), lambda: vault.save(login()))
    for act in acts:
        with pytest.raises(StoreError, match=r"left as it is: a newer cbauth wrote it \(its format is 7"):
            act()
    assert [each.key for each in vault.all()] == ["other"]
    assert ring.entries[ENTRY] == content
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (keyring.errors.KeyringLocked(CANARY), "it is locked"),
        (keyring.errors.NoKeyringError(CANARY), "this system has none that works"),
        (keyring.errors.PasswordSetError(CANARY), "it failed with PasswordSetError"),
        (OSError(5, CANARY), "it failed with OSError"),
        (ValueError(CANARY), "it failed with ValueError"),
    ],
)
def test_every_error_of_a_keyring_becomes_one_of_ours_with_advice(
    error: Exception, told: str, vault: CredentialStore, ring: InMemory
) -> None:
    vault.save(login())
    ring.error = error
    for act in (
        lambda: vault.load(KEY),
        lambda: vault.save(login(access_token=Secret("new"))),
        lambda: vault.delete(KEY),
        lambda: vault.all(),
    ):
        with pytest.raises(
            StoreError, match=f"{told}.*Unlock or start it, or set `credentials: {{store: file}}`"
        ) as it:
            act()
        assert it.value.__context__ is None
    ring.error = None
    assert vault.load(KEY) == login()


def test_a_login_that_the_keyring_cuts_off_is_an_error_and_the_old_one_stays(folder: Path, use: Use) -> None:
    ring = Truncating()
    ring.limit = 5000
    use(ring)
    vault = open_credentials("keyring", folder)
    vault.save(login())
    with pytest.raises(StoreError, match=r"has not stored the login of acme-me: it does not keep a text of \d+ char"):
        vault.save(login(access_token=Secret("x" * 6000)))
    assert vault.load(KEY) == login()
    with pytest.raises(StoreError, match="has not stored"):
        vault.save(login(key="new", access_token=Secret("x" * 6000)))
    assert vault.load("new") is None
    assert vault.all() == [login()]


def test_a_keyring_that_never_answers_is_given_up_in_time(folder: Path, use: Use, ring: InMemory) -> None:
    vault = open_credentials("keyring", folder, patience=0.2)
    silent = Silent()
    use(silent)
    try:
        begun = time.monotonic()
        with pytest.raises(StoreError, match=r"it has not answered within 0.2 s"):
            vault.load(KEY)
        assert time.monotonic() - begun < 5
    finally:
        silent.answers.set()


def test_a_keyring_that_does_not_forget_is_no_logout(
    vault: CredentialStore, ring: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.save(login())
    monkeypatch.setattr(ring, "delete_password", lambda service, username: None)
    with pytest.raises(StoreError, match="it does not forget"):
        vault.delete(KEY)
    assert vault.all() == [login()]


def test_the_list_holds_every_login_that_processes_saved_at_once(vault: CredentialStore, ring: InMemory) -> None:
    """Threads stand for processes here: the lock is the same file."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: vault.save(login(key=f"key-{n}")), range(24)))
    assert {each.key for each in vault.all()} == {f"key-{n}" for n in range(24)}


def test_no_log_of_a_login_in_the_keyring_holds_it(vault: CredentialStore, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        vault.save(login())
        vault.load(KEY)
        vault.delete(KEY)
    assert CANARY not in caplog.text
