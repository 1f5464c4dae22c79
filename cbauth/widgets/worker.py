"""The one thread of a view: it does what takes time, and paints.

Laws:

1. ``do`` and ``poke`` return at once, from any thread, one that holds locks as well.
2. At most ``MOST`` paintings that change anything a second; what happens meanwhile is painted together, so the newest
   state is always shown in the end.
3. While the thread is busy with something that takes time, whoever pokes paints by himself, so that a hanging provider
   does not keep a view from saying so.
4. Whatever fails, the thread goes on, and ``failed`` is told.
5. After ``close`` nothing is painted any more, and the thread ends.

It runs in a copy of the context of whoever made it: what it displays belongs to that cell.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

__all__ = ["MOST", "Worker"]

T = TypeVar("T")

MOST = 5
"""Paintings a second."""
SECOND = 1.0
BREATH = 0.01
"""Seconds between two paintings, whatever they change: a painting may be the reason for the next one."""
PATIENCE = 2.0
"""Seconds that closing waits for the thread."""

Paint = Callable[[], bool]
"""Shows the state of now, which takes no time; whether that has changed anything."""
Glance = Callable[[], float | None]
"""Looks at the world, which may take time; gives the seconds until it should look again, ``None`` for never."""


class Worker:
    """A daemon thread, started by the first thing that there is to do."""

    def __init__(self, name: str, glance: Glance, paint: Paint, failed: Callable[[Exception], None]) -> None:
        self._glance = glance
        self._paint = paint
        self._failed = failed
        self._news = threading.Condition()
        self._painting = threading.Lock()
        self._tasks: deque[Callable[[], object]] = deque()
        self._painted: deque[float] = deque(maxlen=MOST)
        self._painted_at = -SECOND
        self._dirty = False
        self._busy = False
        self._closed = False
        self._glance_at: float | None = None
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run,), name=name, daemon=True)
        self._started = False

    def do(self, task: Callable[[], object]) -> None:
        """Have the thread do something, after what it was given before, and then paint."""
        with self._news:
            if not self._closed:
                self._tasks.append(task)
        self.poke()

    def poke(self) -> None:
        """Something has changed: paint soon."""
        with self._news:
            if self._closed:
                return
            self._dirty = True
            busy = self._busy
            if not self._started:
                self._started = True
                self._glance_at = monotonic()
                self._thread.start()
            self._news.notify_all()
        if busy and threading.current_thread() is not self._thread:
            self._paint_if_due()

    def close(self) -> None:
        """End the thread, after what it is in the middle of; from the thread itself, afterwards."""
        with self._news:
            self._closed = True
            self._tasks.clear()
            self._news.notify_all()
        if self._started and threading.current_thread() is not self._thread:
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        while True:
            with self._news:
                while not (self._closed or self._tasks) and (wait := self._seconds_left()) != 0.0:
                    self._news.wait(wait)
                if self._closed:
                    return
                paint = self._until_painting() == 0.0
                task = self._tasks.popleft() if self._tasks and not paint else None
                self._busy = not paint
            if paint:  # first, so that what was clicked is seen before what it starts is done
                self._paint_if_due()
            elif task is not None:
                self._guarded(task, None)
                self._glanced(0.0)
            else:
                again: float | None = SECOND
                self._glanced(self._guarded(self._glance, again))

    def _seconds_left(self) -> float | None:
        """Seconds until there is anything to do; ``None`` while nothing is foreseen."""
        glance = None if self._glance_at is None else max(0.0, self._glance_at - monotonic())
        return min((left for left in (self._until_painting(), glance) if left is not None), default=None)

    def _until_painting(self) -> float | None:
        """Seconds until what has changed may be painted; ``None`` if nothing has."""
        if not self._dirty:
            return None
        allowed = self._painted[0] + SECOND if len(self._painted) == MOST else 0.0
        return max(0.0, max(allowed, self._painted_at + BREATH) - monotonic())

    def _glanced(self, again: float | None) -> None:
        with self._news:
            self._busy, self._dirty = False, True
            self._glance_at = None if again is None else monotonic() + again

    def _paint_if_due(self) -> None:
        """Paint; for any thread but the own, unless somebody else is at it, which may be the same thread."""
        if not self._painting.acquire(blocking=threading.current_thread() is self._thread):
            return
        try:
            with self._news:
                if self._closed or self._until_painting() != 0.0:
                    return
                self._dirty = False
            if self._guarded(self._paint, True):
                self._painted.append(monotonic())
            self._painted_at = monotonic()
        finally:
            self._painting.release()

    def _guarded(self, task: Callable[[], T], otherwise: T) -> T:
        try:
            return task()
        except Exception as error:
            self._failed(error)
            return otherwise
