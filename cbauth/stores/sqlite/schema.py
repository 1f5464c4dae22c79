"""The schema of a SQLite store, and how a file of it is opened."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from cbauth.errors import StoreError
from cbauth.stores.sqlite.folder import make_private_folder

__all__ = ["DamagedError", "connect"]

APPLICATION = 0x63624175
"""Marks a file as cbauth's (``PRAGMA application_id``), so that nobody else's database is ever touched."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION}",
        """
        CREATE TABLE records (
            id        INTEGER PRIMARY KEY,
            namespace TEXT NOT NULL,
            key       TEXT NOT NULL,
            changed   INTEGER NOT NULL,  -- counts the changes of all records: the greatest is the latest
            expires   REAL NOT NULL,     -- epoch seconds after which nobody misses the row
            body      TEXT,              -- JSON; NULL: removed
            UNIQUE (namespace, key)
        )
        """,
        "CREATE INDEX records_by_change ON records (changed)",
    ),
    (
        # What is new is found by signals and versions now (``changed`` counts the changes of its own row), and an
        # index on what every change changes was half of what a change cost.
        "DROP INDEX records_by_change",
    ),
)
"""The statements that lead from each version of the schema (``PRAGMA user_version``) to the next."""


class DamagedError(Exception):
    """The file is cbauth's and sound as a database, but not what cbauth has made."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, creating it for its owner alone, and bring its schema up to date.

    Raises ``StoreError`` for a file that is not cbauth's or that a newer version wrote, ``DamagedError`` for one
    without its tables, else ``sqlite3.Error`` or ``OSError``.
    """
    make_private_folder(path.parent)
    _create(path)
    connection = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN")  # another process may create the tables this very moment: before or after, not half
        version = _version(connection, path)
        connection.execute("COMMIT")
        _make_private(path)
        connection.execute("PRAGMA page_size = 1024")  # a record is short, and every change writes whole pages
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        if version < len(MIGRATIONS):
            _migrate(connection, path)
        if not _number(connection, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'records'"):
            raise DamagedError("its table is gone")
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Create the file as 0600 unless it exists.

    An existing file is not opened here: closing it would drop the locks that other connections of this process hold
    (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _make_private(path: Path) -> None:
    """Take a file back that others may read. What SQLite puts beside it gets the same mode."""
    if os.name != "posix":
        return
    if path.stat().st_mode & 0o077:
        with suppress(PermissionError):
            path.chmod(0o600)
    for side in ("-wal", "-shm"):  # made while the file was read-only, they would keep it so
        beside = path.with_name(path.name + side)
        with suppress(OSError):
            if beside.stat().st_mode & 0o600 != 0o600:
                beside.chmod(0o600)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the schema; 0 for an empty file. Raises ``StoreError`` for a file that is not to be touched."""
    application = _number(connection, "PRAGMA application_id")
    version = _number(connection, "PRAGMA user_version")
    tables = _number(connection, "SELECT count(*) FROM sqlite_master")
    if application != APPLICATION and (application or version or tables):
        raise StoreError(f"{path} is a database of something else: name another file in `state.store`")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path} was written by a newer version of cbauth: upgrade cbauth, or name another file in `state.store`"
        )
    if version < 0 or (application == APPLICATION and bool(version) != bool(tables)):
        raise DamagedError("its tables are not those of its version")
    return version


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Run the migrations that are missing, in one transaction; another process may have been faster."""
    connection.execute("BEGIN IMMEDIATE")
    for statements in MIGRATIONS[_version(connection, path) :]:
        for statement in statements:
            try:
                connection.execute(statement)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR:
                    raise DamagedError(f"it cannot be brought up to date: {error}") from error
                raise
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.execute("COMMIT")


def _number(connection: sqlite3.Connection, query: str) -> int:
    (number,) = connection.execute(query).fetchone()
    return int(number)
