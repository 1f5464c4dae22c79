"""Giving tokens back (RFC 7009)."""

from __future__ import annotations

import requests

from cbauth.core.tokens import read_error
from cbauth.oauth.client import Client
from cbauth.oauth.endpoint import ACCEPT
from cbauth.oauth.transport import Session
from cbauth.outcomes.redaction import brief, redact
from cbauth.secrets import Secret

__all__ = ["revoke"]


def revoke(url: str, client: Client, token: Secret, kind: str) -> str:
    """Have the provider forget a token of a ``kind`` (``refresh_token``, ``access_token``); what went wrong, or ``""``.

    A token that the provider does not know counts as forgotten (RFC 7009 section 2.2).
    """
    trouble = ""
    for one in client.ways:
        trouble = _ask_as(one, url, token, kind)
        if not trouble.startswith("HTTP 401"):
            break
    return trouble


def _ask_as(client: Client, url: str, token: Secret, kind: str) -> str:
    form = {"token": token.reveal(), "token_type_hint": kind, **client.form}
    try:
        with Session() as session:
            answer = session.ask("POST", url, data=form, auth=client.auth, headers=ACCEPT)
    except (requests.RequestException, OSError) as error:
        return f"the provider cannot be asked ({type(error).__name__})"
    if answer.status_code == 200:
        return ""
    try:
        said = read_error(answer.json())
    except (ValueError, RecursionError):
        said = None
    words = " ".join(part for part in said or () if part)
    return f"HTTP {answer.status_code}" + (
        f", {brief(redact(words, (form['token'], *client.secrets)))}" if words else ""
    )
