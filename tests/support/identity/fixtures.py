"""The provider as fixtures; every test finds them (``tests/conftest.py`` names this module as a plugin)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.identity.provider import IdentityProvider

__all__ = ["identity", "identity_process"]


@pytest.fixture(scope="session")
def identity_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    """One process for all tests of this worker."""
    with IdentityProvider(tmp_path_factory.mktemp("identity")) as provider:
        yield provider


@pytest.fixture
def identity(identity_process: IdentityProvider) -> Iterator[IdentityProvider]:
    """An identity provider that nobody has asked for anything yet."""
    identity_process.reset()
    yield identity_process
    identity_process.reset()
