"""A login, and the text that it is stored as.

Laws:

1. No text of a login, and no value that common tools make of it, shows a token.
2. Reading what was written gives an equal login, with the fields that this version does not know.
3. Text that is no login gives a ``Flaw``, not an exception: exceptions of parsers carry what they could not parse.

The text is one JSON object. Fields that are not ours stand beside ours; those whose names are taken stand in ``extra``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn, Protocol, final

from cbauth.secrets import Secret

__all__ = ["Credential", "CredentialStore", "Flaw", "dump", "parse"]

VERSION = 1
_NUMBERS = ("expires_at", "lifetime", "received_at")
_OPTIONAL = ("account", "refresh_token", "expires_at", "lifetime")


@final
class _Hidden(Mapping[str, Any]):
    """A mapping that does not show what it holds: token responses bring ID tokens along."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any]) -> None:
        self._items = dict(items)

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return "{…}" if self._items else "{}"

    def __copy__(self) -> _Hidden:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> _Hidden:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("what comes with a token cannot be pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("what comes with a token has no state to show")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A stored login. Pickling raises ``TypeError``; copies are the object itself.

    ``key`` says what it is good for: a digest of issuer or token endpoint, client id, account and origin. ``id`` is the
    profile, or the provider, that it was made for. ``expires_at`` and ``received_at`` are epoch seconds, ``lifetime``
    is seconds; ``None`` where the provider does not say. ``extra`` is whatever else the provider or a newer cbauth has
    put there.
    """

    key: str
    id: str
    provider_id: str
    account: str | None
    scopes: tuple[str, ...]
    access_token: Secret = field(repr=False)
    refresh_token: Secret | None = field(repr=False)
    expires_at: float | None
    lifetime: float | None
    received_at: float
    token_type: str = "Bearer"
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "extra", _Hidden(self.extra))

    @property
    def refreshable(self) -> bool:
        """Whether there is a refresh token."""
        return bool(self.refresh_token)

    def __copy__(self) -> Credential:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Credential:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a credential cannot be pickled: load it from its store where it is needed")


class CredentialStore(Protocol):
    """A place for logins. All methods may be called from any thread, and raise ``StoreError``."""

    @property
    def description(self) -> str:
        """Where logins are kept, for people."""

    @property
    def fresh_for(self) -> float:
        """Seconds for which a login that was read need not be read again; others may have changed it since."""

    def load(self, key: str) -> Credential | None:
        """The login, if there is one. One that is damaged is set aside with a warning, and not there."""

    def save(self, credential: Credential) -> None:
        """Keep a login in the place of the one with the same key. It is durable when this returns."""

    def delete(self, key: str) -> bool:
        """Remove a login and what was set aside of it; whether there was one."""

    def all(self) -> list[Credential]:
        """Every login that can be read, sorted by provider and account; a warning for each that cannot."""

    def mark(self, key: str, refused: str) -> None:
        """Remember beside a login, which stays as it is, that a token of it is ``refused``: a digest, or ``""``."""

    def marked(self, key: str) -> str:
        """What ``mark`` was given last; ``""`` after ``delete``."""

    def lock(self, key: str, timeout: float) -> AbstractContextManager[None]:
        """Keep all other threads and processes from the same lock. Who holds it must not ask for it again.

        ``timeout``: seconds to wait for it, at most; then ``StoreError`` says who has it.
        """


class Flaw(NamedTuple):
    """Why a text is no login, in words that quote none of it. ``newer``: because a newer cbauth wrote it."""

    why: str
    newer: bool = False


def dump(credential: Credential) -> Secret | Flaw:
    """The text of a login; a flaw if ``extra`` holds what JSON cannot."""
    known: dict[str, Any] = {
        "version": VERSION,
        "key": credential.key,
        "id": credential.id,
        "provider_id": credential.provider_id,
        "account": credential.account,
        "scopes": list(credential.scopes),
        "access_token": credential.access_token.reveal(),
        "refresh_token": None if credential.refresh_token is None else credential.refresh_token.reveal(),
        "expires_at": credential.expires_at,
        "lifetime": credential.lifetime,
        "received_at": credential.received_at,
        "token_type": credential.token_type,
    }
    taken = {name: value for name, value in credential.extra.items() if name in known or name == "extra"}
    free = {name: value for name, value in credential.extra.items() if name not in taken}
    try:
        return Secret(json.dumps({**known, **free, **({"extra": taken} if taken else {})}) + "\n")
    except (TypeError, ValueError, RecursionError):
        return Flaw("it comes with data that JSON cannot hold")


def parse(text: Secret, key: str | None = None) -> Credential | Flaw:
    """The login that a text stands for. ``key``: whose it has to be."""
    try:
        data = json.loads(text.reveal())
    except (ValueError, RecursionError):
        return Flaw("it is not JSON")
    if not isinstance(data, dict) or type(data.get("version")) is not int:
        return Flaw("it is no login")
    version = data.pop("version")
    if version > VERSION:
        return Flaw(f"a newer cbauth wrote it (its format is {version}, this cbauth knows {VERSION})", newer=True)
    for name in _NUMBERS:
        data[name] = _number(data.get(name))
    wrong = _wrong(data)
    if wrong is not None or version < VERSION:
        return Flaw(f"its {wrong or 'version'} is not what it should be")
    if key is not None and data["key"] != key:
        return Flaw("it belongs to another login")
    data["access_token"] = Secret(data["access_token"])
    if data["refresh_token"] is not None:
        data["refresh_token"] = Secret(data["refresh_token"])
    ours = {name: data.pop(name) for name in (*_TYPES, "scopes")}
    taken = data.pop("extra", {})
    return Credential(**ours | {"scopes": tuple(ours["scopes"])}, extra=data | taken)


_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("key", "id", "provider_id", "account", "access_token", "refresh_token", "token_type"), str),
    **dict.fromkeys(_NUMBERS, float),
}


def _wrong(data: dict[str, Any]) -> str | None:
    """The first field that is not as it should be."""
    for name, kind in _TYPES.items():
        value = data.setdefault(name, None) if name in _OPTIONAL else data.get(name)
        if not isinstance(value, kind) and (value is not None or name not in _OPTIONAL):
            return name
    scopes = data.get("scopes")
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        return "scopes"
    if not data["access_token"]:
        return "access_token"
    return None if isinstance(data.get("extra", {}), dict) else "extra"


def _number(value: object) -> object:
    """A float for every finite number, and ``value`` itself for nothing; what is neither becomes something wrong."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "wrong"
    try:
        number = float(value)
    except OverflowError:
        return "wrong"
    return number if math.isfinite(number) else "wrong"
