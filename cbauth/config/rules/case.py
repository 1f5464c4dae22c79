"""A valid file as the policy rules see it: what was written, the plan it compiles to, and what both say together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from posixpath import normpath
from typing import Any
from urllib.parse import urlsplit

from cbauth.config.diagnostics import Path
from cbauth.config.privacy import quoted
from cbauth.config.rules.index import Budget
from cbauth.core.rotation import rank_key
from cbauth.plan import Plan, Policy, Profile

__all__ = ["Case", "Secret", "Site", "called", "seconds"]

Secret = int
"""A number for each credential of the file: equal ones are one credential."""

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Site:
    """A policy that holds somewhere, and the layers it was merged from, the file's first."""

    policy: Policy
    layers: tuple[tuple[Path, dict[str, Any]], ...]

    def written(self, *keys: str) -> Path | None:
        """Where the value at ``keys`` was written, ``None`` when it is a default."""
        for path, layer in reversed(self.layers):
            if at(layer, keys) is not None:
                return (*path, *keys)
        return None


@dataclass(frozen=True)
class Case:
    """One file. ``data`` is what was written, as plain data that has passed every other check."""

    data: dict[str, Any]
    plan: Plan
    budget: Budget = field(default_factory=Budget, repr=False)
    _origins: dict[str, str] = field(default_factory=dict, repr=False)
    _addresses: dict[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def ranked(self) -> tuple[Profile, ...]:
        """The enabled profiles, in the order in which they are preferred."""
        enabled = [profile for profile in self.plan.profiles if profile.enabled]
        return tuple(sorted(enabled, key=lambda p: rank_key(p.priority, p.uses_oauth, p.order)))

    @property
    def rotates(self) -> bool:
        """Whether calls are shared among profiles, whatever their priority."""
        return self.plan.policy.rotation.strategy != "priority"

    @cached_property
    def shared_at(self) -> Path | None:
        """Where it stands that many use one credential: a state that machines share, or a profile with another's."""
        if self.plan.store.startswith(("redis:", "rediss:", "env:")):
            return "state", "store"
        seen: set[Secret] = set()
        for profile in self.ranked:
            secret = self.secret(profile)
            if secret in seen:
                return self.place_of_secret(profile)
            if secret is not None:
                seen.add(secret)
        return None

    def secret(self, profile: Profile) -> Secret | None:
        """What the profile's credential is, ``None`` when it needs none."""
        return self._secrets[profile.id]

    @cached_property
    def _secrets(self) -> dict[str, Secret | None]:
        numbers: dict[object, Secret] = {}
        return {
            profile.id: numbers.setdefault(_told_apart(profile), len(numbers)) if profile.credential else None
            for profile in self.plan.profiles
        }

    def origin(self, url: str | None) -> str | None:
        """Scheme, host and port of a URL, in one spelling."""
        if url is None:
            return None
        if url not in self._origins:
            parts = urlsplit(url)
            port = parts.port if parts.port != _PORTS.get(parts.scheme) else None
            self._origins[url] = f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port is not None else "")
        return self._origins[url]

    def address(self, profile: Profile) -> str:
        """Where the profile's requests go, in one spelling."""
        url = profile.base_url
        if url is None:
            return profile.provider.id
        if url not in self._addresses:
            parts = urlsplit(url)
            self._addresses[url] = f"{self.origin(url)}{parts.path.rstrip('/')}?{parts.query}"
        return self._addresses[url]

    def given(self, *path: str | int) -> Any:
        """What was written at ``path``, ``None`` when nothing was."""
        return at(self.data, path)

    def models(self, profile: Profile) -> Sequence[str]:
        """The models that the profile was given in the file."""
        written: Sequence[str] = self.data["profiles"][profile.id].get("models", ())
        return written

    def place_of_secret(self, profile: Profile) -> Path:
        """Where the profile says which credential it uses; the provider, whose usual one it is, when it does not."""
        path = ("profiles", profile.id)
        for key in ("api_key", "oauth"):
            if self.given(*path, key) is not None:
                return (*path, key)
        return (*path, "provider")

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """Every policy that holds for somebody: the file's, those of providers and those of profiles; each once."""
        base = tuple(self._layer(("policy",)))
        found = [Site(self.plan.policy, base)]
        own, shared = self._deviating("profiles"), self._deviating("providers")
        for profile in self.plan.profiles if own or shared else ():
            if profile.id in own or profile.provider.id in shared:
                found.append(self.site(profile))
            if profile.id not in own:
                shared.discard(profile.provider.id)
        return tuple(found)

    def _deviating(self, group: str) -> set[str]:
        """The providers or profiles that have a policy of their own."""
        return {name for name, entry in self.data.get(group, {}).items() if entry.get("policy")}

    def site(self, profile: Profile) -> Site:
        """The policy of one profile."""
        paths: tuple[Path, ...] = (
            ("policy",),
            ("providers", profile.provider.id, "policy"),
            ("profiles", profile.id, "policy"),
        )
        return Site(profile.policy, tuple(layer for path in paths for layer in self._layer(path)))

    def _layer(self, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
        written = self.given(*path)
        if written:
            yield path, written


def _told_apart(profile: Profile) -> object:
    """What tells one credential from another: references, or a provider's login and its account."""
    credential = profile.credential
    if isinstance(credential, tuple):
        return tuple(
            (ref.scheme, *(map(normpath, ref.args) if ref.scheme == "file" else ref.args)) for ref in credential
        )
    return ("oauth", profile.provider.id, credential and credential.account)


def at(data: Any, path: Path) -> Any:
    """What stands at ``path``, ``None`` when nothing does."""
    for part in path:
        data = data[part] if isinstance(part, int) else data.get(part)
        if data is None:
            return None
    return data


def called(name: str) -> str:
    """A name as it is put before people."""
    return quoted(name, "one that is not shown")


def seconds(length: float) -> str:
    """A length of time as people write it."""
    from cbauth.config.schema.types import duration_text

    return f"`{duration_text(length)}`"
