"""What all views have in common: how they show themselves, and when they begin and end.

Laws:

1. A view costs nothing until it is shown; then it has one thread, one listener and, where there are widgets, one tree.
2. The newest view of a thing closes the one before it. ``close`` ends everything, twice as well, and lets the toolkit
   go.
3. Where nobody looks, a view is still: text and HTML of that moment, no thread, no question.
"""

from __future__ import annotations

import logging
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from contextvars import copy_context
from importlib import import_module
from typing import Any, NoReturn, TypeVar

from cbauth.display.html import FRAME, element
from cbauth.errors import CbauthError, ConfigError
from cbauth.toolkit import Toolkit
from cbauth.widgets import registry
from cbauth.widgets.surroundings import Surroundings, apart, chosen, look, ui_of
from cbauth.widgets.worker import Worker

__all__ = ["View", "a_toolkit", "policy_of"]

T = TypeVar("T")

WIDGET = "application/vnd.jupyter.widget-view+json"

_log = logging.getLogger("cbauth.widgets")


def a_toolkit(toolkit: object) -> Toolkit:
    """``toolkit`` if it is one. Raises ``ConfigError``."""
    if isinstance(toolkit, Toolkit):
        return toolkit
    raise ConfigError(f"give a toolkit, as cbauth.load() makes it, not a {type(toolkit).__name__}")


def policy_of(toolkit: Toolkit) -> Hashable:
    """What tells the policy of a toolkit from others: its file, or else its profiles."""
    return toolkit.plan.path or tuple(profile.id for profile in toolkit.plan.profiles)


