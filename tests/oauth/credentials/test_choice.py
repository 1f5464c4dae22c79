"""Where logins are kept is decided by what a keyring does, once, and remembered."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import keyring.errors
import pytest

from cbauth.errors import ConfigError, StoreError
from cbauth.oauth.credentials import FileStore, KeyringStore, open_credentials
from tests.oauth.credentials.conftest import Use
from tests.oauth.credentials.keyrings import (
    Clinging,
    InMemory,
    Lying,
    PlaintextKeyring,
    Short,
    Silent,
    Truncating,
)
from tests.oauth.credentials.logins import KEY, login


class Failing(InMemory):
    """One that raises whatever it is asked."""

    def _called(self, name: str) -> None:
        raise keyring.errors.KeyringLocked("locked")


class Chain(InMemory):
    """Several keyrings as one, the first of which is written to, as the keyring package has it."""

    def __init__(self, *backends: keyring.backend.KeyringBackend) -> None:
        super().__init__()
        self.backends = backends


def made(kind: Callable[[], keyring.backend.KeyringBackend]) -> keyring.backend.KeyringBackend:
    """One of keyring's own, whose constructors have no types."""
    return kind()


UNFIT: dict[str, tuple[keyring.backend.KeyringBackend, str]] = {
    "one that fails": (Failing(), "it is locked"),
    "one that refuses 4 kB": (Short(), "failed with PasswordSetError"),
    "one that cuts off": (Truncating(), "does not keep a text of 4096 characters"),
    "one that lies": (Lying(), "does not keep"),
    "one that does not forget": (Clinging(), "does not forget"),
    "one in plain text": (PlaintextKeyring(), "is no safe place"),
    "a chain that begins in plain text": (Chain(PlaintextKeyring(), InMemory()), "is no safe place"),
    "none": (made(keyring.backends.fail.Keyring), "is no safe place"),
    "the null keyring": (made(keyring.backends.null.Keyring), "is no safe place"),
}


def memory(folder: Path) -> str:
    return (folder / "backend").read_text()


def test_a_keyring_that_works_is_chosen_and_remembered(folder: Path, ring: InMemory) -> None:
    store = open_credentials("auto", folder)
    assert isinstance(store, KeyringStore)
    assert memory(folder) == "keyring\n"
    assert ring.entries == {}, "the probe leaves nothing behind"


def test_a_chain_that_begins_with_a_safe_keyring_is_chosen(folder: Path, use: Use) -> None:
    use(Chain(InMemory(), PlaintextKeyring()))
    assert isinstance(open_credentials("auto", folder), KeyringStore)


@pytest.mark.parametrize("name", UNFIT)
def test_an_unfit_keyring_means_files_and_naming_it_is_an_error_with_advice(name: str, folder: Path, use: Use) -> None:
    ring, reason = UNFIT[name]
    use(ring)
    assert isinstance(open_credentials("auto", folder), FileStore)
    assert memory(folder) == "file\n"
    with pytest.raises(StoreError, match=f"{reason}.*set `credentials: {{store: file}}`"):
        open_credentials("keyring", folder)


def test_a_keyring_that_never_answers_means_files(folder: Path, use: Use) -> None:
    silent = Silent()
    use(silent)
    try:
        begun = time.monotonic()
        assert isinstance(open_credentials("auto", folder, patience=0.2), FileStore)
        assert time.monotonic() - begun < 5
    finally:
        silent.answers.set()


def test_without_the_keyring_package_there_are_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert isinstance(open_credentials("auto", folder), FileStore)
    with pytest.raises(StoreError, match=r'pip install "cbauth\[keyring\]"'):
        open_credentials("keyring", folder)


def test_a_remembered_choice_is_not_probed_again(folder: Path, ring: InMemory) -> None:
    open_credentials("auto", folder)
    ring.calls.clear()
    assert isinstance(open_credentials("auto", folder), KeyringStore)
    assert ring.calls == ["get"]


def test_files_stay_chosen_when_a_keyring_appears(folder: Path, use: Use) -> None:
    use(Failing())
    open_credentials("auto", folder).save(login())
    ring = InMemory()
    use(ring)
    store = open_credentials("auto", folder)
    assert store.load(KEY) == login()
    assert ring.calls == []


@pytest.mark.parametrize("name", [name for name in UNFIT if name not in ("one that refuses 4 kB", "one that cuts off")])
def test_a_chosen_keyring_that_broke_is_an_error_and_never_replaced_by_files(
    name: str, folder: Path, use: Use, ring: InMemory
) -> None:
    """Logins in it would seem to be lost. One that still answers goes on being used."""
    open_credentials("auto", folder).save(login())
    use(UNFIT[name][0])
    if name in ("one that lies", "one that does not forget"):
        assert isinstance(open_credentials("auto", folder), KeyringStore)
    else:
        with pytest.raises(StoreError, match=r"kept in the system's keyring, and it cannot be used now") as raised:
            open_credentials("auto", folder)
        assert "`credentials: {store: file}`" in str(raised.value)
        assert str(folder / "backend") in str(raised.value)
    assert isinstance(open_credentials("file", folder), FileStore)
    assert memory(folder) == "keyring\n"
    use(ring)
    assert open_credentials("auto", folder).load(KEY) == login()


def test_naming_a_place_does_not_change_what_was_decided(folder: Path, ring: InMemory) -> None:
    open_credentials("keyring", folder).save(login())
    open_credentials("file", folder)
    assert not (folder / "backend").exists()
    ring.calls.clear()
    assert isinstance(open_credentials("keyring", folder), KeyringStore)
    assert ring.calls == ["get"], "logins are listed there, so it works"


@pytest.mark.parametrize("content", [b"", b"\xff", b"elsewhere\n", b"auto"])
def test_a_memory_that_says_nothing_is_written_anew(content: bytes, folder: Path, ring: InMemory) -> None:
    open_credentials("auto", folder)
    (folder / "backend").write_bytes(content)
    assert isinstance(open_credentials("auto", folder), KeyringStore)
    assert memory(folder) == "keyring\n"


def test_of_several_who_begin_at_once_one_decides(folder: Path, ring: InMemory) -> None:
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: open_credentials("auto", folder), range(6)))
    assert {type(store) for store in stores} == {KeyringStore}
    assert ring.calls.count("set") == 1


def test_no_other_place_can_be_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match="auto, keyring, file, not in 'plaintext'"):
        open_credentials("plaintext", folder)
