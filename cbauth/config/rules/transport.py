"""Requests, logins and shared state that everybody on the way could read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from cbauth.config.diagnostics import WARNING, Finding, Path
from cbauth.config.rules.shape import entries, mapping
from cbauth.plan import OAUTH_ENDPOINTS

__all__ = ["transport"]

_LOOPBACK = re.compile(r"(?:.+\.)?localhost\.?|127(?:\.[0-9]{1,3}){3}|::1")
_POSSIBLE_STORE = re.compile(r"redis:[^@]*\Z")  # another is no store, or an error for what it carries


def transport(data: dict[str, Any]) -> Iterator[Finding]:
    """No TLS to other machines: a warning for an API and a store, an error for a login (RFC 6749 section 3.1)."""
    for group in ("providers", "profiles"):
        for name, entry in entries(data, group):
            if plain(entry.get("base_url")):
                yield _warning((group, name, "base_url"), "requests and keys go to this host without TLS")
    for name, provider in entries(data, "providers"):
        client = mapping(provider, "oauth")
        path = ("providers", name, "oauth")
        for key in OAUTH_ENDPOINTS:
            if plain(client.get(key)):
                yield Finding(
                    "CBA304",
                    (*path, key),
                    "logins go to this host without TLS",
                    "use `https://`; plain http is for this machine only",
                )
        redirect = client.get("redirect_uri")
        for place, uri in enumerate(redirect if isinstance(redirect, list) else [redirect]):
            if plain(uri):
                where: Path = (*path, "redirect_uri", place) if isinstance(redirect, list) else (*path, "redirect_uri")
                yield _warning(where, "the login returns to another machine without TLS")
    store = mapping(data, "state").get("store")
    if _POSSIBLE_STORE.match(str(store)) and plain(store, "redis"):
        words = "the shared state goes to this host without TLS"
        yield _warning(("state", "store"), words, "rediss")


def plain(url: object, scheme: str = "http") -> bool:
    """Whether ``url`` leads without TLS to another machine than this one."""
    if not isinstance(url, str) or not url.lower().startswith(f"{scheme}://"):
        return False
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False  # not a URL at all is another rule's business
    return host is not None and _LOOPBACK.fullmatch(host) is None


def _warning(path: Path, message: str, scheme: str = "https") -> Finding:
    help_text = f"use `{scheme}://`; plain {scheme[:-1]} is for this machine only"
    return Finding("CBA303", path, message, help_text, severity=WARNING)
