"""The sources that answer at once: environment variables, values given in Python, and ways to say no."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from cbauth.errors import AuthError, ConfigError
from cbauth.secrets.secret import Secret, Source, vetted

__all__ = ["Blocked", "Environment", "FirstOf", "Given", "Nothing"]


class Environment:
    """An environment variable, read anew each time. Blanks and line ends around the value are dropped."""

    __slots__ = ("_environ", "_last", "_name", "description")
    slow = False

    def __init__(self, name: str, environ: Mapping[str, str] | None = None) -> None:
        self._name = name
        self._environ = environ if environ is not None else os.environ
        self._last: Secret | None = None
        self.description = f"env:{name}"

    def missing(self) -> str | None:
        """Why not: the variable is not set, or empty."""
        try:
            return None if self._environ[self._name].strip() else f"{self._name} is empty"
        except KeyError:
            return f"{self._name} is not set"

    def get(self) -> Secret:
        """The variable's value. Raises ``AuthError`` when there is none, or none that can be sent."""
        last = self._last
        if last is not None and last.reveal() == self._text():  # it was vetted the last time
            return last
        secret = Secret(self._text())
        if not secret:
            raise AuthError(self.missing() or f"{self._name} is not set")
        self._last = vetted(secret, self._name)
        return secret

    def _text(self) -> str:
        try:
            return self._environ[self._name].strip()
        except KeyError:
            return ""

    def forget(self) -> None:
        """Nothing is remembered."""

    def __repr__(self) -> str:
        return f"Environment({self._name!r})"


class Given:
    """A credential handed over in Python, as text or as a ``Secret``. Raises ``ConfigError`` for anything else."""

    __slots__ = ("_secret",)
    slow = False
    description = "given in Python"

    def __init__(self, value: object) -> None:
        if not isinstance(value, str | Secret):
            kind = type(value).__name__
            del value  # it may be a key all the same (as bytes): tracebacks must not show it
            raise ConfigError(f"a key must be text, not {kind}")
        self._secret = Secret(value.strip()) if isinstance(value, str) else value

    def missing(self) -> str | None:
        """Why not: it is empty."""
        return None if self._secret else "the key given in Python is empty"

    def get(self) -> Secret:
        """The credential. Raises ``AuthError`` when it cannot be sent."""
        return vetted(self._secret, "the key given in Python")

    def forget(self) -> None:
        """There is no other place to ask."""

    def __repr__(self) -> str:
        return "Given('…')"


class Nothing:
    """No credential, for protocols that need none: the token is ``""``."""

    __slots__ = ()
    slow = False
    description = "none needed"

    def missing(self) -> str | None:
        """Nothing is missing."""
        return None

    def get(self) -> Secret:
        """The empty secret."""
        return _EMPTY

    def forget(self) -> None:
        """Nothing is remembered."""

    def __repr__(self) -> str:
        return "Nothing()"


_EMPTY = Secret("")


class FirstOf:
    """Several sources; the first that has a credential wins."""

    __slots__ = ("_sources",)

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)

    @property
    def description(self) -> str:
        """The source that is in use now, or all of them when none is."""
        chosen = self._chosen()
        return chosen.description if chosen is not None else " or ".join(s.description for s in self._sources)

    @property
    def slow(self) -> bool:
        """Whether any of them is."""
        return any(source.slow for source in self._sources)

    def missing(self) -> str | None:
        """Why not: what each of them misses."""
        reasons = []
        for source in self._sources:
            reason = source.missing()
            if reason is None:
                return None
            reasons.append(reason)
        return " and ".join(reasons)

    def get(self) -> Secret:
        """The credential of the first that has one. Raises ``AuthError`` when none has."""
        chosen = self._chosen()
        if chosen is None:
            raise AuthError(self.missing() or "no credential is set")
        return chosen.get()

    def forget(self) -> None:
        """Pass it on to each of them."""
        for source in self._sources:
            source.forget()

    def _chosen(self) -> Source | None:
        return next((source for source in self._sources if source.missing() is None), None)

    def __repr__(self) -> str:
        return f"FirstOf({self._sources!r})"


class Blocked:
    """A credential that may not or cannot be used, and why."""

    __slots__ = ("_reason", "description")
    slow = False

    def __init__(self, reason: str, *, description: str = "none") -> None:
        self._reason = reason
        self.description = description

    def missing(self) -> str | None:
        """The reason."""
        return self._reason

    def get(self) -> Secret:
        """Raises ``AuthError`` with the reason."""
        raise AuthError(self._reason)

    def forget(self) -> None:
        """Nothing is remembered."""

    def __repr__(self) -> str:
        return f"Blocked({self._reason!r})"
