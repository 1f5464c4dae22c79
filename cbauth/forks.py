"""Crossing ``os.fork()`` unharmed.

A lock held by another thread at the moment of the fork would stay locked in the child for ever, and SQLite forbids to
carry a connection across (https://www.sqlite.org/howtocorrupt.html, section 2.6). So whatever holds locks is brought to
rest before the fork, and goes on after it, on both sides. Locks are taken in the order in which calls take them: who
reloads, then engines, then stores.
"""

from __future__ import annotations

import os
import threading
from enum import IntEnum
from typing import Protocol
from weakref import WeakSet

__all__ = ["Rank", "guard", "in_child"]


class Rank(IntEnum):
    """Who is brought to rest before whom."""

    RELOADING = 0
    ENGINE = 1
    STORE = 2


class Forkable(Protocol):
    """Something that has to be at rest while the process forks."""

    def before_fork(self) -> None:
        """Take the locks, give back what must not be inherited."""

    def after_fork(self) -> None:
        """Give the locks back: in the parent as in the child."""


class Inherited(Protocol):
    """Something that a child has from its parent, and that is different there."""

    def after_fork_in_child(self) -> None:
        """Let go of what is the parent's: threads, and the locks that they hold."""


_inherited: WeakSet[Inherited] = WeakSet()
_guarded: dict[Rank, WeakSet[Forkable]] = {rank: WeakSet() for rank in Rank}
_resting: list[Forkable] = []
_lock = threading.Lock()


def guard(thing: Forkable, rank: Rank) -> None:
    """Bring ``thing`` to rest around every fork, as long as it lives."""
    with _lock:
        _guarded[rank].add(thing)


def in_child(thing: Inherited) -> None:
    """Have ``thing`` know when it finds itself in a child, as long as it lives."""
    with _lock:
        _inherited.add(thing)


def _before() -> None:
    _lock.acquire()
    for things in _guarded.values():
        for thing in tuple(things):
            thing.before_fork()
            _resting.append(thing)


def _after() -> None:
    while _resting:
        _resting.pop().after_fork()
    _lock.release()


def _after_in_child() -> None:
    _after()
    for thing in tuple(_inherited):
        thing.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