class View(ABC):
    """Something to show in a notebook. ``ui`` is ``auto``, ``widgets`` or ``html``."""

    def __init__(self, toolkit: Toolkit, key: Hashable, ui: str) -> None:
        self._toolkit = toolkit
        self._key = (type(self).__name__, key)
        self._ui = ui_of(ui)
        self._around: Surroundings | None = None
        self._mode = ""
        self._lock = threading.RLock()
        self._worker: Worker | None = None
        self._stop: list[Callable[[], object]] = []
        self._handle: Any = None
        self._context = copy_context()
        self._tree: Any = None
        self._notice: Any = None
        self._fault = self._shown_fault = ""
        self._blind = False
        self._closed = False
        self._note = ""

    # what each view brings

    @abstractmethod
    def _text(self) -> str:
        """What it shows, in plain text: no link, no code."""

    @abstractmethod
    def _html(self, *, live: bool) -> str:
        """What it shows, as HTML. ``live``: in an output that is replaced when that changes."""

    @abstractmethod
    def _listen(self) -> list[Callable[[], object]]:
        """Listen to what happens; gives what ends this."""

    @abstractmethod
    def _glance(self) -> float | None:
        """Look at the world, which may take time; gives the seconds until it should look again."""

    @abstractmethod
    def _take(self) -> bool:
        """Take what is to be shown now; whether it has changed. Takes no time."""

    @abstractmethod
    def _build(self) -> list[Any]:
        """The widgets, one below the other."""

    @abstractmethod
    def _apply(self) -> None:
        """Put what is to be shown into the widgets."""

    @abstractmethod
    def _is_over(self) -> bool:
        """Whether nothing that is shown will ever change again: the toolkit is closed, and that is told."""

    # what people use

    @property
    def widget(self) -> Any:
        """The view as an ipywidget, to be put into boxes and tabs. Raises ``ConfigError`` without ipywidgets."""
        self._decide("widgets")
        self._open()
        return self._tree

    def close(self) -> None:
        """Take the view away, with its thread, its listener and all of its widgets."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            worker, tree = self._worker, self._tree
            stops, self._stop = self._stop, []
        for stop in stops:
            stop()
        if worker is not None:
            worker.close()
        if tree is not None:
            from cbauth.widgets.controls import close_tree

            close_tree(tree)
        if self._handle is not None and self._mode == "html":
            self._handle.update(self._bundle(live=False), raw=True)
        registry.closed(self._key, self)
        if worker is not None:
            self._release()

    def __repr__(self) -> str:
        self._see()
        return self._text()

    def _repr_html_(self) -> str:
        self._see()
        return self._html(live=False)

    def _ipython_display_(self) -> None:
        display = import_module("IPython.display").display
        self._decide(self._ui)
        if self._mode == "still" or self._closed:
            self._see()
            display(self._bundle(live=False), raw=True)
            return
        self._open()
        if self._mode == "widgets":
            display(self._bundle(live=False) | self._widget_bundle(), raw=True)
        elif self._handle is None:
            self._handle = display(self._bundle(live=True), raw=True, display_id=True)
        else:
            self._handle.display(self._bundle(live=True), raw=True)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a view cannot be pickled or copied: make a new one")

    # inside

    def _release(self) -> None:
        """Let go of the toolkit: what a cell has shown is kept in the history of the notebook for good."""
        del self._toolkit
        self._tree = self._notice = self._handle = None

    def _require_open(self) -> None:
        if self._closed:
            raise ConfigError("this view is closed: make a new one")

    @property
    def _surroundings(self) -> Surroundings:
        if self._around is None:
            self._around = look()
        return self._around

    def _decide(self, ui: str) -> None:
        with self._lock:
            if not self._mode or (ui == "widgets" and self._tree is None):
                self._mode = chosen(ui, self._surroundings)

    def _open(self) -> None:
        """Begin to be live; the view that showed the same before closes."""
        with self._lock:
            self._require_open()
            if self._worker is None:
                self._see()
                self._worker = Worker(f"cbauth {type(self).__name__}", self._glance_or_end, self._paint, self._failed)
                self._stop = self._listen()
            if self._mode == "widgets" and self._tree is None:
                self._context = copy_context() if self._surroundings.headless else apart()
                self._tree = self._apart(self._planted)
        registry.opened(self._key, self)
        self._worker.poke()

    def _planted(self) -> Any:
        from ipywidgets import VBox

        from cbauth.widgets.controls import page

        self._notice = page()
        self._notice.layout.display = "none"
        tree = VBox([*self._build(), self._notice])
        tree.add_class("cbauth-view")
        return tree

    def _follow(self, changed: Callable[[], object]) -> list[Callable[[], object]]:
        """Follow the file, if there is one; gives what ends this."""
        if self._toolkit.plan.path is None or self._toolkit.closed:
            return []
        try:
            return [self._toolkit.watch(lambda _plan, _problem: changed())]
        except ConfigError as error:
            self._note = f"Edits of the file are not followed: {error}."
            return []

    def _submit(self, task: Callable[[], object]) -> None:
        """Have something done that takes time."""
        if self._worker is not None:
            self._worker.do(task)

    def _changed(self) -> None:
        """Something has changed that may have to be shown."""
        if self._worker is not None:
            self._worker.poke()

    def _glance_or_end(self) -> float | None:
        """``_glance``, in the thread of the view; that ends with the toolkit."""
        if self._worker is not None and self._is_over():
            self._worker.close()
            return None
        return self._glance()

    def _see(self) -> None:
        """Look now, if there is no thread that does."""
        if self._worker is None:
            self._glance()
            self._take()

    def _paint(self) -> bool:
        with self._lock:
            if self._closed:
                return False
            changed = self._taken()
            fault, self._shown_fault = self._shown_fault, self._fault
            if not changed and fault == self._fault:
                return False
            if self._tree is not None:
                self._apart(self._show)
            if self._handle is not None:
                self._handle.update(self._bundle(live=True), raw=True)
            return True

    def _taken(self) -> bool:
        """``_take``; a fault in it is shown as long as it lasts."""
        try:
            changed = self._take()
        except Exception as error:
            self._failed(error)
            self._blind = True
            return False
        if self._blind:
            self._blind, self._fault = False, ""
        return changed

    def _show(self) -> None:
        self._apply()
        self._notice.value = self._fault_html()
        self._notice.layout.display = None if self._fault else "none"

    def _apart(self, work: Callable[[], T]) -> T:
        """Do something with the widgets as nobody's request, so that their clicks need not wait for a cell."""
        return self._context.copy().run(work)

    def _safely(self, work: Callable[..., object], *arguments: object) -> None:
        """What a control calls: what goes wrong in it is said in the view, not in a log that nobody reads."""
        try:
            work(*arguments)
        except Exception as error:
            self._failed(error)
            self._changed()

    def _failed(self, error: Exception) -> None:
        """Say in the view what went wrong: texts of foreign errors may hold anything."""
        self._fault = str(error) if isinstance(error, CbauthError) else f"internal fault: {type(error).__name__}"
        if not isinstance(error, CbauthError):
            lines = traceback.TracebackException.from_exception(error).format(chain=False)
            _log.error("a view failed; it goes on\n%s", "".join(lines).rstrip())

    def _fault_html(self) -> str:
        return element("div", f"▲ {self._fault}", style=FRAME) if self._fault else ""

    def _bundle(self, *, live: bool) -> dict[str, Any]:
        return {"text/plain": self._text(), "text/html": self._html(live=live) + self._fault_html()}

    def _widget_bundle(self) -> dict[str, Any]:
        return {WIDGET: {"version_major": 2, "version_minor": 0, "model_id": self._tree.model_id}}
