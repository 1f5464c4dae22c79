"""A client that does by hand, with nothing but HTTP, what cbauth does and what it must never do."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from tests.support.identity import PUBLIC, Client, IdentityProvider

__all__ = ["DEVICE", "REDIRECT", "SOON", "App", "good", "query", "refused"]

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
REDIRECT = "http://127.0.0.1:49152/callback"
"""Nobody listens there: tests take the code from the URL."""
SOON = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One login of one client."""

    identity: IdentityProvider
    http: requests.Session
    client: Client = PUBLIC
    redirect_uri: str = REDIRECT
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def authorization_url(self, **changes: str | None) -> str:
        params: dict[str, str | None] = {
            "client_id": self.client.id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": "openid offline_access email profile",
            "prompt": "consent",
            "state": "state-1",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        }
        given = {name: value for name, value in (params | changes).items() if value is not None}
        return f"{self.identity.url('authorization')}?{urlencode(given)}"

    def post(self, url: str, **data: str) -> requests.Response:
        """A request of this client, by its method of authentication."""
        secret = self.identity.secret_of(self.client)
        auth = (self.client.id, secret) if self.client.method == "client_secret_basic" else None
        if auth is None:
            data["client_id"] = self.client.id
        if self.client.method == "client_secret_post":
            data["client_secret"] = secret
        return self.http.post(url, data=data, auth=auth, allow_redirects=False, timeout=SOON)

    def token(self, grant: str, **data: str) -> requests.Response:
        return self.post(self.identity.url("token"), grant_type=grant, **data)

    def code(self) -> str:
        return query(self.identity.approve(self.authorization_url()))["code"]

    def exchange(self, code: str, verifier: str = "") -> requests.Response:
        return self.token(
            "authorization_code", code=code, redirect_uri=self.redirect_uri, code_verifier=verifier or self.verifier
        )

    def login(self) -> dict[str, Any]:
        return good(self.exchange(self.code()))

    def refresh(self, refresh_token: str) -> requests.Response:
        return self.token("refresh_token", refresh_token=refresh_token)

    def device(self) -> dict[str, Any]:
        return good(self.post(self.identity.url("device_authorization"), scope="openid offline_access"))


def query(url: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


def good(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def refused(answer: requests.Response) -> str:
    assert answer.status_code in (400, 401), answer.text
    error: str = answer.json()["error"]
    return error
