"""A client that talks to the identity provider by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.oauth.identity.by_hand import App
from tests.support.identity import IdentityProvider


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["accept"] = "application/json"
        yield session


@pytest.fixture
def app(identity: IdentityProvider, http: requests.Session) -> App:
    return App(identity=identity, http=http)
