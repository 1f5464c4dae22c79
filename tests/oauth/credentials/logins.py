"""Logins to store."""

from __future__ import annotations

from typing import Any

from cbauth.oauth.credentials import Credential
from cbauth.secrets import Secret

CANARY = "canary-0123456789"
KEY = "3f1c" * 16


def login(**fields: Any) -> Credential:
    """A login whose tokens are canaries; ``fields`` replace what it has."""
    usual: dict[str, Any] = {
        "key": KEY,
        "id": "acme-me",
        "provider_id": "acme",
        "account": "me@acme.example",
        "scopes": ("openid", "offline_access"),
        "access_token": Secret(f"access-{CANARY}"),
        "refresh_token": Secret(f"refresh-{CANARY}"),
        "expires_at": 1_800_000_000.5,
        "lifetime": 3600.0,
        "received_at": 1_799_996_400.5,
        "extra": {"id_token": f"id-{CANARY}"},
    }
    return Credential(**usual | fields)
