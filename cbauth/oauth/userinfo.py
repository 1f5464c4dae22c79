"""Whose login it is: the user info endpoint (OpenID Connect Core section 5.3), and what an ID token says of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import requests

from cbauth.errors import AuthError
from cbauth.oauth.transport import Session
from cbauth.secrets import Secret

__all__ = ["RefusedError", "account_in", "ask_user_info", "name_in"]

NAMES = ("email", "preferred_username", "login", "name", "sub")
LONGEST = 200


class RefusedError(AuthError):
    """The endpoint does not accept the token."""


def ask_user_info(url: str, token: Secret) -> dict[str, Any]:
    """The claims about the user. Raises ``AuthError``."""
    answer = _answer(url, token)
    if isinstance(answer, str):
        raise AuthError(f"user info cannot be had: {answer}")
    if answer.status_code in (401, 403):
        raise RefusedError(f"user info cannot be had: the token is not accepted (HTTP {answer.status_code})")
    if answer.status_code != 200:
        raise AuthError(f"user info cannot be had: HTTP {answer.status_code}")
    try:
        data = answer.json()
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise AuthError("user info cannot be had: the answer is no JSON object")
    return data


def _answer(url: str, token: Secret) -> requests.Response | str:
    """The answer, or why there is none: the frames of an exception would hold the token."""
    try:
        with Session() as session:
            session.headers["Authorization"] = f"Bearer {token.reveal()}"
            session.headers["Accept"] = "application/json"
            return session.ask("GET", url)
    except (requests.RequestException, OSError) as error:
        return type(error).__name__


def account_in(extra: Mapping[str, Any]) -> str | None:
    """The account that the ID token of a token response names, for people; nothing is decided by it.

    Its signature is not looked at: it came from the token endpoint itself (OpenID Connect Core section 3.1.3.7).
    """
    token = extra.get("id_token")
    if not isinstance(token, str):
        return None
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError, RecursionError):
        return None
    return name_in(claims) if isinstance(claims, dict) else None


def name_in(claims: Mapping[str, Any]) -> str | None:
    """The name in some claims by which people know the account."""
    found = (claims.get(name) for name in NAMES)
    return next(
        (name for name in found if isinstance(name, str) and name.isprintable() and 0 < len(name) <= LONGEST), None
    )
