"""What callers hand in, looked at before it is used: one clear error instead of a puzzle further in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cbauth.config.suggest import nearest
from cbauth.errors import ConfigError, LoginError
from cbauth.oauth.credentials import CredentialStore, MemoryCredentials, open_credentials
from cbauth.oauth.loopback.callback import Place
from cbauth.plan import OAUTH_ENDPOINTS, PROTECTED_PARAMETERS, OAuthClient
from cbauth.secrets import Given, Secret

__all__ = ["a_function", "a_number", "a_port", "a_secret", "an_address", "at_port", "client_from", "open_store"]

METHODS = ("load", "save", "delete", "all", "lock", "mark", "marked")
FURTHER = (*OAUTH_ENDPOINTS, "extra_params", "refresh_before")


def a_port(value: object) -> int | None:
    """``value``, if it is a port to listen on, or ``None``."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535):
        return value
    raise ConfigError(f"port has to be a number from 0 (any free one) to 65535, not {value!r}")


def a_number(value: object, what: str) -> float:
    """``value``, if it is a length of time in seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
        return float(value)
    raise ConfigError(f"{what} has to be a number of seconds, 0 or more, not {value!r}")


def an_address(url: object) -> Secret:
    """What a person has pasted: it holds a code. Raises ``LoginError`` for what is no text."""
    if isinstance(url, str):
        return Secret(url)
    raise LoginError("wrong_callback", f"give the address as text, not {type(url).__name__}")


def a_function(value: object, what: str) -> None:
    """Raise ``ConfigError`` for what cannot be called."""
    if not callable(value):
        raise ConfigError(f"{what} has to be a function, not {type(value).__name__}")


def a_secret(value: object, provider_id: str) -> Given | None:
    """A client's secret, or ``None`` for a public client."""
    if value is None:
        return None
    if not isinstance(value, str | Secret) or not value:
        kind = f"not {type(value).__name__}" if value else "and not empty: leave it out for a public client"
        del value  # tracebacks must not show it
        raise ConfigError(f"provider {provider_id}: client_secret has to be text, {kind}")
    return Given(value)


def open_store(store: CredentialStore | str | None, path: Path | str | None) -> CredentialStore:
    """The place for logins: an object that is one, the name of one, files in ``path``, or this process alone.

    Raises ``StoreError`` when the keyring was chosen and cannot be used.
    """
    if path is not None and not isinstance(path, str | Path):
        raise ConfigError(f"path has to be a folder for logins, not {type(path).__name__}")
    folder = None if path is None else Path(path).expanduser().absolute()
    if store == "memory" or (store is None and folder is None):
        return MemoryCredentials()
    if store is None or isinstance(store, str):
        return open_credentials(store or "file", folder)
    lacking = [name for name in METHODS if not callable(getattr(store, name, None))]
    if lacking:
        raise ConfigError(
            f"this {type(store).__name__} is no place for logins (it has no {', '.join(lacking)}): give one, or"
            " 'auto', 'file', 'keyring' or 'memory'"
        )
    return store


def client_from(provider_id: str, known: OAuthClient, client_id: object, settings: Mapping[str, Any]) -> OAuthClient:
    """A client as ``configure_provider`` describes it, over what is built in. Raises ``ConfigError``."""
    from cbauth.oauth.transport import allow

    if not isinstance(client_id, str) or not client_id:
        raise ConfigError(f"provider {provider_id}: client_id has to be text, not {type(client_id).__name__}")
    given = {name: value for name, value in settings.items() if value is not None}
    changes: dict[str, Any] = {"client_id": client_id}
    for name, value in given.items():
        if name in OAUTH_ENDPOINTS:
            changes[name] = allow(_text(value, name), f"{name} of provider {provider_id}")
        elif name == "redirect_uri":
            changes["redirect_uris"] = _redirects(value)
        elif name == "scopes":
            changes["scopes"] = tuple(value.split()) if isinstance(value, str) else _texts(value, name)
        elif name == "extra_params":
            changes["extra_params"] = MappingProxyType(_params(value))
        elif name == "refresh_before":
            changes["refresh_before"] = a_number(value, name)
        else:
            near = nearest(name, FURTHER)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(FURTHER)}"
            raise ConfigError(f"configure_provider knows no {name}: {hint}")
    client = replace(known, **changes)
    if client.issuer is None and client.token_endpoint is None:
        raise ConfigError(f"provider {provider_id} has neither an issuer nor a token_endpoint: give one of them")
    return client


def _redirects(value: object) -> tuple[str, ...]:
    uris = (value,) if isinstance(value, str) else _texts(value, "redirect_uri")
    if not uris:
        raise ConfigError("redirect_uri has to name at least one address to return to")
    for uri in uris:
        Place.of(uri)
    return uris


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{name} has to be text, not {type(value).__name__}")
    return value


def _texts(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, Iterable):
        raise ConfigError(f"{name} has to be a list of texts, not {type(value).__name__}")
    return tuple(_text(item, name) for item in value)


def _params(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"extra_params has to be a mapping, not {type(value).__name__}")
    taken = sorted(PROTECTED_PARAMETERS & set(value))
    if taken:
        raise ConfigError(f"extra_params must not set {', '.join(taken)}: that is what protects a login")
    return {
        _text(name, "a name in extra_params"): _text(text, "a value in extra_params") for name, text in value.items()
    }


def at_port(client: OAuthClient, port: int | None) -> OAuthClient:
    """The client with that port in those of its redirect URIs that name none."""
    if not port:
        return client
    places = map(Place.of, client.redirect_uris)
    return replace(client, redirect_uris=tuple((it if it.port else replace(it, port=port)).uri for it in places))
