"""A profiles.yaml that is read more than once: who vouches for it, what it held last, and a thread that looks again.

Laws:

1. A file is read once and judged by the very bytes that were read. Trust in one content never covers another.
2. The folder is watched, not the file: editors rename over it, Kubernetes swaps a link beside it, it may vanish and
   come back. Events only make a look prompt. Without any, the file is looked at every ``INTERVAL``.
3. Only another content (or another answer about its trust) is news; touching a file is none, and nothing is told twice.
4. A watch keeps nobody alive. It ends with its owner, with the process, or when it is stopped, and does not go along
   through ``fork()``.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cbauth.errors import ConfigError
from cbauth.forks import Rank, guard
from cbauth.plan import Plan
from cbauth.trust import is_trusted

if TYPE_CHECKING:
    from cbauth.config.loading import Checked

__all__ = ["ConfigFile", "OnReload", "ReloadLock", "Watch", "tell"]

INTERVAL = 1.0
"""Seconds between two looks when nothing is heard of the folder."""
GRACE = 2.0
"""Seconds for which a file may be missing before that is told: whoever replaces it needs less."""
QUIET = 0.05
"""Seconds without a change after which a burst of changes counts as over; stopping takes as long."""
BURST = 1.0
"""Seconds after which a burst that does not end is looked at all the same."""
PATIENCE = 5.0
"""Seconds that stopping waits for the thread, which may be inside somebody's callback."""

OnReload = Callable[[Plan, ConfigError | None], object]
"""Called with the plan that runs now, and with what is wrong with the file if that is why it still runs."""

_log = logging.getLogger("cbauth.watching")


class ConfigFile:
    """The file a toolkit was loaded from, wherever the current folder moves to.

    ``trusted`` is the word of whoever named the file; ``None`` says that it was only found, so that each content has to
    be one that somebody has run ``cbauth trust`` for.
    """

    __slots__ = ("_given", "_seen", "_trusted", "place")

    def __init__(self, path: str | Path, *, trusted: bool | None) -> None:
        self._given = os.fspath(path)
        self._trusted = trusted
        self._seen: str | None = None
        self.place = Path(_absolute(self._given) or self._given)

    @property
    def path(self) -> str:
        """The path as it was given, while that still leads to the same place; else in full."""
        return self._given if _absolute(self._given) == str(self.place) else str(self.place)

    def load(self) -> Plan:
        """The plan of what the file holds now. Raises ``ConfigError`` with everything that is wrong."""
        return self._plan(*self._read())

    def news(self) -> Plan | None:
        """The plan of what the file holds now; ``None`` while that is what was read last, good or bad.

        Raises ``ConfigError`` for new content that is wrong.
        """
        seen = self._seen
        try:
            content, trusted = self._read()
        except ConfigError:
            if self._seen == seen:
                return None
            raise
        return None if self._seen == seen else self._plan(content, trusted)

    def _read(self) -> tuple[Content, bool]:
        """What it holds now, and whether that is trusted."""
        try:
            content = Content(self.path)
        except ConfigError as error:
            self._seen = str(error)
            raise
        # judged by its digest: whoever swaps the file to and fro could have other bytes judged than are loaded
        trusted = self._trusted if self._trusted is not None else is_trusted(self.place, content.digest)
        self._seen = f"{content.digest} {trusted}"
        return content, trusted

    def _plan(self, content: Content, trusted: bool) -> Plan:
        from cbauth.config.loading import from_checked

        return from_checked(content.check(), content.name, trusted=trusted)


class Content:
    """The bytes of a file at one moment. They are in no ``repr``, so that no traceback shows what a file held."""

    __slots__ = ("_bytes", "digest", "name")

    def __init__(self, name: str) -> None:
        from cbauth.config.document import MOST_BYTES
        from cbauth.config.source import read

        self.name = name
        self._bytes = read(name, MOST_BYTES)
        self.digest = hashlib.sha256(self._bytes).hexdigest()

    def check(self) -> Checked:
        """What a check of these bytes finds."""
        from cbauth.config.loading import check_text

        return check_text(self._bytes, self.name)


def _absolute(path: str) -> str | None:
    """The path in full, links and all; ``None`` when there is no current folder any more to start from."""
    try:
        return os.path.abspath(path)
    except OSError:
        return None


