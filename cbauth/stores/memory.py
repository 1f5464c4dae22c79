"""Health that lives and dies with the process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar
from weakref import ref

from cbauth.core.health import Binding, Record
from cbauth.forks import Rank, guard
from cbauth.stores.contract import Change, Transition

__all__ = ["Journal", "MemoryStore"]

R = TypeVar("R")
REMEMBERED = 256
MOST_HEARD = 1024
SWEEP = 1024
"""How many session bindings are written until those that have ended are dropped."""


class Journal:
    """The records a process has seen, which of them changed, and in what order. The base of every store's reads.

    ``clock`` gives epoch seconds; it tells when a session binding has ended and may be dropped.
    """

    read: Callable[[str], Record | None]
    """The record as this process last saw it. The dictionary's own method: each call asks several times."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.generation = 0
        self.clock = clock
        self._sweep_in = SWEEP
        self._watchers: tuple[ref[deque[Change]], ...] = ()
        self._records: dict[str, Record] = {}
        self.read = self._records.get
        self._changed: deque[str] = deque(maxlen=REMEMBERED)
        self._latest = (-1, "")
        self._lock = threading.RLock()  # a finalizer may come back to a store while its thread is inside one

    def keys(self) -> tuple[str, ...]:
        """The keys of all records seen."""
        return _steady(lambda: tuple(self._records))

    def changes(self, since: int) -> tuple[str, ...] | None:
        """The keys changed after generation ``since``; ``None`` when that is too long ago to tell."""
        latest, key = self._latest
        if since + 1 == latest == self.generation:  # so it is nearly always
            return (key,)
        while True:
            generation = self.generation
            changed = _steady(lambda: tuple(self._changed))
            if generation == self.generation == self._latest[0]:
                break
        behind = generation - since
        return changed[len(changed) - behind :] if 0 <= behind <= len(changed) else None

    def watch(self) -> deque[Change]:
        """A queue that gets what others change, as long as somebody holds it."""
        heard: deque[Change] = deque(maxlen=MOST_HEARD)
        self._watchers = (*(w for w in self._watchers if w() is not None), ref(heard))
        return heard

    def refresh(self) -> None:
        """Nobody else writes here."""

    def hear(self, key: str, record: Record | None) -> None:
        """Take over a record that another process has written, and tell those who watch."""
        with self._lock:
            before = self._records.get(key)
            self._put(key, record)
        for watcher in self._watchers:
            heard = watcher()
            if heard is not None:
                heard.append(Change(key, before, record))

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
            if record.__class__ is Binding:
                self._sweep_in -= 1
                if not self._sweep_in:
                    self._sweep()
        self._changed.append(key)
        self.generation = generation = self.generation + 1
        self._latest = generation, key

    def _sweep(self) -> None:
        """Drop the bindings that have ended: sessions come and go, and nobody takes leave of them."""
        self._sweep_in, now = SWEEP, self.clock()
        for key, record in tuple(self._records.items()):
            if isinstance(record, Binding) and record.until < now:
                del self._records[key]


def _steady(look: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """What ``look`` sees of something that others may be changing. Taking their lock could wait for ever."""
    while True:
        try:
            return look()
        except RuntimeError:  # it was changed during iteration
            continue


class MemoryStore(Journal):
    """A store for one process: the default of a manager made by hand."""

    trouble = ""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        guard(self, Rank.STORE)

    def update(self, key: str, transition: Transition[R]) -> R:
        """Apply ``transition`` under the lock."""
        with self._lock:
            while True:
                generation = self.generation
                before = self._records.get(key)
                after, answer = transition(before)
                if after is before or self.generation == generation:
                    break
            if after is not before:
                self._put(key, after)
        return answer

    def close(self) -> None:
        """Nothing to give back."""
