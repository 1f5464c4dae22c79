"""The rows of a state file that belong to one namespace: the SQL, and where each record was last seen.

Laws:

1. A row keeps its id and its key for life, and its version grows with every change. So whoever writes only where the
   version is as it was last seen (``swap``) loses nobody's update, and a row whose version is known need not be read.
2. The row with the greatest id is never dropped: an id is never given out twice.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple, TypeAlias

__all__ = ["Place", "Row", "Rows"]

COLUMNS = "SELECT id, changed, namespace, key, CAST(body AS BLOB) FROM records"
ALL = f"{COLUMNS} ORDER BY id"
NEW = f"{COLUMNS} WHERE id > ? ORDER BY id"
SOME = f"{COLUMNS} WHERE id IN (%s)"
ONE = f"{COLUMNS} WHERE namespace = ? AND key = ?"
SWAP = "UPDATE records SET changed = ?, expires = ?, body = ? WHERE id = ? AND changed = ?"
INSERT = "INSERT INTO records (changed, expires, body, namespace, key) VALUES (1, ?, ?, ?, ?)"
EXPIRED = "SELECT 1 FROM records WHERE expires < ? LIMIT 1"
DROP = "DELETE FROM records WHERE expires < ? AND id < (SELECT max(id) FROM records)"
AT_ONCE = 500
"""Rows that one statement asks for by id."""


Place: TypeAlias = tuple[int, int]
"""Where a record was last seen: the id of its row, and the row's version. Plain, for it is made with every change."""


class Row(NamedTuple):
    """A record as it stands in the file; without a body, it was removed."""

    key: str
    place: Place
    body: bytes | None


class Rows:
    """What is known of the rows of ``namespace``. ``slots``: how many classes of rows changes are signalled by."""

    def __init__(self, namespace: str, slots: int) -> None:
        self.places: dict[str, Place] = {}
        self._namespace = namespace
        self._slots = slots
        self._by_slot: defaultdict[int, dict[int, str]] = defaultdict(dict)
        self._last_id = 0

    def put(self, key: str, place: Place) -> None:
        """Remember where a record is now."""
        known = self.places.get(key)
        self.places[key] = place
        if known is None or known[0] != place[0]:
            self._by_slot[place[0] % self._slots][place[0]] = key

    def drop(self, key: str) -> None:
        """Forget a record whose row is gone."""
        place = self.places.pop(key, None)
        if place is not None:
            self._by_slot[place[0] % self._slots].pop(place[0], None)

    def forget(self) -> None:
        """Know nothing any more: it is another file."""
        self.places.clear()
        self._by_slot.clear()
        self._last_id = 0

    # reading

    def news(self, connection: sqlite3.Connection, slots: Iterable[int]) -> list[Row]:
        """What changed among the rows of these slots, and the rows that are new."""
        ids = [row_id for slot in slots for row_id in tuple(self._by_slot[slot])]
        found = []
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            found += connection.execute(SOME % ",".join("?" * len(some)), some).fetchall()
        return self._new(found + connection.execute(NEW, (self._last_id,)).fetchall())

    def all_news(self, connection: sqlite3.Connection) -> tuple[list[Row], Collection[str]]:
        """What changed among all rows, and the keys whose rows are gone."""
        found = connection.execute(ALL).fetchall()
        there = {key for _, _, namespace, key, _ in found if namespace == self._namespace}
        return self._new(found), self.places.keys() - there

    def newest(self, connection: sqlite3.Connection, key: str) -> Row | None:
        """The row of one record, if it is not as it was last seen."""
        found = connection.execute(ONE, (self._namespace, key)).fetchall()
        if not found:
            self.drop(key)
        return next(iter(self._new(found, is_all_new=False)), None)

    def _new(self, found: list[tuple[int, int, str, str, bytes | None]], *, is_all_new: bool = True) -> list[Row]:
        if found and is_all_new:
            self._last_id = max(self._last_id, found[-1][0])
        return [
            Row(key, place, body)
            for row_id, version, namespace, key, body in found
            if namespace == self._namespace and (place := (row_id, version)) != self.places.get(key)
        ]

    # writing

    @staticmethod
    def swap(cursor: sqlite3.Cursor, place: Place, expires: float, body: str | None) -> Place | None:
        """Write a row where it is still at its version; its new place, ``None`` when it was not."""
        row_id, version = place
        if cursor.execute(SWAP, (version + 1, expires, body, row_id, version)).rowcount != 1:
            return None
        return row_id, version + 1

    def write(
        self, connection: sqlite3.Connection, key: str, place: Place | None, expires: float, body: str | None
    ) -> Place:
        """Write the row of a record, or its first one; in a transaction that has read the newest."""
        cursor = connection.cursor()
        written = None if place is None else self.swap(cursor, place, expires, body)
        if written is None:
            cursor.execute(INSERT, (expires, body, self._namespace, key))
            written = cursor.lastrowid or 0, 1
        return written

    @staticmethod
    def tidy(connection: sqlite3.Connection, now: float) -> None:
        """Drop the rows that nobody misses at ``now`` (epoch seconds)."""
        if connection.execute(EXPIRED, (now,)).fetchone() is not None:
            connection.execute(DROP, (now,))
