"""The least that sharing state can cost: the bare act that every store has to do, with nothing around it."""

from __future__ import annotations

import json
import sqlite3
from functools import cache, partial
from itertools import repeat

from benchmarks import places
from benchmarks.measuring import Step

__all__ = ["ASKED", "DOCUMENT", "counted", "counter", "data_version", "document", "evalsha", "small_pages"]

ASKED = 100
"""How often one step asks a question that takes less than calling a function does."""
SIZE = 400
"""Bytes of a record, as cbauth's own are."""
_RECORD = {"failures": 0, "last_error": "Rate limit reached for gpt-4o: please try again later", "last_at": 0.0}
DOCUMENT = json.dumps({**_RECORD, "more": "x" * (SIZE - len(json.dumps({**_RECORD, "more": ""})))})

KEY = "p0"
INCREASE = """
    local value = redis.call('GET', KEYS[1])
    local number = tonumber(string.sub(value, 1, 10)) + 1
    redis.call('SET', KEYS[1], string.format('%010d', number) .. string.sub(value, 11))
    return number
"""


def _connection(path: str, value: object, page_size: int = 4096) -> sqlite3.Connection:
    """A file with one table, keyed by text, and one row in it."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    connection.execute(f"PRAGMA page_size={page_size}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value)")
    connection.execute("INSERT OR IGNORE INTO records VALUES (?, ?)", (KEY, value))
    return connection


@cache
def counter(path: str) -> Step:
    """Read a number and write the next one: the least that a change can cost which nobody else may overwrite."""
    return _counting(_connection(path, 0))


@cache
def small_pages(path: str) -> Step:
    """The same in pages of 1 KB, as cbauth's file has them; SQLite's own are of 4 KB."""
    return _counting(_connection(path, 0, 1024))


def _counting(connection: sqlite3.Connection) -> Step:
    execute = connection.execute

    def step() -> None:
        execute("BEGIN IMMEDIATE")
        (number,) = execute("SELECT value FROM records WHERE key = ?", (KEY,)).fetchone()
        execute("UPDATE records SET value = ? WHERE key = ?", (number + 1, KEY))
        execute("COMMIT")

    return step


def counted(path: str) -> int:
    """Where ``counter`` has come to."""
    (number,) = _connection(path, 0).execute("SELECT value FROM records WHERE key = ?", (KEY,)).fetchone()
    return int(number)


@cache
def document(path: str) -> Step:
    """The same with a record of JSON, read and written."""
    execute = _connection(path, DOCUMENT).execute

    def step() -> None:
        execute("BEGIN IMMEDIATE")
        (text,) = execute("SELECT value FROM records WHERE key = ?", (KEY,)).fetchone()
        record = json.loads(text)
        record["failures"] += 1
        execute("UPDATE records SET value = ? WHERE key = ?", (json.dumps(record), KEY))
        execute("COMMIT")

    return step


@cache
def data_version(path: str) -> Step:
    """SQLite's own answer to "has anyone changed it?", on a connection that stays open."""
    execute = _connection(path, 0).execute

    def step() -> None:
        for _ in repeat(None, ASKED):
            execute("PRAGMA data_version").fetchone()

    return step


@cache
def evalsha() -> Step:
    """Read a value in Redis, count up in it and write it, by a script that Redis knows already."""
    client = places.redis()
    client.set("bare", f"{0:010d}".ljust(SIZE, "x"))
    return partial(client.evalsha, client.script_load(INCREASE), 1, "bare")
