"""Logins at the real identity provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oauth.acme import Acme
from tests.support.identity import IdentityProvider


@pytest.fixture
def acme(identity: IdentityProvider, tmp_path: Path) -> Iterator[Acme]:
    made = Acme(identity=identity, folder=tmp_path / "logins")
    yield made
    made.close()
