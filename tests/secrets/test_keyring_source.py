"""Credentials from the system's keyring; a backend of our own stands where the system's would."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import keyring
import keyring.backend
import keyring.errors
import pytest

from cbauth.errors import AuthError
from cbauth.plan import SecretRef
from cbauth.secrets import Source, source_for


class Backend(keyring.backend.KeyringBackend):
    """Passwords in a dictionary, or an error."""

    priority = 1

    def __init__(self) -> None:
        self.passwords = {("acme", "me"): "sk-1"}
        self.error: Exception | None = None
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password


@pytest.fixture
def backend() -> Iterator[Backend]:
    before, backend = keyring.get_keyring(), Backend()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def keyring_source(service: str = "acme", user: str = "me") -> Source:
    return source_for((SecretRef("keyring", (service, user)),), base_dir=None)


def test_the_keyring_gives_the_password(backend: Backend) -> None:
    source = keyring_source()
    assert source.missing() is None
    assert source.get().reveal() == "sk-1"


def test_it_is_asked_once_until_it_is_forgotten(backend: Backend) -> None:
    source = keyring_source()
    for _ in range(5):
        source.get()
    assert backend.asked == 1
    keyring.set_password("acme", "me", "sk-2")
    source.forget()
    assert source.get().reveal() == "sk-2"
    assert backend.asked == 2


def test_a_password_that_is_not_there_says_how_to_store_it(backend: Backend) -> None:
    with pytest.raises(AuthError, match="has no password for acme/you: run `keyring set acme you`"):
        keyring_source("acme", "you").get()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (keyring.errors.NoKeyringError("none"), "no keyring that works"),
        (keyring.errors.KeyringLocked("locked"), "the keyring is locked; unlock it"),
        (keyring.errors.InitError("bus"), "the keyring failed with InitError"),
        (RuntimeError("a backend's own"), "the keyring failed with RuntimeError"),
    ],
)
def test_a_failing_backend_becomes_one_clear_sentence(backend: Backend, error: Exception, sentence: str) -> None:
    backend.error = error
    source = keyring_source()
    with pytest.raises(AuthError, match=sentence) as raised:
        source.get()
    assert raised.value.__context__ is None
    backend.error = None
    assert source.get().reveal() == "sk-1", "a failure is not remembered"


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    source = keyring_source()
    assert source.missing() == 'the keyring package is not installed: run `pip install "cbauth[keyring]"`'
    with pytest.raises(AuthError, match=r'pip install "cbauth\[keyring\]"'):
        source.get()


def test_a_package_that_was_loaded_by_hand_is_taken_for_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", ModuleType("keyring"))
    assert keyring_source().missing() is None


def test_a_password_that_cannot_be_sent_is_refused(backend: Backend) -> None:
    keyring.set_password("acme", "me", "two\nlines")
    with pytest.raises(AuthError, match="keyring:acme/me has more than one line"):
        keyring_source().get()
