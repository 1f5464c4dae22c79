"""``Timeline``: what has happened to the profiles of a toolkit since it was made, as a picture."""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable

from cbauth.display import Snapshot
from cbauth.display.svg import timeline_html
from cbauth.display.timeline import Timeline as Shown
from cbauth.display.timeline import timeline
from cbauth.events import Event
from cbauth.toolkit import Toolkit

__all__ = ["Recorder", "Timeline"]

MOST = 2000
"""Events that are remembered."""

_numbers = itertools.count(1)


class Recorder:
    """Remembers the events of a toolkit. ``told`` is called after each, in the thread that it happened in."""

    def __init__(self, toolkit: Toolkit, told: Callable[[Event], object] | None = None) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._events: deque[Event] = deque(maxlen=MOST)
        self.count = 0
        self.begun_at = toolkit.snapshot().at
        self.name = f"cbauth-{os.getpid()}-{next(_numbers)}"
        self.close = toolkit.on("*", self._heard)

    def _heard(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)
            self.count += 1
        if self._told is not None:
            self._told(event)

    def shown(self, look: Snapshot, window: float | None = None) -> Shown:
        """What is drawn at that look: the last ``window`` seconds, or everything since the first event."""
        with self._lock:
            events = tuple(self._events)
        now, profiles = look.at, {row.profile_id: row.provider_id for row in look.rows}
        start = min([self.begun_at, *(event.at for event in events)]) if window is None else now - window
        return timeline(events, profiles, start=start, now=max(now, start + 1.0))


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
        return f"<Timeline: {self._shown().summary}>"

    def _repr_html_(self) -> str:
        return timeline_html(self._shown(), self._recorder.name)
