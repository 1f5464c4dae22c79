"""Logins in this process alone: for tests, and for programs that want nothing kept."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from cbauth.errors import StoreError
from cbauth.forks import in_child
from cbauth.oauth.credentials.files import text_of
from cbauth.oauth.credentials.record import Credential

__all__ = ["MemoryCredentials"]


class MemoryCredentials:
    """A dictionary. What could not be stored elsewhere is refused here too."""

    description = "memory"
    fresh_for = 1.0

    def __init__(self) -> None:
        self._logins: dict[str, Credential] = {}
        self._marks: dict[str, str] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        in_child(self)

    def load(self, key: str) -> Credential | None:
        """The login, if there is one."""
        return self._logins.get(key)

    def save(self, credential: Credential) -> None:
        """Keep a login. Raises ``StoreError`` for one that no store could keep."""
        text_of(credential)
        self._logins[credential.key] = credential

    def delete(self, key: str) -> bool:
        """Remove a login."""
        self._marks.pop(key, None)
        return self._logins.pop(key, None) is not None

    def mark(self, key: str, refused: str) -> None:
        """Remember that a token of a login is refused."""
        self._marks[key] = refused

    def marked(self, key: str) -> str:
        """What was marked last."""
        return self._marks.get(key, "")

    def all(self) -> list[Credential]:
        """Every login."""
        return sorted(self._logins.values(), key=lambda each: (each.provider_id, each.account or "", each.key))

    @contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        """Hold the lock of a login. Raises ``StoreError`` after ``timeout`` seconds."""
        lock = self._locks[key]
        if not lock.acquire(timeout=max(0.0, timeout)):
            raise StoreError(
                f"the login has been held by another thread of this process ({os.getpid()}) for {timeout:g} s: end"
                " that thread, or try again later"
            )
        try:
            yield
        finally:
            lock.release()

    def after_fork_in_child(self) -> None:
        """What another thread of the parent holds is nobody's here."""
        self._locks = defaultdict(threading.Lock)

    def __repr__(self) -> str:
        return f"<{self.description}>"
