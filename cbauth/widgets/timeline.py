"""``Timeline``: what has happened to the profiles of a toolkit since it was made, as a picture."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Mapping

from cbauth.display import Snapshot, Standing
from cbauth.display.svg import still_html
from cbauth.display.timeline import FOREVER, History, Lane, Stretch
from cbauth.display.timeline import Timeline as Shown
from cbauth.events import Event
from cbauth.toolkit import Toolkit

__all__ = ["Recorder", "Timeline"]

KINDS = {Standing.COOLING: "cooling", Standing.OPEN: "open", Standing.TESTING: "testing"}

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
        begun = toolkit.snapshot()
        self.begun_at = self._first_at = begun.at
        self._noticed: dict[tuple[str, str], float] = {}
        self._notice(begun, {})
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
            shown = self._history.shown(profiles, start=start, now=max(now, start + 1.0))
            self._notice(look, shown.lanes)
        return shown

    def _notice(self, look: Snapshot, lanes: Mapping[str, Lane]) -> None:
        """Add what the look says goes on and no event has said: it began before this, or for another profile."""
        noticed = {}
        for row in look.rows:
            kind, lane = KINDS.get(row.standing), lanes.get(row.profile_id, Lane())
            if kind and not any(each.kind == kind and each.start <= look.at < each.end for each in lane.stretches):
                since = noticed[row.profile_id, kind] = self._noticed.get((row.profile_id, kind), look.at)
                lane.stretches.append(Stretch(since, FOREVER if row.until is None else row.until, kind))
        self._noticed = noticed


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
