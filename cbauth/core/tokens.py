"""What a token endpoint has answered, and how long that is good for.

Laws:

1. A token expires at the time of its receipt plus its lifetime; nothing else is believed about when it was made.
2. A lifetime that is missing, zero, negative or nonsense is unknown: the token is used until somebody refuses it.
3. A token is renewed ahead of its end by the wish of the policy, but never by more than a tenth of its lifetime.
4. A token from the future (the clock was set back since) is renewed when it is needed next.
5. No text made here holds a token.

Sources: RFC 6749 sections 5.1 and 5.2, RFC 6750 section 2.1 (which characters a bearer token may have).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

__all__ = ["LEEWAY", "TokenResponse", "expired", "lifetime", "read_error", "read_tokens", "renew_at"]

LEEWAY = 300.0
"""Seconds before its end at which a token is renewed, unless the policy says otherwise."""
SHARE = 0.1
LONGEST = 10 * 365 * 86400.0
SKEW = 60.0
"""Seconds by which a clock may be corrected without anything having been set."""
_BEARER = re.compile(r"[\x21-\x7e]{1,16384}")
_KNOWN = frozenset({"access_token", "refresh_token", "expires_in", "scope", "token_type"})


class TokenResponse(NamedTuple):
    """A successful answer. ``lifetime`` is seconds, ``None`` if unknown; ``extra`` is what else there was."""

    access_token: str
    refresh_token: str | None
    lifetime: float | None
    scopes: tuple[str, ...]
    extra: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"TokenResponse(lifetime={self.lifetime!r}, scopes={self.scopes!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("tokens are not pickled")


def lifetime(value: object) -> float | None:
    """Seconds from an ``expires_in`` of any kind; ``None`` for what says nothing."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return min(float(min(value, LONGEST)), LONGEST) if value > 0 else None


def renew_at(expires_at: float | None, life: float | None, before: float = LEEWAY) -> float:
    """The epoch second from which on a token should be renewed; infinity for one that does not say when it ends."""
    if expires_at is None:
        return math.inf
    return expires_at - (min(before, SHARE * life) if life is not None else before)


def expired(expires_at: float | None, received_at: float, now: float) -> bool:
    """Whether a token is past its end at ``now``, or so young that the clock must have been set back since.

    One that does not say when it ends has none that the clock could tell.
    """
    return expires_at is not None and (now >= expires_at or received_at > now + SKEW)


def read_tokens(data: object, asked: Sequence[str] = ()) -> TokenResponse:
    """The tokens in the JSON of an answer. ``asked``: the scopes asked for, which an answer without any has granted.

    Raises ``ValueError`` that says what is wrong with the answer, and quotes none of it.
    """
    if not isinstance(data, Mapping):
        raise ValueError("it is no JSON object")
    access = data.get("access_token")
    if not isinstance(access, str) or not access:
        raise ValueError("it has no access token")
    if not _BEARER.fullmatch(access):
        raise ValueError("its access token has characters that no header can carry, or is too long")
    kind = data.get("token_type") or "bearer"
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ValueError("its token is of a type that cbauth does not know; it knows bearer tokens")
    refresh = data.get("refresh_token") or None
    if refresh is not None and not isinstance(refresh, str):
        raise ValueError("its refresh token is no text")
    return TokenResponse(
        access,
        refresh,
        lifetime(data.get("expires_in")),
        _scopes(data.get("scope"), asked),
        {name: value for name, value in data.items() if name not in _KNOWN},
    )


def read_error(data: object) -> tuple[str, str] | None:
    """The provider's error code and description in the JSON of an answer; ``None`` when there is none."""
    if not isinstance(data, Mapping) or not isinstance(data.get("error"), str) or not data["error"]:
        return None
    description = data.get("error_description")
    return data["error"][:100], description[:300] if isinstance(description, str) else ""


def _scopes(value: object, asked: Sequence[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(dict.fromkeys(re.split(r"[\s,]+", value.strip()))) if value.strip() else ()
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(dict.fromkeys(value))
    return tuple(asked)
