"""Health in a SQLite file: the default. It outlives the process, and all processes of a user share it.

Laws, beside those of every store:

1. Reads make no I/O. What another process has written is seen with the next look at ``generation`` (``signals``),
   within ``GLANCE`` where its signal was masked or signals cannot be shared, and by a slow poll where it gave none.
2. A change is acknowledged after its commit, and readers of this process see it then, not before.
3. While the file cannot be used, health lives in memory; once it can, both histories are made one (``core/merging``).

A change is one statement where this process has seen the newest version of the row: it writes only if that is still
the newest (compare and set). Otherwise it is a transaction that reads the row first.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from cbauth.core.encoding import encode
from cbauth.core.health import Record
from cbauth.core.merging import merged
from cbauth.errors import StoreError
from cbauth.forks import Rank, guard
from cbauth.stores.codec import kept_until, parse
from cbauth.stores.contract import Change, Transition
from cbauth.stores.memory import Journal
from cbauth.stores.sqlite.file import Found, StateFile, Trouble, diagnose, is_foreign
from cbauth.stores.sqlite.mounts import refuse_network
from cbauth.stores.sqlite.rows import Place, Row, Rows
from cbauth.stores.sqlite.schema import DamagedError
from cbauth.stores.sqlite.signals import CHANGED, SLOTS, WAITING, Signals

__all__ = ["SqliteStore"]

R = TypeVar("R")

GLANCE = 0.02
"""Seconds until a second look after something changed, and between looks where nobody can signal."""
POLL = 1.0
"""Seconds between looks while nothing seems to happen."""
YIELD = 0.0001
"""Seconds that somebody who wrote last leaves to those who wait."""
PATIENCE = 1.0
"""Seconds to wait for others to finish writing, which takes them a fraction of a millisecond; then memory has to do."""
TIDY = 3600.0
"""Seconds between removals of rows that nobody misses."""
SCAN_SHARE = 0.02
"""The share of time, at most, that goes into looking through all rows, in case a signal was lost."""


class SqliteStore:
    """Records of one ``namespace`` in a SQLite file. ``clock`` gives epoch seconds, ``ticks`` seconds that never jump.

    ``patience``: seconds to wait for others who write, before changes stay in memory for a while.

    Raises ``StoreError`` for a file that is not cbauth's, that a newer version wrote, or that lies on a network file
    system.
    """

    def __init__(
        self,
        path: Path | str,
        namespace: str = "",
        *,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = Path(path).absolute()
        refuse_network(self.path)
        if os.path.isdir(self.path):
            raise StoreError(f"{self.path} is a folder: name a file in `state.store`")
        if is_foreign(self.path):
            raise StoreError(f"{self.path} is not a database: name another file in `state.store`")
        self._namespace = namespace
        self.clock = clock
        self._ticks = ticks
        self._sleep = sleep
        self._journal = Journal(clock)
        self.read = self._journal.read
        self._rows = Rows(namespace, SLOTS)
        self._unsaved: set[str] = set()  # what changed while the file could not be used
        self._commits: int | None = None  # SQLite's own count of what others had committed when all rows were read
        self._again: set[int] = set()  # the slots of what changed since the last second look
        self._signals = Signals(self.path)
        self._words = self._signals.words
        self._heard = 0  # the signal up to which everything has been seen
        self._closed = False
        self._look_at = self._scan_at = self._tidy_at = -1e9
        self._file = StateFile(self.path, self._welcome, patience=patience, ticks=ticks, sleep=sleep)
        self._door = threading.RLock()  # one thread at a time; a finalizer may come back to where its thread is inside
        guard(self, Rank.STORE)
        with self._door:
            self._open()

    @property
    def trouble(self) -> str:
        """Why changes stay in memory for now; empty when they do not."""
        return self._file.trouble

    # reading

    @property
    def generation(self) -> int:
        """Grows by one with every record that changes, here or (once seen) elsewhere."""
        if self._words[CHANGED] != self._heard or self._ticks() >= self._look_at:
            self._look()
        return self._journal.generation

    def keys(self) -> tuple[str, ...]:
        """The keys of all records seen."""
        return self._journal.keys()

    def changes(self, since: int) -> tuple[str, ...] | None:
        """The keys changed after generation ``since``; ``None`` when that is too long ago to tell."""
        return self._journal.changes(since)

    def watch(self) -> deque[Change]:
        """A queue that gets what other processes change, once it is seen, as long as somebody holds it."""
        return self._journal.watch()

    def refresh(self) -> None:
        """Look now at what other processes have written, at every row."""
        self._scan_at = -1e9
        self._look()

    # writing

    def update(self, key: str, transition: Transition[R]) -> R:
        """Apply ``transition`` to the newest record, atomically over all processes; in memory while that cannot be."""
        if self._words[WAITING] and self._signals.is_awaited():
            self._sleep(YIELD)
        if self._words[CHANGED] != self._heard or self._ticks() >= self._look_at:
            self._look()
        with self._door:
            try:
                done = self._swap(key, transition)
                return done[0] if done is not None else self._transact(key, transition)
            except BaseException:
                self._file.roll_back()
                self._commits = None  # it may have been interrupted between the commit and the journal
                self._look_at = -1e9
                raise
            finally:
                if self._closed:
                    self._file.disconnect()
                    self._words = self._signals.detach()

    def _swap(self, key: str, transition: Transition[R]) -> tuple[R] | None:
        """Write on top of what was seen, if that is still the newest; the answer, or ``None`` when it was not."""
        places, file = self._rows.places, self._file
        place, cursor = places.get(key), file.cursor
        if place is None or cursor is None or cursor.connection.in_transaction:
            return None
        file.turn = turn = file.turn + 1
        before = self._journal.read(key)
        after, answer = transition(before)
        if file.turn != turn:
            return None
        if after is before:
            return (answer,)
        slot = place[0] % SLOTS
        expires, body = self._stored(after)
        self._signals.changes(slot)
        try:
            written = self._rows.swap(cursor, place, expires, body)
        except sqlite3.Error:
            return None
        if written is None:
            return None
        self._wrote(key, after, written, turn)
        return (answer,)

    def _transact(self, key: str, transition: Transition[R]) -> R:
        """Read, apply and write in one transaction, as often as it takes to get through."""
        file, waited = self._file, 0.0
        while True:
            file.turn = turn = file.turn + 1
            try:
                connection = self._begin(key)
            except (sqlite3.Error, OSError, StoreError, DamagedError) as error:
                waited = self._cope(error, waited)
                continue
            place, before = self._rows.places.get(key), self._journal.read(key)
            after, answer = transition(before)
            if file.turn != turn:
                continue
            try:
                if connection is not None:
                    self._finish(connection, key, place, before, after, turn)
                elif after is not before:
                    self._unsaved.add(key)
                    self._journal.put(key, after)
            except sqlite3.Error as error:
                if file.turn == turn:  # else another update has come in between, and ended this transaction
                    waited = self._cope(error, waited)
            else:
                return answer

    def _begin(self, key: str) -> sqlite3.Connection | None:
        """Start a transaction and read the newest record; ``None`` while there is only memory."""
        connection = self._file.reach()
        if connection is None:
            return None
        if connection.in_transaction:  # of an update that this one came in between: it will start over
            connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        row = self._rows.newest(connection, key)
        if row is not None:
            self._take(row)
        return connection

    def _finish(
        self,
        connection: sqlite3.Connection,
        key: str,
        place: Place | None,
        before: Record | None,
        after: Record | None,
        turn: int,
    ) -> None:
        """Write what has changed and end the transaction; then let readers see it."""
        if after is before:
            connection.execute("ROLLBACK")
        else:
            written = self._rows.write(connection, key, place, *self._stored(after))
            self._signals.changes(written[0] % SLOTS)
            connection.execute("COMMIT")
            self._wrote(key, after, written, turn)

    def _stored(self, record: Record | None) -> tuple[float, str | None]:
        """Until when a record is kept, and what is stored of it."""
        return kept_until(record, self.clock()), None if record is None else encode(record)

    def _wrote(self, key: str, record: Record | None, place: Place, turn: int) -> None:
        """Tell others of a change that was committed, and let readers of this process see it."""
        slot = place[0] % SLOTS
        self._heard = self._signals.changed(slot)
        if not self._again:  # else the second look is due already
            self._look_at = min(self._look_at, self._ticks() + GLANCE)
        self._again.add(slot)  # somebody else's signal may have been masked by this one
        self._journal.put(key, record)
        self._rows.put(key, place)
        while self._file.turn != turn:  # another update has come in between, and has written on top of this one
            turn = self._file.turn
            self._rows.drop(key)
            if self._file.connection is not None and (row := self._rows.newest(self._file.connection, key)):
                self._take(row)

    def _cope(self, error: Exception, waited: float) -> float:
        """Do what an error asks for; gives the seconds waited in all."""
        self._signals.wait()
        return self._file.cope(error, waited)

    # what others have written

    def _open(self) -> None:
        waited = 0.0
        while True:
            try:
                self._file.reach()
                return
            except (sqlite3.Error, OSError, DamagedError) as error:
                waited = self._cope(error, waited)

    def _welcome(self, connection: sqlite3.Connection, found: Found) -> None:
        """Make a file that was just opened, and what is known here, agree."""
        self._words = self._signals.attach()
        if found is not Found.SAME:
            self._rows.forget()
        if found is Found.REPLACEMENT:
            self._unsaved.update(self._journal.keys())
        if self._unsaved:
            self._save(connection)
        self._tidy(connection)

    def _save(self, connection: sqlite3.Connection) -> None:
        """Write what changed in memory only, as one history with what others have written meanwhile."""
        connection.execute("BEGIN IMMEDIATE")
        written = {}
        for key in self._unsaved:
            row = self._rows.newest(connection, key)
            place, theirs = (self._rows.places.get(key), None) if row is None else (row.place, parse(row.body))
            ours = self._journal.read(key)
            whole = merged(ours, theirs) if ours is not None and theirs is not None else ours or theirs
            written[key] = self._rows.write(connection, key, place, *self._stored(whole)), whole
        connection.execute("COMMIT")
        self._unsaved.clear()
        for key, (place, whole) in written.items():
            self._signals.changed(place[0] % SLOTS)
            self._rows.put(key, place)
            if whole != self._journal.read(key):
                self._journal.hear(key, whole)

    def _tidy(self, connection: sqlite3.Connection) -> None:
        """Drop the rows that nobody misses, and learn the rest anew."""
        self._rows.tidy(connection, self.clock())
        self._commits = None
        self._scan(connection)
        for key in {*self.keys()} - self._rows.places.keys():
            self._journal.hear(key, None)
        self._tidy_at = self._ticks() + TIDY

    def _look(self) -> None:
        """Take over what others have written. Never waits, never raises."""
        if not self._door.acquire(blocking=False):
            return
        file, slots = self._file, set[int]()
        try:
            if file.connection is not None and file.connection.in_transaction:
                return
            now, signal = self._ticks(), self._words[CHANGED]
            slots = self._signals.heard()
            if signal != self._heard:
                self._again |= slots
                self._look_at = now + GLANCE
            else:
                slots, self._again = slots | self._again, set()
                self._look_at = now + (POLL if self._signals.shared else GLANCE)
                file.leave_if_moved()
            connection = None if self._closed else file.reach()
            if connection is not None:
                if now >= self._tidy_at:
                    self._tidy(connection)
                elif now >= self._scan_at or not self._signals.shared:
                    self._scan(connection)
                elif slots:
                    for row in self._rows.news(connection, slots):
                        self._take(row)
            self._heard = signal
        except (sqlite3.Error, OSError, StoreError, DamagedError) as error:
            self._again |= slots
            self._look_at = self._ticks() + GLANCE
            if diagnose(error) is not Trouble.BUSY or file.trouble:
                file.cope(error, 0.0)
        finally:
            self._door.release()

    def _scan(self, connection: sqlite3.Connection) -> None:
        """Look through all rows, if anybody else has written since that was done last."""
        began = self._ticks()
        commits = _commits(connection)
        if commits != self._commits:
            rows, gone = self._rows.all_news(connection)
            for row in rows:
                self._take(row)
            for key in gone:
                self._rows.drop(key)
                self._journal.hear(key, None)
            self._commits = commits
        ended = self._ticks()
        self._scan_at = ended + max(POLL, (ended - began) / SCAN_SHARE)

    def _take(self, row: Row) -> None:
        """Let readers see a record that somebody else has written."""
        record = parse(row.body)
        if record != self._journal.read(row.key):
            self._journal.hear(row.key, record)
        self._rows.put(row.key, row.place)  # last: an update that comes in between then fails to compare

    # the end, and forks

    def close(self) -> None:
        """Give the file back. An update that comes later opens it for as long as it takes."""
        with self._door:
            self._closed = True
            self._file.disconnect()
            self._words = self._signals.detach()

    def before_fork(self) -> None:
        """Wait until nobody is inside, and close the file: a connection must not cross a fork."""
        self._door.acquire()
        self._journal.before_fork()
        with suppress(sqlite3.Error):
            self._file.disconnect()

    def after_fork(self) -> None:
        """Go on; the file is opened again when it is needed."""
        self._signals.renew()
        self._journal.after_fork()
        self._door.release()

    def __repr__(self) -> str:
        return f"SqliteStore({str(self.path)!r}, namespace={self._namespace!r})"


def _commits(connection: sqlite3.Connection) -> int:
    """A number that changes when another connection commits."""
    (number,) = connection.execute("PRAGMA data_version").fetchone()
    return int(number)
