"""What was decided: the frozen plan that a profiles.yaml compiles to.

A plan holds references to secrets, never secrets; patterns are ready to match; nothing in it knows pydantic or YAML.
Defaults are written once, here and in the policies of ``core``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cbauth.core.backoff import Backoff
from cbauth.core.breaker import BreakerPolicy
from cbauth.core.cooldown import ADAPTIVE, CooldownPolicy
from cbauth.core.models import Models
from cbauth.core.rotation import RotationPolicy
from cbauth.outcomes import Rule

__all__ = [
    "DATABASE_ENDINGS",
    "DEFAULT_POLICY",
    "OAUTH_ENDPOINTS",
    "PROTECTED_PARAMETERS",
    "OAuthClient",
    "OAuthLogin",
    "Plan",
    "Policy",
    "Profile",
    "Provider",
    "RetryPolicy",
    "SecretRef",
]


_NOTHING: Mapping[str, str] = MappingProxyType({})


def _nothing() -> Mapping[str, str]:
    return _NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long one request keeps trying. ``attempts`` counts all tries; ``max_wait`` is seconds for a single wait."""

    attempts: int = 5
    max_wait: float = 30.0
    backoff: Backoff = Backoff(base=0.5, factor=2.0, cap=8.0, jitter=0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that decides who answers, who rests and who tries again."""

    rotation: RotationPolicy = RotationPolicy()
    breaker: BreakerPolicy = BreakerPolicy()
    cooldown: CooldownPolicy = ADAPTIVE
    retry: RetryPolicy = RetryPolicy()


DEFAULT_POLICY = Policy()

PROTECTED_PARAMETERS = frozenset(
    {"client_id", "client_secret", "code_challenge", "code_challenge_method", "redirect_uri", "response_mode"}
    | {"response_type", "scope", "state", "request", "request_uri"}
)
"""Parameters of an authorization request that nobody may set but the request itself."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is to be found. ``scheme`` is ``env``, ``file``, ``keyring`` or ``command``; ``args`` its words.

    ``env``: (name,); ``file``: (path,); ``keyring``: (service, user); ``command``: (program, *arguments).
    """

    scheme: str
    args: tuple[str, ...]

    def __str__(self) -> str:
        """How it is shown to people: a command's arguments are left out, for they may say more than they should."""
        if self.scheme == "command":
            return f"command:{self.args[0]}" + (" …" if len(self.args) > 1 else "")
        return f"{self.scheme}:{'/'.join(self.args)}"

    def __repr__(self) -> str:
        return f"SecretRef({str(self)!r})"


OAUTH_ENDPOINTS = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
    "userinfo_endpoint",
)
"""The keys of an authorization server's addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """How to log in with a provider (RFC 6749). ``refresh_before`` is seconds."""

    client_id: str | None = None
    client_secret: SecretRef | None = None
    issuer: str | None = None
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    revocation_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    scopes: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ("http://127.0.0.1/callback",)
    refresh_before: float = 300.0
    extra_params: Mapping[str, str] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An AI provider. ``env`` are its usual environment variables, the first that is set wins; ``hosts`` are its own.

    ``protocol`` is ``openai``, ``anthropic``, ``google``, ``ollama`` or ``generic``: it decides the auth header, the
    error dialect and the names of environment variables.
    """

    id: str
    name: str
    protocol: str
    base_url: str | None = None
    env: tuple[str, ...] = ()
    models: tuple[str, ...] = ("*",)
    oauth: OAuthClient | None = None
    builtin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthLogin:
    """A profile that logs in; ``account`` names whose login it is, when one person has several."""

    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One credential with one provider. ``order`` is its place in the file, from 0.

    ``credential``: references to try in order (the first that is set wins), a login, or ``None`` if the protocol needs
    none. An empty tuple means that it needs one and there is none.
    """

    id: str
    provider: Provider
    credential: tuple[SecretRef, ...] | OAuthLogin | None
    base_url: str | None = None
    models: Models = Models(("*",))
    default_model: str | None = None
    priority: int = 0
    weight: int = 1
    enabled: bool = True
    metadata: Mapping[str, str] = field(default_factory=_nothing)
    policy: Policy = DEFAULT_POLICY
    order: int = 0

    @property
    def uses_oauth(self) -> bool:
        """Whether its credential is a login."""
        return isinstance(self.credential, OAuthLogin)


DATABASE_ENDINGS = frozenset({".db", ".db3", ".sqlite", ".sqlite3"})
"""How the name of a file ends that can be taken for a database whatever it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole profiles.yaml, decided. ``path`` is ``None`` for a mapping; ``trusted`` is false for a file only found.

    An untrusted plan runs no ``command:``, sends no secret to a host that is not the built-in provider's own, and keeps
    state and logins in the default stores (or state in memory, or in a database in its own folder).
    ``warnings`` are the diagnostics that did not keep the file from being used.
    """

    profiles: tuple[Profile, ...]
    providers: Mapping[str, Provider]
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    policy: Policy = DEFAULT_POLICY
    rules: tuple[Rule, ...] = ()
    store: str = "sqlite"
    namespace: str = ""
    credentials: str = "auto"
    path: Path | None = None
    trusted: bool = True
    warnings: tuple[Any, ...] = field(default=(), repr=False, compare=False)
