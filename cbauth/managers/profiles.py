"""The profiles that people make by hand, and how an engine sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NoReturn

from cbauth.errors import ConfigError
from cbauth.failover.member import Member
from cbauth.secrets import Secret, Source

__all__ = ["AuthProfile", "Credentials", "ModelProfile", "ProfileSelection", "known_secrets"]

CREDENTIAL_KEYS = ("api_key", "access_token", "refresh_token")
AUTH_PROFILE_TYPES = ("api-key", "oauth")
AUTH_TYPES = ("api_key", "oauth", "none")


class Credentials(Mapping[str, str]):
    """A profile's secrets: ``api_key``, ``access_token``, ``refresh_token``. No ``repr`` or pickle shows them.

    Given as text or, with ``Credentials.of``, fetched from a source each time one is read.
    """

    __slots__ = ("_secrets",)

    def __init__(self, given: Mapping[str, str | Secret | None] | None = None) -> None:
        unknown = sorted(set(given or ()) - set(CREDENTIAL_KEYS), key=str)
        if unknown:
            raise ConfigError(f"unknown credential {str(unknown[0])[:40]!r}: the keys are {', '.join(CREDENTIAL_KEYS)}")
        self._secrets: dict[str, Secret | Source] = {}
        for key, value in (given or {}).items():
            if isinstance(value, Secret):
                self._secrets[key] = value
            elif isinstance(value, str):
                self._secrets[key] = Secret(value)
            elif value is not None:
                raise ConfigError(f"credential {key!r} has to be text, not {type(value).__name__}")

    @classmethod
    def of(cls, key: str, source: Source) -> Credentials:
        """Credentials with one key, whose value ``source`` gives (and may raise ``AuthError``)."""
        credentials = cls()
        credentials._secrets[key] = source
        return credentials

    def given(self) -> tuple[str, ...]:
        """The values that were given as text; nothing is fetched."""
        return tuple([held.reveal() for held in self._secrets.values() if isinstance(held, Secret)])

    def __getitem__(self, key: str) -> str:
        held = self._secrets[key]
        return (held if isinstance(held, Secret) else held.get()).reveal()

    def __iter__(self) -> Iterator[str]:
        return iter(self._secrets)

    def __len__(self) -> int:
        return len(self._secrets)

    def __repr__(self) -> str:
        return f"Credentials({', '.join(f'{key}=…' for key in self._secrets)})"

    def __copy__(self) -> Credentials:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Credentials:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("credentials cannot be pickled: hand over a reference to where they are kept")


@dataclass(frozen=True, slots=True)
class AuthProfile:
    """One credential with one provider. ``type`` is ``"api-key"`` or ``"oauth"``; higher ``priority`` is preferred.

    Raises ``ConfigError`` for a type or credential key that does not exist.
    """

    id: str
    provider: str
    type: str
    credentials: Mapping[str, str] = field(default_factory=Credentials)
    priority: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.credentials, Mapping):
            raise ConfigError(f"credentials has to be a mapping with {', '.join(CREDENTIAL_KEYS)}")
        if not isinstance(self.credentials, Credentials):  # first: no frame that can raise holds them bare
            object.__setattr__(self, "credentials", Credentials(self.credentials))
        _check_words(self, "id", "provider")
        _check_choice(self, "type", AUTH_PROFILE_TYPES)
        _check_priority(self)
        if not isinstance(self.metadata, Mapping):
            raise ConfigError(f"profile {self.id}: metadata has to be a mapping, not {type(self.metadata).__name__}")
        object.__setattr__(self, "metadata", dict(self.metadata))

    def __hash__(self) -> int:
        return hash((self.id, self.provider, self.type))

    def __copy__(self) -> AuthProfile:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> AuthProfile:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a profile holds credentials and cannot be pickled")


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """One way to reach models. ``auth_type`` is ``api_key``, ``oauth`` or ``none``; ``models`` are names and wildcards.

    ``credential_id`` names an OAuth manager's credential. Raises ``ConfigError`` for an unknown ``auth_type``.
    """

    id: str
    name: str
    provider_id: str
    auth_type: str
    api_key: str | None = field(default=None, repr=False)
    credential_id: str | None = None
    base_url: str | None = None
    models: tuple[str, ...] = ()
    default_model: str | None = None
    priority: int = 0
    enabled: bool = True

    def __post_init__(self) -> None:
        _check_words(self, "id", "provider_id")
        _check_choice(self, "auth_type", AUTH_TYPES)
        _check_priority(self)
        if self.name is not None:
            _check_words(self, "name")
        for word in ("credential_id", "base_url", "default_model"):
            if getattr(self, word) is not None:
                _check_words(self, word)
        if not isinstance(self.enabled, bool):
            raise ConfigError(f"profile {self.id}: enabled has to be true or false, not {type(self.enabled).__name__}")
        listed = not isinstance(self.models, str) and isinstance(self.models, Iterable)
        if not listed or not all(isinstance(m, str) and m for m in self.models):
            raise ConfigError(f"profile {self.id}: models has to be a list of names and wildcards")
        if self.api_key is not None and not isinstance(self.api_key, str):
            raise ConfigError(f"profile {self.id}: api_key has to be text, not {type(self.api_key).__name__}")
        object.__setattr__(self, "models", tuple(self.models))

    def __copy__(self) -> ModelProfile:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> ModelProfile:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a profile holds credentials and cannot be pickled")


@dataclass(frozen=True, slots=True)
class ProfileSelection:
    """Who is to be asked, for which model, and why: ``primary``, ``failover`` or ``testing`` (a half-open trial)."""

    profile: ModelProfile
    model: str | None
    reason: str


def known_secrets(member: Member) -> tuple[str, ...]:
    """The secrets of a member that can be told at once, those that it was given and never uses included."""
    held = member.origin.credentials if isinstance(member.origin, AuthProfile) else None
    if isinstance(held, Credentials):
        return held.given()
    return member.known_secrets()


def _check_words(profile: Any, *names: str) -> None:
    for name in names:
        value = getattr(profile, name)
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{type(profile).__name__}.{name} has to be a name, not {type(value).__name__}")


def _check_choice(profile: Any, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(profile, name)
    if value not in choices:
        alike = next((c for c in choices if str(value).replace("_", "-") == c.replace("_", "-")), None)
        hint = f"did you mean {alike!r}?" if alike else f"it is one of {', '.join(map(repr, choices))}"
        raise ConfigError(f"profile {profile.id}: {name} {str(value)[:40]!r} does not exist: {hint}")


def _check_priority(profile: Any) -> None:
    number = profile.priority
    if isinstance(number, bool) or not isinstance(number, int | float) or not isfinite(number):
        raise ConfigError(f"profile {profile.id}: priority has to be a number")
