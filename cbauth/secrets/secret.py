"""A text that must not be seen, and the interface of whatever produces one."""

from __future__ import annotations

import os
from hashlib import blake2b
from hmac import compare_digest
from typing import Any, NoReturn, Protocol, final

from cbauth.errors import AuthError

__all__ = ["Secret", "Source", "vetted"]

_SALT = os.urandom(16)
"""Makes hashes of secrets worthless outside this process."""


@final
class Secret:
    """A credential that shows itself only through ``reveal()``.

    Comparison takes the same time wherever two secrets differ. Pickling raises ``TypeError``; copies are the object
    itself. False when it is empty.
    """

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """The text itself, for the place where it is used."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('…')"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        return int.from_bytes(blake2b(_bytes(self._value), key=_SALT, digest_size=8).digest(), "big")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret does not change: make a new one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a secret does not change: make a new one")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled: hand over its reference, and fetch it where it is needed")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret has no state to show: use reveal() where it is needed")


class Source(Protocol):
    """Something that produces a credential. All methods may be called from any thread."""

    @property
    def description(self) -> str:
        """Where the credential comes from, for people: ``env:OPENAI_API_KEY``. Never the credential."""

    @property
    def slow(self) -> bool:
        """Whether ``get()`` may block (file, keyring, command), so that async callers run it in a thread."""

    def missing(self) -> str | None:
        """Why there is no credential right now, and what to do; ``None`` when ready as far as can be told cheaply."""

    def get(self) -> Secret:
        """The credential. Raises ``AuthError`` when it cannot be had."""

    def forget(self) -> None:
        """Drop what is remembered: the provider has refused it."""


def vetted(secret: Secret, place: str) -> Secret:
    """The same secret, if it can be sent. Raises ``AuthError`` naming its ``place`` when it cannot.

    Only visible ASCII and blanks pass: the characters that every HTTP client can put into a header field (RFC 9110
    section 5.5), and more than any provider uses.
    """
    flaw = _flaw(secret._value)
    if flaw is None:
        return secret
    raise AuthError(f"{place} {flaw}")


def _flaw(value: str) -> str | None:
    if value and value.isascii() and value.isprintable():
        return None
    if not value:
        return "is empty"
    if "\n" in value or "\r" in value:
        return "has more than one line, so it cannot be sent in a header: it must hold the key and nothing else"
    if value.isascii():
        return "holds a control character, which cannot be sent in a header: copy the key again"
    return "holds a character outside ASCII (a curly quote or an invisible blank, perhaps): copy the key again"


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")
