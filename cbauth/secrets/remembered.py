"""Asking a slow place once for everybody.

Laws:

1. However many threads ask, the place is asked by one at a time, and those who waited take its answer, good or bad.
2. An answer is remembered until ``forget()``, or for ``lifetime`` seconds; a failure is not remembered.
"""

from __future__ import annotations

import math
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from cbauth.errors import AuthError
from cbauth.secrets.secret import Secret

__all__ = ["Remembered"]


class Remembered(ABC):
    """The base of sources that ask a keyring or run a command."""

    slow = True

    def __init__(self, *, lifetime: float = math.inf, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._answer: tuple[Secret, float] | None = None
        self._failure = ""
        self._asked = 0
        self._lock = threading.Lock()
        self._pid = os.getpid()

    @abstractmethod
    def _ask(self) -> Secret:
        """Ask the place itself. Raises ``AuthError``."""

    def get(self) -> Secret:
        """The credential, remembered or fresh. Raises ``AuthError`` when it cannot be had."""
        secret = self._known()
        if secret is not None:
            return secret
        if self._pid != os.getpid():  # the lock may be held by a thread that did not come along through fork()
            self._lock, self._pid = threading.Lock(), os.getpid()
        asked = self._asked
        with self._lock:
            secret = self._known()
            if secret is not None:
                return secret
            if self._asked != asked and self._failure:
                raise AuthError(self._failure)
            try:
                secret = self._ask()
                self._failure = ""
            except AuthError as error:
                self._failure = error.message
                raise
            finally:
                self._asked += 1
            self._answer = (secret, self._clock() + self._lifetime)
            return secret

    def forget(self) -> None:
        """Ask again the next time."""
        self._answer = None

    def _known(self) -> Secret | None:
        answer = self._answer
        return answer[0] if answer is not None and self._clock() < answer[1] else None
