"""How a call ended, in the words that the rest of cbauth decides by.

``rate_limit billing auth`` are about the credential, ``overloaded server timeout network`` about the provider,
``model_not_found`` about the pair of a credential and a model, ``bad_request`` and ``cancelled`` about the caller.
``unknown`` says that nobody can tell.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cbauth.errors import ConfigError

__all__ = ["KINDS", "PROTOCOLS", "SCOPES", "Outcome", "one_of"]

KINDS: tuple[str, ...] = (
    "rate_limit",
    "billing",
    "auth",
    "overloaded",
    "server",
    "timeout",
    "network",
    "model_not_found",
    "bad_request",
    "cancelled",
    "unknown",
)
SCOPES: tuple[str, ...] = ("model", "profile", "provider")
PROTOCOLS: tuple[str, ...] = ("openai", "anthropic", "google", "ollama", "generic")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call failed.

    ``kind`` is one of ``KINDS``. ``retry_after`` is the provider's own hint in seconds from now, never capped here.
    ``scope`` is what rests, ``model``, ``profile`` or ``provider``; ``None`` leaves it to the policy. ``message`` is
    short and for people. ``status`` is the HTTP status, or the one that the provider wrote into the body of a success;
    ``None`` when there was no answer. Raises ``ConfigError`` for values that nothing can follow.
    """

    kind: str
    retry_after: float | None = None
    scope: str | None = None
    message: str = ""
    status: int | None = None

    def __post_init__(self) -> None:
        one_of("kind of outcome", self.kind, KINDS)
        if self.scope is not None:
            one_of("scope", self.scope, SCOPES)
        if self.retry_after is not None and not _is_wait(self.retry_after):
            raise ConfigError(f"retry_after is seconds from now, at least 0 and finite, not {_shown(self.retry_after)}")
        if not isinstance(self.message, str):
            raise ConfigError(f"the message of an outcome is text, not {_shown(self.message)}")
        if self.status is not None and (not isinstance(self.status, int) or isinstance(self.status, bool)):
            raise ConfigError(f"the status of an outcome is a whole number, not {_shown(self.status)}")


def one_of(what: str, given: object, allowed: Collection[str]) -> None:
    """Raise ``ConfigError`` unless ``given`` is in ``allowed``, saying what is and what may have been meant."""
    if isinstance(given, str) and given in allowed:
        return
    from difflib import get_close_matches  # only for people who mistyped

    close = get_close_matches(given[:80], allowed, n=1) if isinstance(given, str) else []
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ConfigError(f"there is no {what} {_shown(given)}: {hint}allowed are {', '.join(allowed)}")


def _is_wait(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")


def _shown(value: object) -> str:
    """Text and numbers as they are, anything else by its type: it might hold more than a message should."""
    return repr(value[:80]) if isinstance(value, str) else repr(value) if _is_number(value) else type(value).__name__


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and abs(value) < 1e15
