"""Health in a SQLite file: the default. It outlives the process, and all processes of a user share it.

Laws, beside those of every store:

1. Reads make no I/O. What other processes write is seen within ``GLANCE`` of the next look at ``generation``.
2. A change is acknowledged after its commit, and readers of this process see it then, not before.
3. While the file cannot be used, health lives in memory; once it can, what nobody else has written is written.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

from cbauth.core.health import Binding, Record, decode, encode
from cbauth.errors import StoreError
from cbauth.stores.contract import Transition
from cbauth.stores.forks import guard
from cbauth.stores.memory import Journal
from cbauth.stores.sqlite.file import Found, StateFile, Trouble, diagnose

__all__ = ["SqliteStore"]

R = TypeVar("R")

GLANCE = 0.02
"""Seconds between looks at what others have written."""
PATIENCE = 5.0
"""Seconds to wait for others to finish writing; a change takes them a fraction of a millisecond."""
TIDY = 3600.0
"""Seconds between removals of rows that nobody misses."""
DAY = 86400.0
KEPT = 30 * DAY
"""Seconds for which the health of a profile that nobody uses is kept."""

NEWEST = """
    SELECT latest, id, changed, CAST(body AS BLOB)
    FROM (SELECT max(changed) AS latest FROM records) LEFT JOIN records ON namespace = ? AND key = ?
