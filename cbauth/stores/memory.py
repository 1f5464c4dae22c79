"""Health that lives and dies with the process."""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice
from typing import TypeVar

from cbauth.core.health import Record
from cbauth.stores.contract import Transition
from cbauth.stores.forks import guard

__all__ = ["Journal", "MemoryStore"]

R = TypeVar("R")
REMEMBERED = 256


class Journal:
    """The records a process has seen, which of them changed, and in what order. The base of every store's reads."""

    def __init__(self) -> None:
        self.generation = 0
        self._records: dict[str, Record] = {}
        self._changed: deque[str] = deque(maxlen=REMEMBERED)
        self._latest = (-1, "")
        self._lock = threading.RLock()  # a finalizer may come back to a store while its thread is inside one

    def read(self, key: str) -> Record | None:
        """The record as this process last saw it."""
        return self._records.get(key)

    def keys(self) -> tuple[str, ...]:
        """The keys of all records seen."""
        with self._lock:
            return tuple(self._records)

    def changes(self, since: int) -> tuple[str, ...] | None:
        """The keys changed after generation ``since``; ``None`` when that is too long ago to tell."""
        generation, key = self._latest
        if since == generation - 1:  # so it is nearly always, and then no lock is needed
            return (key,)
        with self._lock:
            behind = self.generation - since
            changed = self._changed
            if not 0 <= behind <= len(changed):
                return None
            return tuple(islice(reversed(changed), behind))[::-1]

    def refresh(self) -> None:
        """Nobody else writes here."""

    def put(self, key: str, record: Record | None) -> None:
        """Take over a record that was written (``None``: removed)."""
        with self._lock:
            self._put(key, record)

    def before_fork(self) -> None:
        """Wait until nobody is inside."""
        self._lock.acquire()

    def after_fork(self) -> None:
        """Go on."""
        self._lock.release()

    def _put(self, key: str, record: Record | None) -> None:
        if record is None:
            self._records.pop(key, None)
        else:
            self._records[key] = record
        self._changed.append(key)
        self.generation += 1
        self._latest = (self.generation, key)


class MemoryStore(Journal):
    """A store for one process: the default of a manager made by hand."""

    def __init__(self) -> None:
        super().__init__()
        guard(self)

    def update(self, key: str, transition: Transition[R]) -> R:
        """Apply ``transition`` under the lock."""
        with self._lock:
            while True:
                generation = self.generation
                before = self._records.get(key)
                after, answer = transition(before)
                if self.generation == generation:
                    break
            if after is not before:
                self._put(key, after)
        return answer

    def close(self) -> None:
        """Nothing to give back."""
