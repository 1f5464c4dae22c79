"""The built-in providers that can be logged in to. No client ids come with them: register your own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cbauth.config import builtin_providers
from cbauth.plan import OAuthClient

__all__ = ["OAUTH_PROVIDERS"]

OAUTH_PROVIDERS: Mapping[str, OAuthClient] = MappingProxyType(
    {name: provider.oauth for name, provider in builtin_providers().items() if provider.oauth is not None}
)
"""Endpoints and scopes, by the provider's id."""
