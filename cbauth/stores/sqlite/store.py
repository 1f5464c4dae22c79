"""Health in a SQLite file: the default. It outlives the process, and all processes of a user share it.

Laws, beside those of every store:

1. Reads make no I/O. What another process has written is seen with the next look at ``generation`` (``signals``), and
   where signals cannot be shared, or one was masked by another, within ``GLANCE``.
2. A change is acknowledged after its commit, and readers of this process see it then, not before.
3. While the file cannot be used, health lives in memory; once it can, both histories are made one (``core/merging``).

A row's id is the number of its last change, so that what is new since the last look is the end of the table, and the
greatest id tells whether there is any. A change is one statement, which writes only if there is nothing new (compare
and set); else it is a transaction that takes over what is new first.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cbauth.core.encoding import encode
from cbauth.core.health import Record
from cbauth.core.merging import merged
from cbauth.errors import StoreError
from cbauth.stores.codec import kept_until, parse
from cbauth.stores.contract import Change, Transition
from cbauth.stores.forks import guard
from cbauth.stores.memory import Journal
from cbauth.stores.sqlite.file import Found, StateFile, Trouble, diagnose
from cbauth.stores.sqlite.mounts import refuse_network
from cbauth.stores.sqlite.signals import CHANGED, Signals

__all__ = ["SqliteStore"]

R = TypeVar("R")

GLANCE = 0.02
"""Seconds until a second look after something changed, and between looks where nobody can signal."""
POLL = 1.0
"""Seconds between looks while nothing seems to happen."""
YIELD = 0.0001
"""Seconds that somebody who wrote last leaves to those who wait."""
PATIENCE = 5.0
"""Seconds to wait for others to finish writing; a change takes them a fraction of a millisecond."""
TIDY = 3600.0
"""Seconds between removals of rows that nobody misses."""

SINCE = "SELECT changed, namespace, key, CAST(body AS BLOB) FROM records WHERE changed > ? ORDER BY changed"
INSERT = "INSERT INTO records (changed, expires, body, namespace, key) VALUES (?, ?, ?, ?, ?)"
UPDATE = "UPDATE records SET changed = ?, expires = ?, body = ? WHERE changed = ?"
SWAP = f"{UPDATE} AND (SELECT max(changed) FROM records) = ?"
EXPIRED = "SELECT 1 FROM records WHERE expires < ? LIMIT 1"
DROP = "DELETE FROM records WHERE expires < ? AND changed < (SELECT max(changed) FROM records)"


class SqliteStore:
    """Records of one ``namespace`` in a SQLite file. ``clock`` gives epoch seconds, ``ticks`` seconds that never jump.

    ``patience``: seconds to wait for others who write, before ``update`` raises ``StoreError``.

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
        self._namespace = namespace
        self.clock = clock
        self._ticks = ticks
        self._sleep = sleep
        self._journal = Journal(clock)
        self._places: dict[str, int] = {}  # the id of each record's row
        self._unsaved: set[str] = set()  # what changed while the file could not be used
        self._latest = 0  # every change up to this one has been seen
        self._commits: int | None = None  # SQLite's own count of what others have committed
        self._signals = Signals(self.path)
        self._words = self._signals.words
        self._heard = 0  # the signal up to which everything has been seen
        self._closed = False
        self._look_at = self._tidy_at = -1e9
        self._file = StateFile(self.path, self._welcome, patience=patience, ticks=ticks, sleep=sleep)
        self._door = threading.RLock()  # one thread at a time; a finalizer may come back to where its thread is inside
        guard(self)
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

    def read(self, key: str) -> Record | None:
        """The record as this process last saw it."""
        return self._journal.read(key)

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
        """Look now at what other processes have written."""
        self._look()

    # writing

    def update(self, key: str, transition: Transition[R]) -> R:
        """Apply ``transition`` to the newest record, atomically over all processes.

        Raises ``StoreError`` when another program keeps the file locked for longer than the store's patience.
        """
        if self._signals.is_awaited():
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

    def _swap(self, key: str, transition: Transition[R]) -> tuple[R] | None:
        """Write on top of what was seen, if that is still the newest; the answer, or ``None`` when it was not."""
        place, file = self._places.get(key), self._file
        connection = file.connection
        if place is None or connection is None or connection.in_transaction:
            return None
        file.turn = turn = file.turn + 1
        before = self._journal.read(key)
        after, answer = transition(before)
        if file.turn != turn:
            return None
        if after is before:
            return (answer,)
        latest = self._latest
        expires, body = self._row(after)
        self._signals.change()
        try:
            if connection.execute(SWAP, (latest + 1, expires, body, place, latest)).rowcount != 1:
                return None
        except sqlite3.Error:
            return None
        self._wrote(key, after, latest + 1)
        return (answer,)

    def _transact(self, key: str, transition: Transition[R]) -> R:
        """Read, apply and write in one transaction, as often as it takes to get through."""
        file, waited = self._file, 0.0
        while True:
            file.turn = turn = file.turn + 1
            try:
                connection = self._begin()
            except (sqlite3.Error, OSError, StoreError) as error:
                waited = self._cope(error, waited)
                continue
            before = self._journal.read(key)
            after, answer = transition(before)
            if file.turn != turn:
                continue
            try:
                self._finish(connection, key, before, after)
            except sqlite3.Error as error:
                waited = self._cope(error, waited)
            else:
                return answer

    def _begin(self) -> sqlite3.Connection | None:
        """Start a transaction and take over what is new; ``None`` while there is only memory."""
        connection = self._file.reach()
        if connection is None:
            return None
        if connection.in_transaction:  # of an update that this one came in between: it will start over
            connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        self._catch_up(connection, since=self._latest)
        return connection

    def _finish(
        self, connection: sqlite3.Connection | None, key: str, before: Record | None, after: Record | None
    ) -> None:
        """Write what has changed and end the transaction; then let readers see it."""
        if connection is None:
            if after is not before:
                self._unsaved.add(key)
                self._journal.put(key, after)
        elif after is before:
            connection.execute("ROLLBACK")
        else:
            changed = self._latest + 1
            self._write(connection, key, after, changed, self._places.get(key))
            self._signals.change()
            connection.execute("COMMIT")
            self._wrote(key, after, changed)

    def _write(
        self, connection: sqlite3.Connection, key: str, record: Record | None, changed: int, place: int | None
    ) -> None:
        """Put a record into its row, which was at ``place``, or into a new one, as change number ``changed``."""
        row = (changed, *self._row(record))
        if place is None or connection.execute(UPDATE, (*row, place)).rowcount != 1:
            connection.execute(INSERT, (*row, self._namespace, key))

    def _row(self, record: Record | None) -> tuple[float, str | None]:
        """Until when a record is kept, and what is stored of it."""
        return kept_until(record, self.clock()), None if record is None else encode(record)

    def _wrote(self, key: str, record: Record | None, changed: int) -> None:
        """Tell others of a change that was committed, and let readers of this process see it."""
        self._heard = self._signals.change()
        self._signals.wrote()
        again = self._ticks() + GLANCE  # somebody else's signal may have been masked by this one
        if again < self._look_at:
            self._look_at = again
        self._latest = self._places[key] = changed
        self._journal.put(key, record)

    def _cope(self, error: Exception, waited: float) -> float:
        """Do what an error asks for; gives the seconds waited in all. Raises ``StoreError`` at the end of patience."""
        self._signals.wait()
        return self._file.cope(error, waited)

    # what others have written

    def _open(self) -> None:
        waited = 0.0
        while True:
            try:
                self._file.reach()
                return
            except (sqlite3.Error, OSError) as error:
                waited = self._cope(error, waited)

    def _welcome(self, connection: sqlite3.Connection, found: Found) -> None:
        """Make a file that was just opened, and what is known here, agree."""
        self._words = self._signals.attach()
        if found is not Found.SAME:
            self._places.clear()
            self._latest = 0
        if found is Found.REPLACEMENT:
            self._unsaved.update(self._journal.keys())
        if self._unsaved:
            self._save(connection)
        self._tidy(connection)

    def _save(self, connection: sqlite3.Connection) -> None:
        """Write what changed in memory only, as one history with what others have written meanwhile."""
        connection.execute("BEGIN IMMEDIATE")
        newest, news = self._news(connection, self._latest)
        theirs = {key: (changed, record) for changed, key, record in news}
        written = {}
        for changed, key in enumerate(self._unsaved, newest + 1):
            place, record = theirs.pop(key, (self._places.get(key), None))
            ours = self._journal.read(key)
            record = merged(ours, record) if ours is not None and record is not None else ours or record
            self._write(connection, key, record, changed, place)
            written[key] = changed, record
        self._signals.change()
        connection.execute("COMMIT")
        self._signals.change()
        self._latest = newest + len(written)
        self._unsaved.clear()
        for key, (changed, record) in (written | theirs).items():
            self._take(key, record, changed)

    def _tidy(self, connection: sqlite3.Connection) -> None:
        """Drop the rows that nobody misses, and learn the rest anew."""
        self._tidy_at = self._ticks() + TIDY
        now = self.clock()
        if connection.execute(EXPIRED, (now,)).fetchone() is not None:
            connection.execute(DROP, (now,))
        self._commits = _commits(connection)
        there = self._catch_up(connection, since=0)
        for key in {*self.keys(), *self._places} - there:
            self._places.pop(key, None)
            if self._journal.read(key) is not None:
                self._journal.hear(key, None)

    def _look(self) -> None:
        """Take over what others have written. Never waits, never raises."""
        if not self._door.acquire(blocking=False):
            return
        file = self._file
        try:
            now, signal = self._ticks(), self._words[CHANGED]
            if signal == self._heard:
                file.leave_if_moved()
                self._look_at = now + (POLL if self._signals.shared else GLANCE)
            else:
                self._look_at = now + GLANCE
            connection = None if self._closed else file.reach()
            if connection is not None and not connection.in_transaction:
                if now >= self._tidy_at:
                    self._tidy(connection)
                commits = _commits(connection)
                if commits != self._commits:
                    self._catch_up(connection, since=self._latest)
                    self._commits = commits
            self._heard = signal
        except (sqlite3.Error, OSError, StoreError) as error:
            self._look_at = self._ticks() + GLANCE
            if diagnose(error) is not Trouble.BUSY:
                file.cope(error, 0.0)
        finally:
            self._door.release()

    def _catch_up(self, connection: sqlite3.Connection, *, since: int) -> set[str]:
        """Take over the changes after ``since``; gives the keys that they were about."""
        self._latest, news = self._news(connection, since)
        for changed, key, record in news:
            if self._places.get(key) != changed:
                self._take(key, record, changed)
        return {key for _, key, _ in news}

    def _news(self, connection: sqlite3.Connection, since: int) -> tuple[int, list[tuple[int, str, Record | None]]]:
        """The latest change of all, and those after ``since`` in this namespace, in order: number, key, record."""
        rows = connection.execute(SINCE, (since,)).fetchall()
        mine = [(changed, key, parse(body)) for changed, namespace, key, body in rows if namespace == self._namespace]
        return rows[-1][0] if rows else since, mine

    def _take(self, key: str, record: Record | None, changed: int) -> None:
        """Let readers see a record that somebody else has written."""
        self._places[key] = changed
        if record != self._journal.read(key):
            self._journal.hear(key, record)

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
        self._file.disconnect()
        self._journal.before_fork()

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