class Watch:
    """A daemon thread that calls ``look`` soon after something happens to a file, and every ``INTERVAL``.

    ``look`` is a bound method, held weakly: when its owner goes, the thread ends. Raises ``ConfigError`` when the
    package ``watchfiles`` is not installed.
    """

    def __init__(self, path: Path, look: Callable[[], None]) -> None:
        try:
            from watchfiles import watch
        except ImportError:
            raise ConfigError("watching a file needs an extra package: pip install 'cbauth[watchfiles]'") from None
        stopped = threading.Event()
        self._changes = watch
        self._path = path
        self._look = weakref.WeakMethod(look, lambda _: stopped.set())
        self._stopped = stopped
        self._begun = threading.Event()
        self._signature = _signature(path)
        self._missing_since: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"cbauth watches {path.name}", daemon=True)
        _running.add(self)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still looks: not when it was stopped, nor in a child of the process that started it."""
        return self._thread.is_alive() and not self._stopped.is_set()

    def wait(self) -> None:
        """Wait until the folder is watched and the file was looked at for the first time."""
        if self._thread is not threading.current_thread():
            self._begun.wait(PATIENCE)

    def stop(self) -> None:
        """Look no more, and wait until the thread has ended; from its own thread, end after this look."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        complained = False
        while not self._stopped.is_set():
            folders = _folders(self._path)
            try:
                self._listen(folders)
            except (OSError, RuntimeError) as error:  # the system has no watches left, or the folder has just gone
                if folders == _folders(self._path) and not complained:
                    complained = True
                    _log.warning("%s is only looked at every %g s: %s", self._path, INTERVAL, error)
                self._begin()
                self._stopped.wait(INTERVAL)

    def _listen(self, folders: Mapping[str, tuple[int, int]]) -> None:
        """Glance at the file whenever it may have changed, until other folders than these are to be watched."""
        for _ in self._changes(
            *folders,
            watch_filter=self._concerns,
            stop_event=Ear(self._begin, self._stopped),
            recursive=False,
            yield_on_timeout=True,
            raise_interrupt=False,
            rust_timeout=_milliseconds(INTERVAL),
            step=_milliseconds(QUIET),
            debounce=_milliseconds(BURST),
        ):
            self._glance()
            if _folders(self._path) != folders:
                return

    def _begin(self) -> None:
        """Glance at what happened before the folder was watched."""
        self._glance()
        self._begun.set()

    def _concerns(self, _change: object, _name: str) -> bool:
        """Whether a change in the folder may be one of the file: its neighbours, a log perhaps, change all the time."""
        return self._missing_since is not None or _signature(self._path) != self._signature

    def _glance(self) -> None:
        """Have the owner look, unless the file is missing for the moment."""
        self._signature = _signature(self._path)  # first: what changes from now on is another change
        if self._signature is not None:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = time.monotonic()
        if self._missing_since is not None and time.monotonic() - self._missing_since < GRACE:
            return
        look = self._look()
        if look is None or self._stopped.is_set():
            return
        try:
            look()
        except Exception as error:
            _log.error("%s could not be looked at; the watch goes on\n%s", self._path, _told(error))


class Ear:
    """What watchfiles asks, between two naps, whether to stop. The first question says that it hears the folder now."""

    __slots__ = ("_begin", "_begun", "_stopped")

    def __init__(self, begin: Callable[[], None], stopped: threading.Event) -> None:
        self._begin = begin
        self._begun = False
        self._stopped = stopped

    def is_set(self) -> bool:
        """Whether to stop."""
        if not self._begun:
            self._begun = True
            self._begin()
        return self._stopped.is_set()


def _signature(path: Path) -> tuple[int, ...] | None:
    """What changes whenever the file does; ``None`` while there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _folders(path: Path) -> dict[str, tuple[int, int]]:
    """The folders to watch, each with its identity: the file's own, and that of the file which a link leads to."""
    found = {}
    for folder in (path.parent, Path(os.path.realpath(path)).parent):
        with suppress(OSError, ValueError):
            status = folder.stat()
            found[str(folder)] = (status.st_dev, status.st_ino)
    return found


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def tell(listeners: Iterable[OnReload | None], plan: Plan, problem: ConfigError | None) -> None:
    """Log what is wrong with a file that was read again, and call everybody who wants to know how it went."""
    if problem is not None:
        _log.warning("the running plan goes on: %s", problem)
    for listener in listeners:
        if listener is not None:
            try:
                listener(plan, problem)
            except Exception as error:
                _log.error("a callback for reloads failed; the watch goes on\n%s", _told(error))


def _told(error: Exception) -> str:
    """The traceback, but not what it was raised in the middle of."""
    return "".join(traceback.TracebackException.from_exception(error).format(chain=False)).rstrip()


_running: weakref.WeakSet[Watch] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """End the threads while the interpreter still stands: one that wakes up in foreign code later would crash it."""
    for watch in tuple(_running):
        watch.stop()


class ReloadLock:
    """A lock for reloading. A fork waits for whoever holds it: the child has no watching thread that could go on."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        guard(self, Rank.RELOADING)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    def before_fork(self) -> None:
        """Wait until nobody reloads."""
        self._lock.acquire()

    def after_fork(self) -> None:
        """Go on."""
        self._lock.release()
