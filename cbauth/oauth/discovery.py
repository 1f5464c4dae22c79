"""Where a provider's endpoints are: asked of the issuer, unless the file says so itself.

Sources: OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3. The issuer in the answer has to be the one that was
asked (RFC 8414 section 3.3), or another provider could answer for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from cbauth.errors import ConfigError, LoginError
from cbauth.oauth.transport import Session, allow

__all__ = ["Endpoints", "discover"]

KINDS = ("authorization", "token", "device_authorization", "revocation", "userinfo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The URLs of a provider; ``None`` for what it has not. ``names_issuer``: it promises ``iss`` (RFC 9207).

    ``secret_in_body``: it takes a client's secret in the body of a request only.
    """

    issuer: str | None = None
    authorization: str | None = None
    token: str | None = None
    device_authorization: str | None = None
    revocation: str | None = None
    userinfo: str | None = None
    names_issuer: bool = False
    secret_in_body: bool = False


def discover(issuer: str) -> Endpoints:
    """The endpoints that the issuer declares. Raises ``LoginError`` when it cannot be asked or answers amiss."""
    allow(issuer, "the issuer")
    trouble = "it has no discovery document"
    for url in _places(issuer):
        with Session() as session:
            try:
                answer = session.ask("GET", url, headers={"Accept": "application/json"})
            except requests.RequestException as error:
                trouble = f"{type(error).__name__} at {url}"
                continue
        if answer.status_code != 200:
            if answer.status_code != 404:
                trouble = f"{url} answers with HTTP {answer.status_code}; try again later"
            continue
        try:
            data = answer.json()
        except (ValueError, RecursionError):
            trouble = f"{url} answers with something else than JSON"
            continue
        return _read(issuer, data)
    raise LoginError("discovery_failed", f"{issuer}: {trouble}; give the endpoints in profiles.yaml instead")


def _places(issuer: str) -> tuple[str, ...]:
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return (
        urlunsplit(parts._replace(path=f"{path}/.well-known/openid-configuration")),
        urlunsplit(parts._replace(path=f"/.well-known/oauth-authorization-server{path}")),
    )


def _read(issuer: str, data: object) -> Endpoints:
    if not isinstance(data, Mapping):
        raise LoginError("discovery_failed", f"{issuer}: its discovery document is no JSON object")
    if data.get("issuer") != issuer:
        raise LoginError("wrong_issuer", f"who answers for {issuer} calls itself something else: nothing was sent")
    methods = data.get("token_endpoint_auth_methods_supported")
    known = methods if isinstance(methods, list) else ["client_secret_basic"]
    return Endpoints(
        issuer=issuer,
        names_issuer=data.get("authorization_response_iss_parameter_supported") is True,
        secret_in_body="client_secret_post" in known and "client_secret_basic" not in known,
        **{kind: _url(issuer, data, f"{kind}_endpoint") for kind in KINDS},
    )


def _url(issuer: str, data: Mapping[str, Any], name: str) -> str | None:
    url = data.get(name)
    if url is None:
        return None
    try:
        return allow(str(url), f"the {name} of {issuer}")
    except ConfigError as error:
        raise LoginError("discovery_failed", str(error)) from None
