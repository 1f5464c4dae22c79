"""The file of a SQLite store: reaching it, and what to do when it is busy, lost, damaged or not to be written.

Laws:

1. A damaged file is set aside and a new one begun; a file that cannot be used is done without, and tried again after
   ``REPRIEVE``. Each is told once, by a warning in the log.
2. Nothing is tried for ever: what fails again right after it was mended is done without.
3. A transaction that was interrupted, by whatever, is rolled back before anybody else needs the file.
"""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

from cbauth.plan import DATABASE_ENDINGS
from cbauth.stores.sqlite.schema import DamagedError, connect

__all__ = ["Found", "StateFile", "Trouble", "diagnose", "is_foreign"]

PAUSE = 0.0005
"""Seconds, at most, before a busy file is tried again; drawn by lot, so that those who wait do not march in step."""
REPRIEVE = 1.0
"""Seconds until a file that failed is tried again."""
SIDES = ("", "-wal", "-shm")

MAGIC = b"SQLite format 3\0"
"""What every database begins with (https://www.sqlite.org/fileformat.html)."""

_log = logging.getLogger("cbauth.stores")


class Found(Enum):
    """Which file was reached."""

    SAME = "the one that was open before"
    OTHER = "one that was not known"
    REPLACEMENT = "another one, for one that was damaged or removed"


class Trouble(Enum):
    """What an error asks for."""

    BUSY = "somebody else is writing: try again, and after a while go on in memory"
    LOST = "the file is not the one that was opened: open it again"
    DAMAGED = "the file is damaged: set it aside"
    UNUSABLE = "the file cannot be read or written: go on in memory"


_BY_CODE = {
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
    sqlite3.SQLITE_PROTOCOL: Trouble.BUSY,
    sqlite3.SQLITE_SCHEMA: Trouble.LOST,
    sqlite3.SQLITE_ERROR: Trouble.LOST,
    sqlite3.SQLITE_CORRUPT: Trouble.DAMAGED,
    sqlite3.SQLITE_NOTADB: Trouble.DAMAGED,
}


def diagnose(error: Exception) -> Trouble:
    """What to do about an error (SQLite's result codes: https://www.sqlite.org/rescode.html)."""
    if isinstance(error, DamagedError):
        return Trouble.DAMAGED
    code = getattr(error, "sqlite_errorcode", None)
    return Trouble.UNUSABLE if code is None else _BY_CODE.get(code & 0xFF, Trouble.UNUSABLE)


