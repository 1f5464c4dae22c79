"""The built-in providers: data, not code. The facts and their sources stand in ``builtin_providers.json``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from cbauth.plan import OAuthClient, Provider

__all__ = ["builtin_providers", "variable_for"]


@cache
def builtin_providers() -> Mapping[str, Provider]:
    """The providers that need no entry under ``providers``, by id."""
    import json
    from pathlib import Path

    data = json.loads(Path(__file__).with_name("builtin_providers.json").read_text(encoding="utf-8"))
    return MappingProxyType({provider_id: _provider(provider_id, entry) for provider_id, entry in data.items()})


def variable_for(provider_id: str) -> str:
    """The usual environment variable of a provider that is not built in: ``acme-eu`` is ``ACME_EU_API_KEY``.

    Never that of the protocol: a key for one company must not reach another.
    """
    word = "".join(char if char.isalnum() else "_" for char in provider_id).upper()
    return f"{'_' if word[0].isdigit() else ''}{word}_API_KEY"


def _provider(provider_id: str, entry: Mapping[str, Any]) -> Provider:
    oauth = entry.get("oauth")
    return Provider(
        id=provider_id,
        name=entry["name"],
        protocol=entry["protocol"],
        base_url=entry["base_url"],
        env=tuple(entry["env"]),
        models=tuple(entry["models"]),
        oauth=OAuthClient(**{**oauth, "scopes": tuple(oauth["scopes"])}) if oauth else None,
        builtin=True,
    )
