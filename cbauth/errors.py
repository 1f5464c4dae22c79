"""Every error cbauth raises on purpose.

::

    CbauthError
    ├── ConfigError            profiles.yaml, a policy mapping or an argument is wrong
    ├── AuthError              a credential cannot be had
    │   ├── LoginRequiredError     a person has to log in
    │   ├── LoginError             a login was denied, cancelled or late
    │   └── RefreshError           a token could not be refreshed
    ├── UnavailableError       no profile can answer now
    └── StoreError             shared state cannot be read or written

Each carries its facts as attributes; the sentence is made in ``__str__``. No message ever holds a secret.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "AttemptRecord",
    "AuthError",
    "CbauthError",
    "ConfigError",
    "LoginError",
    "LoginRequiredError",
    "RefreshError",
    "Refusal",
    "StoreError",
    "UnavailableError",
]


MOST_SHOWN = 100
"""Nobody reads more than this many diagnostics at a time; the rest is counted."""


def foremost(diagnostics: Sequence[Any]) -> list[int]:
    """The places of those that are shown: a hundred, errors before warnings, in the order they have."""
    ranked = sorted(range(len(diagnostics)), key=lambda place: diagnostics[place].severity != "error")
    return sorted(ranked[:MOST_SHOWN])


class CbauthError(Exception):
    """The root of cbauth's errors: ``except CbauthError`` catches all of them and nothing else."""


class ConfigError(CbauthError, ValueError):
    """What was declared cannot be used.

    ``path`` is the file (``None`` for a mapping or an argument). ``diagnostics`` holds every problem found, sorted by
    place, each with ``code``, ``severity``, ``message``, ``line``, ``column`` (both from 1), ``key`` and ``help``.
    As text it tells a hundred of them and counts the rest.
    """

    def __init__(self, message: str, *, path: Path | str | None = None, diagnostics: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.diagnostics = tuple(diagnostics)

    def __str__(self) -> str:
        lines = [self.message]
        lines += [f"  {self.diagnostics[place]}" for place in foremost(self.diagnostics)]
        if (rest := len(self.diagnostics) - MOST_SHOWN) > 0:
            lines.append(f"  ... and {rest} more")
        return "\n".join(lines)


class AuthError(CbauthError):
    """A credential could not be produced; ``profile_id`` says for which profile (``None`` if unknown)."""

    def __init__(self, message: str, *, profile_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.profile_id = profile_id

    def __str__(self) -> str:
        return self.message


class LoginRequiredError(AuthError):
    """Only a person can go on: ``command`` holds the words to type."""

    def __init__(self, profile_id: str, *, command: str | None = None, reason: str = "nobody is logged in") -> None:
        self.command = command or f"cbauth login {profile_id}"
        self.reason = reason
        advice = "" if self.command in reason else f"; run `{self.command}`"
        super().__init__(f"profile {profile_id}: {reason}{advice}", profile_id=profile_id)


class LoginError(AuthError):
    """A login ended without a token. ``error``: the provider's code (RFC 6749 section 4.1.2.1) or cbauth's own."""

    def __init__(self, error: str, description: str = "", *, profile_id: str | None = None) -> None:
        self.error = error
        self.description = description
        super().__init__(f"login failed: {error}" + (f" ({description})" if description else ""), profile_id=profile_id)


class RefreshError(AuthError):
    """A token could not be refreshed. ``temporary`` is true when the login itself is still good: try again later."""

    def __init__(self, message: str, *, temporary: bool, profile_id: str | None = None) -> None:
        self.temporary = temporary
        super().__init__(message, profile_id=profile_id)


class StoreError(CbauthError):
    """Shared state cannot be read or written; the message says where it lives and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One try that failed: who, with which model, and how (an outcome kind); ``message`` is redacted."""

    profile_id: str
    model: str | None
    kind: str
    message: str = ""
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a profile was not tried: ``why`` is a sentence, ``until`` epoch seconds, ``None`` if time does not help."""

    profile_id: str
    why: str
    until: float | None = None
    model: str | None = None


class UnavailableError(CbauthError):
    """Nothing is left to try.

    ``attempts``: what was tried and how it failed, in order. ``refusals``: per profile, why not, and until when.
    ``retry_at``: epoch seconds of the soonest free slot, ``None`` when waiting does not help. ``__cause__`` is the last
    error, when there was one.
    """

    def __init__(
        self,
        request: str | None,
        *,
        attempts: Sequence[AttemptRecord] = (),
        refusals: Sequence[Refusal] = (),
        retry_at: float | None = None,
    ) -> None:
        super().__init__(request)
        self.request = request
        self.attempts = tuple(attempts)
        self.refusals = tuple(refusals)
        self.retry_at = retry_at

    def __str__(self) -> str:
        lines = [f"no profile can answer for {self.request!r} now" if self.request else "no profile can answer now"]
        lines += [f"  tried {a.profile_id}: {a.kind}" + (f" ({a.message})" if a.message else "") for a in self.attempts]
        for refusal in self.refusals:
            until = f", until {iso(refusal.until)}" if refusal.until is not None else ""
            lines.append(f"  {refusal.profile_id}: {refusal.why}{until}")
        if self.retry_at is not None:
            lines.append(f"  try again at {iso(self.retry_at)}")
        elif not self.refusals and not self.attempts:
            lines.append("  no profile is declared for it: add it to a profile's `models`, or define a route")
        return "\n".join(lines)


def iso(at: float) -> str:
    """Epoch seconds as local ISO 8601 with offset, for messages."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(at))