class StateFile:
    """A file, its one connection, and its troubles. The caller sees to it that one thread is inside at a time.

    ``welcome`` is called with each connection before it is used. ``trouble`` says why the file is done without, and is
    empty while it is not. ``turn`` grows with everything that voids a
    transaction under way.
    """

    def __init__(
        self,
        path: Path,
        welcome: Callable[[sqlite3.Connection, Found], None],
        *,
        patience: float,
        ticks: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.connection: sqlite3.Connection | None = None
        self.cursor: sqlite3.Cursor | None = None
        self.turn = 0
        self.path = path
        self._welcome = welcome
        self._patience = patience
        self._ticks = ticks
        self._sleep = sleep
        self._inode: tuple[int, int] | None = None  # the file that was opened last, or that opening failed on
        self._known: tuple[int, int] | None = None  # the file that was welcomed last
        self._replaced = self._moved = False
        self.trouble = ""
        self._retry_at = self._mended_at = -1e9
        self._mended: Trouble | None = None  # what was mended last

    def reach(self) -> sqlite3.Connection | None:
        """The connection, opened if need be; ``None`` while the file is done without.

        Raises ``sqlite3.Error`` or ``OSError``, for ``cope`` to judge, and ``StoreError``.
        """
        if self.connection is not None or self._ticks() < self._retry_at:
            return self.connection
        self._inode = _inode(self.path)
        connection = connect(self.path)
        self._inode = _inode(self.path)
        if not self._replaced and (self._moved or (self._known is not None and self._inode != self._known)):
            self._replaced = True
            _log.warning("%s was removed or replaced while in use: what is known here goes into the new one", self.path)
        found = Found.REPLACEMENT if self._replaced else Found.SAME if self._inode == self._known else Found.OTHER
        try:
            self._welcome(connection, found)
        except BaseException:
            connection.close()
            raise
        self.connection, self.cursor = connection, connection.cursor()
        self._known = self._inode
        self._replaced = self._moved = False
        if self.trouble:
            self.trouble = ""
            _log.warning("state is kept in %s again", self.path)
        return connection

    def leave_if_moved(self) -> None:
        """Let go of a file that is no longer where its path leads: it was deleted, or replaced."""
        if self.connection is not None and _inode(self.path) != self._inode:
            self._moved = True  # remembered, for a new file may get the number of the one that went
            self.disconnect()

    def cope(self, error: Exception, waited: float) -> float:
        """Do what an error asks for, so that the next try may work; gives the seconds waited in all."""
        self.roll_back()
        trouble = diagnose(error)
        if trouble is Trouble.BUSY:
            if self.trouble or waited >= self._patience:  # whoever has waited in vain once waits no more
                self._go_without(error, "another program has locked it: end that program, or name another file")
                return waited
            began = self._ticks()
            pause = random.uniform(PAUSE / 20, PAUSE)
            self._sleep(pause)
            return waited + max(pause, self._ticks() - began)
        now = self._ticks()
        is_known = self._mended is Trouble.LOST and trouble is Trouble.DAMAGED  # reopening told why
        if trouble is Trouble.UNUSABLE or (now < self._mended_at + REPRIEVE and not is_known):
            self._go_without(error)
            return waited
        self._mended_at, self._mended = now, trouble
        self.disconnect()
        if trouble is Trouble.DAMAGED:
            self._set_aside(error)
        return waited

    def roll_back(self) -> None:
        """End a transaction that was not finished."""
        if self.connection is not None and self.connection.in_transaction:
            try:
                self.connection.execute("ROLLBACK")
            except sqlite3.Error:
                self.disconnect()

    def disconnect(self) -> None:
        """Close the connection, if there is one."""
        connection, self.connection, self.cursor = self.connection, None, None
        self.turn += 1
        if connection is not None:
            connection.close()

    def __del__(self) -> None:
        self.disconnect()

    def _go_without(self, error: Exception, advice: str = "") -> None:
        self.disconnect()
        self._retry_at = self._ticks() + REPRIEVE
        if not self.trouble:
            reason = advice or getattr(error, "strerror", None) or f"{error}: see that you may write it and its folder"
            self.trouble = f"state cannot be kept in {self.path} ({reason})"
            _log.warning("%s: it lives in memory until that works", self.trouble)

    def _set_aside(self, error: Exception) -> None:
        """Rename the damaged file and what SQLite keeps beside it, unless another process has done so already."""
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}")
        try:
            with _alone_in(self.path.parent):
                if _inode(self.path) != self._inode:
                    return
                for side in SIDES:
                    with suppress(FileNotFoundError):
                        os.replace(f"{self.path}{side}", f"{aside}{side}")
        except OSError as hindrance:
            self._go_without(hindrance)
            return
        self._replaced = True
        _log.warning("%s is damaged (%s): it is kept as %s, and state goes into a new file", self.path, error, aside)


def is_foreign(path: Path) -> bool:
    """Whether the file is somebody's document, and no damaged database: neither name, content nor neighbours say so."""
    if path.suffix in DATABASE_ENDINGS or any(os.path.exists(f"{path}{end}") for end in ("-wal", "-signals")):
        return False
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError:
        return False  # which opening it tells better
    return bool(start) and start != MAGIC


def _inode(path: Path) -> tuple[int, int] | None:
    """Which file the path leads to now; ``None`` when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes that want the same out of ``folder``, on systems that can lock one."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
