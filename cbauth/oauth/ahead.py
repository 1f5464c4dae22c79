"""Renewing tokens before they end, so that no call has to wait for it. Nothing relies on this: the clock decides.

One daemon thread looks at what is due, at least every ``GLANCE`` seconds: a laptop that has slept and a clock that was
set are noticed then. It keeps nothing alive: it ends when whoever asked for it is gone.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable

from cbauth.errors import CbauthError

__all__ = ["Ahead"]

GLANCE = 5.0
"""Seconds between two looks at the clock."""

Renew = Callable[[str], float | None]
"""Renews the token of an id if it is due, and gives the epoch second to look again; ``None`` for never."""

_log = logging.getLogger("cbauth.oauth")


class Ahead:
    """The ids whose tokens are kept fresh. ``renew`` is a bound method; its object may go at any time."""

    def __init__(self, renew: Renew, clock: Callable[[], float], *, glance: float = GLANCE) -> None:
        self._renew: weakref.ref[Renew] = weakref.WeakMethod(renew, lambda _: self._look_up())
        self._clock = clock
        self._glance = glance
        self._news = threading.Condition()
        self._next: dict[str, float] = {}
        self._thread: threading.Thread | None = None

    def add(self, name: str) -> None:
        """Keep the token of ``name`` fresh from now on."""
        with self._news:
            if name in self._next and self._thread is not None and self._thread.is_alive():
                return
            self._next[name] = 0.0
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._live, name="cbauth refreshes ahead", daemon=True)
                self._thread.start()
            self._news.notify_all()

    def keep(self, names: set[str]) -> None:
        """Keep the tokens of ``names`` fresh from now on, and those of no others."""
        for name in set(self._next) - names:
            self.drop(name)
        for name in names:
            self.add(name)

    def drop(self, name: str) -> None:
        """Leave the token of ``name`` alone."""
        with self._news:
            self._next.pop(name, None)

    def close(self) -> None:
        """End the thread; whatever request it is making goes on, and is not waited for."""
        with self._news:
            self._next.clear()
            self._news.notify_all()

    def _look_up(self) -> None:
        """See that whoever asked for all this is gone."""
        with self._news:
            self._news.notify_all()

    def after_fork_in_child(self) -> None:
        """The thread is the parent's; here it begins with the next ``add``."""
        self._news = threading.Condition()
        self._next.clear()
        self._thread = None

    def _live(self) -> None:
        while self._look():
            with self._news:
                if self._next:
                    now = self._clock()
                    self._news.wait(max(0.0, min(self._glance, min(self._next.values()) - now)))

    def _look(self) -> bool:
        """Renew what is due; whether there is anything left to look after."""
        now = self._clock()
        for name, at in tuple(self._next.items()):
            renew = self._renew()
            if renew is None:
                return False
            if at > now:
                continue
            again: float | None = now + GLANCE
            try:
                again = renew(name)
            except CbauthError as error:
                _log.info("the token of %s was not renewed ahead of time: %s", name, error)
            except Exception as error:  # its text may hold anything
                _log.warning("renewing the token of %s failed with %s", name, type(error).__name__)
            with self._news:
                if again is None:
                    self._next.pop(name, None)
                elif name in self._next:
                    self._next[name] = max(again, now + 1.0)
        with self._news:
            if not self._next:
                self._thread = None
                return False
        return self._renew() is not None