"""
INSERT = "INSERT INTO records (body, changed, expires, namespace, key) VALUES (?, ?, ?, ?, ?)"
UPDATE = "UPDATE records SET body = ?, changed = ?, expires = ? WHERE id = ?"
SINCE = "SELECT changed, namespace, key, CAST(body AS BLOB) FROM records WHERE changed > ? ORDER BY changed"
EXPIRED = "SELECT 1 FROM records WHERE expires < ? LIMIT 1"
DROP = "DELETE FROM records WHERE expires < ? AND changed < (SELECT max(changed) FROM records)"

_log = logging.getLogger("cbauth.stores")
_json = json.JSONEncoder(separators=(",", ":")).encode

Row = tuple[int | None, int | None, int | None, bytes | None]
"""The latest change of all, and of the record in question: its id, its change, its body."""


class SqliteStore:
    """Records of one ``namespace`` in a SQLite file. ``clock`` gives epoch seconds, ``ticks`` seconds that never jump.

    ``patience``: seconds to wait for others who write, before ``update`` raises ``StoreError``.

    Raises ``StoreError`` for a file that is not cbauth's, or that a newer version wrote.
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
        self._namespace = namespace
        self._clock = clock
        self._ticks = ticks
        self._journal = Journal()
        self._versions: dict[str, int] = {}  # the change with which each record was last seen in the file
        self._unsaved: set[str] = set()  # what changed while the file could not be used
        self._latest = 0  # every change up to this one has been seen
        self._commits: int | None = None  # SQLite's own count of what others have committed
        self._closed = False
        self._look_at = self._tidy_at = -1e9
        self._file = StateFile(self.path, self._welcome, patience=patience, ticks=ticks, sleep=sleep)
        self._door = threading.RLock()  # one thread at a time; a finalizer may come back to where its thread is inside
        guard(self)
        with self._door:
            self._open()

    # reading

    @property
    def generation(self) -> int:
        """Grows by one with every record that changes, here or (once seen) elsewhere."""
        if self._ticks() >= self._look_at:
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

    def refresh(self) -> None:
        """Look now at what other processes have written."""
        self._look()

    # writing

    def update(self, key: str, transition: Transition[R]) -> R:
        """Apply ``transition`` to the newest record in one transaction of the file.

        Raises ``StoreError`` when another program keeps the file locked for longer than the store's patience.
        """
        if self._ticks() >= self._look_at:
            self._look()
        file, waited = self._file, 0.0
        with self._door:
            try:
                while True:
                    file.turn += 1
                    turn = file.turn
                    try:
                        row, before = self._begin(key)
                    except (sqlite3.Error, OSError, StoreError) as error:
                        waited = file.cope(error, waited)
                        continue
                    after, answer = transition(before)
                    try:
                        if file.turn == turn and self._finish(key, row, before, after):
                            return answer
                    except sqlite3.Error as error:
                        if file.turn == turn:
                            waited = file.cope(error, waited)
            except BaseException:
                file.roll_back()
                self._commits = None  # it may have been interrupted between the commit and the journal
                raise
            finally:
                if self._closed:
                    file.disconnect()

    def _begin(self, key: str) -> tuple[Row | None, Record | None]:
        """Start a transaction; the newest row and record, or no row while there is only memory."""
        connection = self._file.reach()
        if connection is None:
            return None, self._journal.read(key)
        if connection.in_transaction:  # of an update that this one came in between: it will start over
            connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        row: Row = connection.execute(NEWEST, (self._namespace, key)).fetchone()
        known = row[2] is not None and row[2] == self._versions.get(key)
        return row, self._journal.read(key) if known else _parse(row[3])

    def _finish(self, key: str, row: Row | None, before: Record | None, after: Record | None) -> Literal[True]:
        """Write what has changed and end the transaction; then let readers see it."""
        connection = self._file.connection
        if row is None or connection is None:
            if after is not before:
                self._unsaved.add(key)
                self._journal.put(key, after)
            return True
        if after is before:
            connection.execute("ROLLBACK")
            if row[2] is not None and row[2] != self._versions.get(key):
                self._take(key, before, row[2])
            return True
        changed = self._write(connection, key, row, after)
        connection.execute("COMMIT")
        if self._latest == changed - 1:
            self._latest = changed
        self._versions[key] = changed
        self._journal.put(key, after)
        return True

    def _write(self, connection: sqlite3.Connection, key: str, row: Row, record: Record | None) -> int:
        """Put a record into its row; gives the number of the change."""
        latest, row_id, _, _ = row
        changed = (latest or 0) + 1
        expires = self._clock() + (DAY if record is None or isinstance(record, Binding) else KEPT)
        body = None
        if record is not None:
            body = _json(encode(record))
            expires = max(expires, _deadline(record))
        if row_id is None:
            connection.execute(INSERT, (body, changed, expires, self._namespace, key))
        else:
            connection.execute(UPDATE, (body, changed, expires, row_id))
        return changed

    # what others have written

    def _open(self) -> None:
        waited = 0.0
        while True:
            try:
                self._file.reach()
                return
            except (sqlite3.Error, OSError) as error:
                waited = self._file.cope(error, waited)

    def _welcome(self, connection: sqlite3.Connection, found: Found) -> None:
        """Make a file that was just opened, and what is known here, agree."""
        if found is not Found.SAME:
            self._versions.clear()
        if found is Found.REPLACEMENT:
            self._unsaved.update(self._journal.keys())
        if self._unsaved:
            self._save(connection)
        self._tidy(connection)

    def _save(self, connection: sqlite3.Connection) -> None:
        """Write what changed in memory only, except where somebody else has written meanwhile."""
        connection.execute("BEGIN IMMEDIATE")
        for key in self._unsaved:
            row: Row = connection.execute(NEWEST, (self._namespace, key)).fetchone()
            if row[2] == self._versions.get(key):
                self._versions[key] = self._write(connection, key, row, self._journal.read(key))
        connection.execute("COMMIT")
        self._unsaved.clear()

    def _tidy(self, connection: sqlite3.Connection) -> None:
        """Drop the rows that nobody misses, and learn the rest anew."""
        self._tidy_at = self._ticks() + TIDY
        now = self._clock()
        if connection.execute(EXPIRED, (now,)).fetchone() is not None:
            connection.execute(DROP, (now,))
        self._commits = _commits(connection)
        there = self._catch_up(connection, since=0)
        for key in set(self.keys()) - there:
            self._take(key, None, 0)

    def _look(self) -> None:
        """Take over what others have written. Never waits, never raises."""
        if not self._door.acquire(blocking=False):
            return
        file = self._file
        try:
            now = self._ticks()
            self._look_at = now + GLANCE
            file.leave_if_moved()
            connection = None if self._closed else file.reach()
            if connection is None or connection.in_transaction:
                return
            if now >= self._tidy_at:
                self._tidy(connection)
            commits = _commits(connection)
            if commits != self._commits:
                self._catch_up(connection, since=self._latest)
                self._commits = commits
        except (sqlite3.Error, OSError, StoreError) as error:
            if diagnose(error) is not Trouble.BUSY:
                file.cope(error, 0.0)
        finally:
            self._door.release()

    def _catch_up(self, connection: sqlite3.Connection, *, since: int) -> set[str]:
        """Take over the changes after ``since``; gives the keys that they were about."""
        self._latest = since
        keys = set()
        for changed, namespace, key, body in connection.execute(SINCE, (since,)).fetchall():
            self._latest = changed
            if namespace == self._namespace:
                keys.add(key)
                if self._versions.get(key) != changed:
                    self._take(key, _parse(body), changed)
        return keys

    def _take(self, key: str, record: Record | None, changed: int) -> None:
        """Let readers see a record that somebody else has written."""
        if record is not None:
            self._versions[key] = changed
        elif self._versions.pop(key, None) is None and self._journal.read(key) is None:
            return
        self._journal.put(key, record)

    # the end, and forks

    def close(self) -> None:
        """Give the file back. An update that comes later opens it for as long as it takes."""
        with self._door:
            self._closed = True
            self._file.disconnect()

    def before_fork(self) -> None:
        """Wait until nobody is inside, and close the file: a connection must not cross a fork."""
        self._door.acquire()
        self._file.disconnect()
        self._journal.before_fork()

    def after_fork(self) -> None:
        """Go on; the file is opened again when it is needed."""
        self._journal.after_fork()
        self._door.release()

    def __repr__(self) -> str:
        return f"SqliteStore({str(self.path)!r}, namespace={self._namespace!r})"


def _commits(connection: sqlite3.Connection) -> int:
    """A number that changes when another connection commits."""
    (number,) = connection.execute("PRAGMA data_version").fetchone()
    return int(number)


def _parse(body: bytes | None) -> Record | None:
    """The record in a row's body; ``None`` for a removed one, and for one that nobody can read."""
    if body is None:
        return None
    try:
        return decode(json.loads(body))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, AttributeError) as error:
        _log.warning("a record in the state file cannot be read (%s): it counts as absent", type(error).__name__)
        return None


def _deadline(record: Record) -> float:
    """The last moment, in epoch seconds, at which the record still says something."""
    if isinstance(record, Binding):
        return record.until
    return max((record.breaker.until or 0.0, *(c.until + c.quiet for c in record.cooldowns)))
