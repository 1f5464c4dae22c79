"""From what a person wrote to what was decided: the validated model becomes a frozen plan.

Nothing can go wrong here any more: whatever could has been reported before.
"""

from __future__ import annotations

from dataclasses import fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cbauth.config.policies import Layers
from cbauth.config.providers import builtin_providers, variable_for
from cbauth.core.models import Models
from cbauth.outcomes import Rule
from cbauth.plan import OAuthClient, OAuthLogin, Plan, Profile, Provider, SecretRef

if TYPE_CHECKING:
    from cbauth.config.schema.keys import Keys
    from cbauth.config.schema.models import File, OAuthKeys, ProfileKeys, ProviderKeys

__all__ = ["compile_plan", "given"]

_KEYLESS = ("ollama", "generic")
"""Protocols whose servers may ask for no credential at all."""


def compile_plan(file: File) -> Plan:
    """The plan of a validated file."""
    providers = dict(builtin_providers())
    layers = Layers(given(file.policy))
    for provider_id, written in (file.providers or {}).items():
        providers[provider_id] = _provider(provider_id, written, providers.get(provider_id))
        layers.provider(provider_id, given(written.policy))
    models = _Patterns()
    profiles = tuple(
        _profile(name, written, providers[written.provider], layers, models, order)
        for order, (name, written) in enumerate(file.profiles.items())
    )
    return Plan(
        profiles=profiles,
        providers=MappingProxyType(providers),
        routes=MappingProxyType({name: tuple(route) for name, route in (file.routes or {}).items()}),
        policy=layers.base,
        rules=tuple(Rule(**given(rule)) for rule in file.classify or ()),
        **_settings(file),
    )


def given(keys: Keys | None) -> dict[str, Any]:
    """The keys that were given, as plain data, mappings within mappings."""
    return {} if keys is None else keys.given()


def _settings(file: File) -> dict[str, Any]:
    state = given(file.state)
    credentials = given(file.credentials)
    return {**state, **({"credentials": credentials["store"]} if credentials else {})}


class _Patterns:
    """Compiled models; profiles with the same list share one."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Models] = {}

    def of(self, patterns: tuple[str, ...]) -> Models:
        known = self._known.get(patterns)
        if known is None:
            known = self._known[patterns] = Models(patterns)
        return known


def _provider(provider_id: str, written: ProviderKeys, known: Provider | None) -> Provider:
    changes: dict[str, Any] = {
        key: value for key in ("name", "protocol", "base_url") if (value := getattr(written, key)) is not None
    }
    if written.oauth is not None:
        changes["oauth"] = _client(written.oauth, known.oauth if known is not None else None)
    if known is not None:
        return replace(known, **changes)
    changes.setdefault("name", provider_id)
    env = () if changes["protocol"] in _KEYLESS else (variable_for(provider_id),)
    return Provider(id=provider_id, env=env, **changes)


_CLIENT_KEYS = frozenset(item.name for item in fields(OAuthClient))


def _client(written: OAuthKeys, known: OAuthClient | None) -> OAuthClient:
    changes: dict[str, Any] = {}
    for key in type(written).model_fields:
        value = getattr(written, key)
        if value is not None and key in _CLIENT_KEYS:
            changes[key] = value
    if written.scopes is not None:
        changes["scopes"] = tuple(written.scopes)
    if written.redirect_uri is not None:
        changes["redirect_uris"] = written.redirect_uri
    if written.extra_params is not None:
        changes["extra_params"] = MappingProxyType(dict(written.extra_params))
    return replace(known or OAuthClient(), **changes)


def _profile(
    name: str, written: ProfileKeys, provider: Provider, layers: Layers, models: _Patterns, order: int
) -> Profile:
    chosen = {
        key: value
        for key in ("default_model", "priority", "weight", "enabled")
        if (value := getattr(written, key)) is not None
    }
    if written.metadata:
        chosen["metadata"] = MappingProxyType(dict(written.metadata))
    return Profile(
        id=name,
        provider=provider,
        credential=_credential(written, provider),
        base_url=written.base_url or provider.base_url,
        models=models.of(tuple(written.models) if written.models is not None else provider.models),
        policy=layers.profile(provider.id, given(written.policy)),
        order=order,
        **chosen,
    )


def _credential(written: ProfileKeys, provider: Provider) -> tuple[SecretRef, ...] | OAuthLogin | None:
    if written.oauth is not None:
        return OAuthLogin(account=written.oauth.account)
    if written.api_key is not None:
        return (written.api_key,)
    if not provider.env and provider.protocol in _KEYLESS:
        return None
    return tuple(SecretRef("env", (name,)) for name in provider.env)
