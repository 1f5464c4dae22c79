"""The views that are open: one of a kind for each thing that is shown, the newest.

Running a cell again makes a new view, and the one before it closes, with its listener and its thread. A view that was
never shown is not open, and costs nothing.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Hashable
from typing import Protocol

__all__ = ["closed", "opened", "registered"]


class Closable(Protocol):
    """Something that can be closed, twice as well."""

    def close(self) -> None:
        """End it."""


_views: dict[Hashable, Closable] = {}
_lock = threading.Lock()


def opened(key: Hashable, view: Closable) -> None:
    """``view`` is open now; close the one before it."""
    with _lock:
        before = _views.get(key)
        _views[key] = view
    if before is not None and before is not view:
        before.close()


def closed(key: Hashable, view: Closable) -> None:
    """``view`` is closed."""
    with _lock:
        if _views.get(key) is view:
            del _views[key]


def registered() -> list[Closable]:
    """All that are open."""
    with _lock:
        return list(_views.values())


@atexit.register
def _close_all() -> None:
    for view in registered():
        view.close()
