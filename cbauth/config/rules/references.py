"""Names that refer to something, and keys that need each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cbauth.config.diagnostics import WARNING, Finding, Path
from cbauth.config.privacy import KNOWN_KEYS, is_free, quoted
from cbauth.config.providers import builtin_providers
from cbauth.config.rules.shape import entries, mapping
from cbauth.config.suggest import Suggestions, meant
from cbauth.core.models import matches

__all__ = ["references"]


def references(data: dict[str, Any]) -> Iterator[Finding]:
    """Everything that refers to nothing, in the whole file."""
    if "version" not in data and not _misspelt("version", data):
        yield Finding("CBA217", (), "`version` is missing, 1 is assumed", "add `version: 1`", severity=WARNING)
    yield from _providers(data)
    known = _Known(data)
    for name, profile in entries(data, "profiles"):
        yield from _profile(data, name, profile, known)
    rules = data.get("classify")
    for place, rule in enumerate(rules if isinstance(rules, list) else []):
        if isinstance(rule, dict):
            yield from known.check(rule, ("classify", place, "provider"))


def _misspelt(key: str, data: dict[str, Any]) -> bool:
    """Whether some other key was probably meant to be ``key``: it is told as unknown, with the suggestion."""
    suggestions = Suggestions()
    strange = (name for name in data if name not in KNOWN_KEYS and not is_free(name))
    return any(suggestions.near(name, (key,)) is not None for name in strange)


class _Known:
    """The names of all providers."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._declared = mapping(data, "providers")
        self._names = dict.fromkeys((*self._declared, *builtin_providers()))
        self._suggestions = Suggestions()

    def check(self, holder: dict[str, Any], path: Path) -> Iterator[Finding]:
        """Whether the provider named in ``holder`` exists."""
        name = holder.get("provider")
        if isinstance(name, str) and name not in self._names:
            otherwise = "declare it under `providers`; built in are " + ", ".join(builtin_providers())
            near = self._suggestions.near(name, self._names)
            yield Finding(
                "CBA210",
                path,
                f"there is no provider {quoted(name, 'of this name')}",
                meant(near) if near is not None else otherwise,
                related=((f"`{near}` is declared here", ("providers", near)),) if near in self._declared else (),
            )


def _providers(data: dict[str, Any]) -> Iterator[Finding]:
    for name, provider in entries(data, "providers"):
        if name not in builtin_providers() and "protocol" not in provider:
            yield Finding(
                "CBA202",
                ("providers", name, "protocol"),
                "`protocol` is missing",
                "say what the API speaks: `openai` fits most; `generic` sends the key as a bearer token",
                at_key=True,
            )


def _profile(data: dict[str, Any], name: str, profile: dict[str, Any], known: _Known) -> Iterator[Finding]:
    path = ("profiles", name)
    yield from known.check(profile, (*path, "provider"))
    yield from _default_model(path, profile)
    if profile.get("api_key") is not None and profile.get("oauth") is not None:
        yield Finding(
            "CBA212",
            (*path, "oauth"),
            "a profile has `api_key` or `oauth`, not both",
            "take one away, or make two profiles of it",
            at_key=True,
            related=(("the other credential", (*path, "api_key")),),
        )
    elif isinstance(profile.get("oauth"), dict):
        yield from _login(data, path, profile)


def _default_model(path: tuple[str, str], profile: dict[str, Any]) -> Iterator[Finding]:
    model = profile.get("default_model")
    served = profile.get("models")
    if served is None:
        known = builtin_providers().get(str(profile.get("provider")))
        served = known.models if known is not None else ("*",)
    if not isinstance(model, str) or "*" in model or not isinstance(served, list | tuple):
        return
    if not any(isinstance(pattern, str) and matches(pattern, model) for pattern in served):
        given = "models" in profile
        yield Finding(
            "CBA211",
            (*path, "default_model"),
            "the default model is not among the profile's models",
            "add it to `models`" if given else "give `models`: the built-in provider's own do not include it",
            related=(("the models", (*path, "models")),) if given else (),
        )


def _login(data: dict[str, Any], path: tuple[str, str], profile: dict[str, Any]) -> Iterator[Finding]:
    """Whether the provider of a profile with ``oauth`` can log in."""
    name = profile.get("provider")
    declared = mapping(data, "providers").get(name) if isinstance(name, str) else None
    known = builtin_providers().get(name) if isinstance(name, str) else None
    if declared is None and known is None:
        return  # an unknown provider is reported as such
    client = mapping(declared, "oauth") if isinstance(declared, dict) else {}

    def given(key: str) -> bool:
        own = known.oauth if known is not None else None
        return client.get(key) is not None or (own is not None and getattr(own, key) is not None)

    begins = given("authorization_endpoint") or given("device_authorization_endpoint")
    if not given("issuer") and not (begins and given("token_endpoint")):
        yield Finding(
            "CBA213",
            (*path, "oauth"),
            f"the provider {quoted(str(name), 'named here')} has no way to log in",
            "give it `oauth` with an `issuer` or endpoints under `providers`; or use `api_key`",
            at_key=True,
        )
    elif not given("client_id"):
        yield Finding(
            "CBA214",
            (*path, "oauth"),
            f"the provider {quoted(str(name), 'named here')} has no `client_id` to log in with",
            "register a client with the provider and put its id into the provider's `oauth.client_id`",
            severity=WARNING,
            at_key=True,
        )
