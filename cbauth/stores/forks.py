"""Crossing ``os.fork()`` unharmed.

A lock held by another thread at the moment of the fork would stay locked in the child for ever, and SQLite forbids to
carry a connection across (https://www.sqlite.org/howtocorrupt.html, section 2.6). So every store is brought to rest
before the fork, and goes on after it, on both sides.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet

__all__ = ["guard"]


class Forkable(Protocol):
    """Something that has to be at rest while the process forks."""

    def before_fork(self) -> None:
        """Take the lock, give back what must not be inherited."""

    def after_fork(self) -> None:
        """Give the lock back: in the parent as in the child."""


_guarded: WeakSet[Forkable] = WeakSet()
_resting: list[Forkable] = []
_lock = threading.Lock()


def guard(store: Forkable) -> None:
    """Bring ``store`` to rest around every fork, as long as it lives."""
    with _lock:
        _guarded.add(store)


def _before() -> None:
    _lock.acquire()
    for store in _guarded:
        store.before_fork()
        _resting.append(store)


def _after() -> None:
    while _resting:
        _resting.pop().after_fork()
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
