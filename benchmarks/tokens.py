"""Reading an access token that is still good: cbauth's manager, and msal beside it, both with one login in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import cache, partial
from importlib import import_module
from types import MappingProxyType
from typing import Any

from benchmarks import places
from benchmarks.measuring import Step
from cbauth.oauth import Credential, OAuthManager
from cbauth.oauth.credentials import MemoryCredentials, open_credentials
from cbauth.oauth.targets import Target
from cbauth.plan import OAuthClient
from cbauth.secrets import Secret

__all__ = ["access_token", "msal_token"]

LIFE = 30 * 86400.0
ENDPOINT = "https://login.acme.example/token"
SCOPE = "https://graph.microsoft.com/User.Read"
HOST = "login.microsoftonline.com"
AUTHORITY = f"https://{HOST}/common"
CLIENT_INFO = "eyJ1aWQiOiAibWUiLCAidXRpZCI6ICJ0ZW5hbnQifQ"
"""``{"uid": "me", "utid": "tenant"}``, as the server encodes it."""


@cache
def access_token(kind: str) -> Step:
    """``get_access_token`` of a login that is stored in ``memory``, or in a ``file``."""
    store = MemoryCredentials() if kind == "memory" else open_credentials("file", places.folder() / "logins")
    manager = OAuthManager(store=store)
    manager.configure_provider("acme", client_id="cbauth", token_endpoint=ENDPOINT)
    client = OAuthClient(client_id="cbauth", token_endpoint=ENDPOINT)
    target = Target(id="acme", provider_id="acme", provider_name="acme", client=client)
    now = time.time()
    store.save(
        Credential(
            key=target.key,
            id="acme",
            provider_id="acme",
            account=None,
            scopes=("openid",),
            access_token=Secret("a" * 800),
            refresh_token=Secret("r" * 800),
            expires_at=now + LIFE,
            lifetime=LIFE,
            received_at=now,
        )
    )
    assert manager.get_access_token("acme") == "a" * 800
    return partial(manager.get_access_token, "acme")


@cache
def msal_token() -> Step:
    """``acquire_token_silent`` of a public client whose cache holds the token; it asks nobody for anything."""
    msal = import_module("msal")
    cache = msal.TokenCache()
    application: Any = msal.PublicClientApplication(
        "cbauth", authority=AUTHORITY, token_cache=cache, instance_discovery=False, http_client=Offline()
    )
    cache.add(
        {
            "client_id": "cbauth",
            "scope": [SCOPE],
            "token_endpoint": f"{AUTHORITY}/oauth2/v2.0/token",
            "environment": HOST,
            "response": {
                "access_token": "a" * 800,
                "refresh_token": "r" * 800,
                "expires_in": int(LIFE),
                "token_type": "Bearer",
                "client_info": CLIENT_INFO,
                "scope": SCOPE,
            },
        }
    )
    (account,) = application.get_accounts()
    step = partial(application.acquire_token_silent, [SCOPE], account=account)
    assert step()["access_token"] == "a" * 800
    return step


class Offline:
    """What msal finds its endpoints with: their addresses, and nobody there."""

    def get(self, url: str, **options: Any) -> Any:
        """The discovery document."""
        return Answer()

    def post(self, url: str, **options: Any) -> Any:
        """No token is asked for."""
        raise AssertionError(f"{url} was asked")

    def close(self) -> None:
        """Nothing to close."""


class Answer:
    """An answer in the shape that msal reads."""

    status_code = 200
    headers: Mapping[str, str] = MappingProxyType({})
    text = json.dumps(
        {
            "authorization_endpoint": f"{AUTHORITY}/oauth2/v2.0/authorize",
            "token_endpoint": f"{AUTHORITY}/oauth2/v2.0/token",
            "issuer": f"https://{HOST}/{{tenantid}}/v2.0",
        }
    )

    def raise_for_status(self) -> None:
        """It is good."""
