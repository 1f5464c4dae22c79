"""``StatusView``: how each profile stands, live; what has happened of late; what is wrong with the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cbauth.display import Snapshot
from cbauth.display.classes import in_classes
from cbauth.display.html import FRAME, Markup, element, snapshot_html
from cbauth.display.svg import still_html, timeline_html
from cbauth.display.text import snapshot_text
from cbauth.events import Event
from cbauth.toolkit import Toolkit
from cbauth.widgets.timeline import Recorder
from cbauth.widgets.view import View, a_toolkit, policy_of
from cbauth.widgets.wording import headline

__all__ = ["StatusView"]

WINDOW = 120.0
"""Seconds that the picture shows at most; it begins with a quarter of that."""
EVERY = 1.0
"""Seconds between two looks: other processes change health as well, and rests end by the clock."""
FRAMES = 5.0
"""Seconds after which the picture is drawn again although nothing has happened: time goes on in it."""


class StatusView(View):
    """Health, credentials and recent calls of all profiles. It follows the calls, other processes and the file.

    ``ui`` is ``widgets``, ``html`` or ``auto``. There is one view for each file (or set of profiles): the newest.
    """

    def __init__(self, toolkit: Toolkit, *, ui: str = "auto") -> None:
        super().__init__(a_toolkit(toolkit), policy_of(toolkit), ui)
        self._shown: Snapshot = toolkit.snapshot()
        self._recorder: Recorder | None = None
        self._drawn = (-1, 0.0)

    # what a view brings

    def _text(self) -> str:
        text = snapshot_text(self._shown)
        if self._recorder is not None:
            text += f"\nSince it is shown: {self._recorder.shown(self._shown).summary}"
        return text

    def _html(self, *, live: bool) -> str:
        parts = [headline(self._shown.summary), snapshot_html(self._shown, summary=False)] if live else []
        return element("div", *(parts or [snapshot_html(self._shown)]), self._picture(still=True), self._said())

    def _listen(self) -> list[Callable[[], object]]:
        recorder = self._recorder = Recorder(self._toolkit, self._heard, WINDOW)
        stops: list[Callable[[], object]] = [recorder.close]
        stops += self._follow(self._changed)
        return stops

    def _release(self) -> None:
        super()._release()
        self._recorder = None

    def _heard(self, _event: Event) -> None:
        self._changed()

    def _glance(self) -> float | None:
        return EVERY

    def _take(self) -> bool:
        before, self._shown = self._shown, self._toolkit.snapshot()
        count, now = self._recorder.count if self._recorder is not None else 0, self._shown.at
        moved = count != self._drawn[0] or (count > 0 and not 0 <= now - self._drawn[1] < FRAMES)
        if moved:
            self._drawn = count, now
        return moved or not self._shown.same(before)

    def _is_over(self) -> bool:
        return self._shown.closed

    def _build(self) -> list[Any]:
        from cbauth.widgets.controls import page

        self._headline, self._table, self._plot = page(), page(), page()
        self._apply()
        return [self._headline, self._table, self._plot]

    def _apply(self) -> None:
        from cbauth.widgets.controls import put

        put(self._headline, "value", headline(self._shown.summary))
        put(self._table, "value", in_classes(snapshot_html(self._shown, summary=False, stays=False)))
        put(self._plot, "value", element("div", self._picture(still=False), self._said()))

    def _picture(self, *, still: bool) -> Markup:
        if self._recorder is None:
            return Markup()
        shown = self._recorder.shown(self._shown)
        picture = still_html(shown) if still else timeline_html(shown, self._recorder.name)
        return element("div", picture, style="margin: 10px 0 0")

    def _said(self) -> Markup:
        return element("p", self._note, style=f"{FRAME}; margin: 6px 0 0") if self._note else Markup()
