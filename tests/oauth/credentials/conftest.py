"""A folder for logins, all kinds of store, and keyrings that stand where the system's would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import keyring.backend
import pytest

from cbauth.oauth.credentials import CredentialStore, MemoryCredentials, open_credentials
from tests.oauth.credentials.keyrings import InMemory

Use = Callable[[keyring.backend.KeyringBackend], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Not there yet."""
    return tmp_path / "data" / "credentials"


@pytest.fixture
def use() -> Iterator[Use]:
    """Puts a keyring in the system's place until the test ends."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


@pytest.fixture
def ring(use: Use) -> InMemory:
    """A keyring that works."""
    ring = InMemory()
    use(ring)
    return ring


@pytest.fixture
def files(folder: Path) -> CredentialStore:
    return open_credentials("file", folder)


@pytest.fixture
def vault(folder: Path, ring: InMemory) -> CredentialStore:
    return open_credentials("keyring", folder)


@pytest.fixture
def memory() -> CredentialStore:
    return MemoryCredentials()


@pytest.fixture(params=["files", "vault", "memory"])
def store(request: pytest.FixtureRequest) -> CredentialStore:
    """Each kind of store in turn."""
    made: CredentialStore = request.getfixturevalue(request.param)
    return made
