"""``Timeline``: what has happened to the profiles of a toolkit since it was made, as a picture."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable

from cbauth.display import Snapshot
from cbauth.display.svg import still_html
from cbauth.display.timeline import History
from cbauth.display.timeline import Timeline as Shown
from cbauth.events import Event
from cbauth.toolkit import Toolkit

__all__ = ["Recorder", "Timeline"]

_numbers = itertools.count(1)


class Recorder:
    """Remembers what the events of a toolkit say. ``told`` is called after each, in the thread that it happened in.

    ``window``: the seconds that are drawn at most; ``None`` for all since it was made.
    """

    def __init__(
        self, toolkit: Toolkit, told: Callable[[Event], object] | None = None, window: float | None = None
    ) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._window = window
        self._history = History(window)
        self.count = 0
        self.begun_at = self._first_at = toolkit.snapshot().at
        self.name = f"cbauth-{os.getpid()}-{next(_numbers)}"
        self.close = toolkit.on("*", self._heard)

    def _heard(self, event: Event) -> None:
        with self._lock:
            self._history.add(event)
            self._first_at = min(self._first_at, event.at)
            self.count += 1
        if self._told is not None:
            self._told(event)

    def shown(self, look: Snapshot) -> Shown:
        """What is drawn at that look: the window, which begins with a quarter of its length, or everything."""
        now, profiles = look.at, {row.profile_id: row.provider_id for row in look.rows}
        with self._lock:
            start = self._first_at
            if self._window is not None:
                start = now - min(self._window, max(self._window / 4, now - self.begun_at))
            return self._history.shown(profiles, start=start, now=max(now, start + 1.0))


class Timeline:
    """Calls, failovers, rests and circuits of a toolkit's profiles, from now on, as a picture for notebooks.

    It shows the moment at which it is displayed; ``StatusView`` has one that is live. ``close()`` ends the recording.
    """

    def __init__(self, toolkit: Toolkit) -> None:
        self._toolkit = toolkit
        self._recorder = Recorder(toolkit)

    def close(self) -> None:
        """Record no more; what was recorded is still shown."""
        self._recorder.close()

    def _shown(self) -> Shown:
        return self._recorder.shown(self._toolkit.snapshot())

    def __repr__(self) -> str:
        return self._repr_mimebundle_()["text/plain"]

    def _repr_html_(self) -> str:
        return self._repr_mimebundle_()["text/html"]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        shown = self._shown()
        return {"text/plain": f"<Timeline: {shown.summary}>", "text/html": still_html(shown)}
