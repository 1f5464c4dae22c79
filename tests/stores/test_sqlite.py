"""What a SQLite store promises beyond the contract: it is shared, and it lasts."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cbauth.core.breaker import Breaker
from cbauth.core.cooldown import Cooldown
from cbauth.core.health import Binding, Health, Record
from cbauth.errors import StoreError
from cbauth.stores.sqlite import SqliteStore
from tests.clock import FakeClock
from tests.stores.conftest import Opener
from tests.stores.records import count, counted, increment, put, same

ROOT = Path(__file__).parents[2]
LOOK = 0.05
"""Seconds within which a change made elsewhere is seen."""

WORKER = """
import sys
from cbauth.stores.sqlite import SqliteStore
from tests.stores.records import increment
store = SqliteStore(sys.argv[1])
for _ in range(int(sys.argv[2])):
    store.update("shared", increment)
store.close()
"""


def run_script(code: str, *args: object) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_no_update_of_four_processes_is_lost(database: Path, open_sqlite: Opener) -> None:
    workers = [run_script(WORKER, database, 100) for _ in range(4)]
    told = [worker.communicate(timeout=60) for worker in workers]
    assert told == [("", "")] * 4
    assert [worker.returncode for worker in workers] == [0] * 4
    assert count(open_sqlite().read("shared")) == 400


def test_a_new_file_can_be_opened_by_many_at_once(tmp_path: Path) -> None:
    """Whoever comes while another one creates the tables must not take the file for somebody else's."""
    barrier = threading.Barrier(6)

    def work() -> None:
        try:
            for n in range(40):
                barrier.wait()
                store = SqliteStore(tmp_path / f"{n}.db")
                store.update("k", increment)
                store.close()
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(work) for _ in range(6)]:
            future.result()
    for n in range(40):
        store = SqliteStore(tmp_path / f"{n}.db")
        assert count(store.read("k")) == 6
        store.close()


def test_records_survive_reopening(open_sqlite: Opener) -> None:
    first = open_sqlite()
    put(first, "k", counted(7))
    put(first, "session/s", Binding("team", 2e9))
    put(first, "gone", counted(1))
    put(first, "gone", None)
    first.close()
    second = open_sqlite()
    assert (second.read("k"), second.read("session/s")) == (counted(7), Binding("team", 2e9))
    assert sorted(second.keys()) == ["k", "session/s"]


def test_a_change_made_elsewhere_is_seen_within_50_ms(open_sqlite: Opener, ticks: FakeClock) -> None:
    mine, theirs = open_sqlite(), open_sqlite()
    since = mine.generation
    put(theirs, "a", counted(1))
    put(theirs, "b", Binding("team", 2e9))
    assert mine.read("a") is None, "reads make no I/O"
    ticks.advance(LOOK)
    assert mine.generation == since + 2
    assert mine.changes(since) == ("a", "b")
    assert (mine.read("a"), mine.read("b")) == (counted(1), Binding("team", 2e9))

    since = mine.generation
    put(theirs, "a", None)
    ticks.advance(LOOK)
    assert mine.generation == since + 1
    assert mine.changes(since) == ("a",)
    assert mine.read("a") is None


def test_a_refresh_sees_it_at_once(open_sqlite: Opener) -> None:
    mine, theirs = open_sqlite(), open_sqlite()
    put(theirs, "k", counted(1))
    assert mine.read("k") is None, "reads make no I/O"
    mine.refresh()
    assert count(mine.read("k")) == 1


def test_looking_when_nothing_changed_changes_nothing(open_sqlite: Opener, ticks: FakeClock) -> None:
    mine, theirs = open_sqlite(), open_sqlite()
    put(mine, "k", counted(1))
    put(theirs, "k", counted(2))
    ticks.advance(LOOK)
    since = mine.generation
    record = mine.read("k")
    put(mine, "own", counted(1))
    for _ in range(3):
        ticks.advance(LOOK)
        assert mine.generation == since + 1
    assert mine.read("k") is record


def test_an_update_works_on_the_newest_record_even_if_it_was_not_seen_yet(open_sqlite: Opener) -> None:
    mine, theirs = open_sqlite(), open_sqlite()
    put(theirs, "k", counted(5))
    assert mine.update("k", increment) == 6
    assert theirs.update("k", increment) == 7


def test_an_update_that_changes_nothing_still_learns_what_others_wrote(open_sqlite: Opener) -> None:
    mine, theirs = open_sqlite(), open_sqlite()
    since = mine.generation
    put(theirs, "k", counted(5))
    assert mine.update("k", same) == counted(5)
    assert mine.changes(since) == ("k",)
    assert count(mine.read("k")) == 5


def test_changes_of_both_sides_in_any_order_end_the_same_everywhere(open_sqlite: Opener, ticks: FakeClock) -> None:
    stores = [open_sqlite(), open_sqlite(), open_sqlite()]
    for n in range(60):
        put(stores[n % 3], f"k{n % 7}", counted(n) if n % 5 else None)
        if n % 4 == 0:
            ticks.advance(LOOK)
            assert stores[(n + 1) % 3].generation >= 0
    ticks.advance(LOOK)
    seen = []
    for store in stores:
        assert store.generation > 0
        keys = store.keys()
        seen.append({key: store.read(key) for key in keys})
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) > 3


def test_namespaces_share_a_file_and_never_meet(open_sqlite: Opener, ticks: FakeClock) -> None:
    work, home = open_sqlite("work"), open_sqlite("home")
    put(work, "k", counted(1))
    ticks.advance(LOOK)
    assert home.generation == 0
    assert home.update("k", increment) == 1
    assert home.update("k", increment) == 2
    put(home, "k", None)
    ticks.advance(LOOK)
    assert (work.generation, count(work.read("k"))) == (1, 1)
    assert open_sqlite("work").read("k") == counted(1)
    assert open_sqlite("wor").read("kk") is None


def test_the_folder_and_the_files_are_for_their_owner_alone(database: Path, open_sqlite: Opener) -> None:
    before = os.umask(0)
    try:
        put(open_sqlite(), "k", counted(1))
    finally:
        os.umask(before)
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in database.parent.iterdir()}
    assert files == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600, "state.db-signals": 0o600}


def test_a_file_that_others_could_read_is_taken_back(database: Path, open_sqlite: Opener) -> None:
    open_sqlite().close()
    database.chmod(0o644)
    open_sqlite()
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_a_folder_of_the_user_keeps_its_mode(tmp_path: Path, open_sqlite: Opener) -> None:
    tmp_path.chmod(0o755)
    open_sqlite(path=tmp_path / "state.db")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_closing_leaves_the_file_and_its_signals(database: Path, open_sqlite: Opener) -> None:
    store = open_sqlite()
    put(store, "k", counted(1))
    store.close()
    assert sorted(path.name for path in database.parent.iterdir()) == ["state.db", "state.db-signals"]
    store.update("k", increment)
    assert not (database.parent / "state.db-wal").exists(), "a late update holds nothing open"


def test_a_transition_that_raises_does_not_keep_others_waiting(open_sqlite: Opener) -> None:
    mine, theirs = open_sqlite(), open_sqlite(patience=0.0)
    with pytest.raises(ZeroDivisionError):
        mine.update("k", lambda record: (record, 1 // 0))
    assert theirs.update("k", increment) == 1


def test_an_update_that_was_interrupted_writes_nothing_of_its_first_run(open_sqlite: Opener) -> None:
    store = open_sqlite()
    put(store, "k", counted(10))

    def interrupted(record: Record | None) -> tuple[Record | None, None]:
        if count(record) == 10:
            put(store, "k", counted(50))
            return counted(11), None
        return record, None

    store.update("k", interrupted)
    assert count(store.read("k")) == count(open_sqlite().read("k")) == 50


def test_others_who_write_are_waited_for(database: Path, open_sqlite: Opener) -> None:
    store = open_sqlite()
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 5:
            other.execute("COMMIT")

    assert open_sqlite(sleep=sleep).update("k", increment) == 1
    other.close()
    assert len(waits) == 5
    assert all(0 < seconds < 0.01 for seconds in waits)
    assert store.update("k", increment) == 2


def test_while_a_file_stays_locked_health_lives_in_memory_and_nobody_waits_twice(
    database: Path, open_sqlite: Opener, ticks: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_sqlite(patience=0.5)
    put(store, "k", counted(1))
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = ticks()
    assert [store.update("k", increment) for _ in range(20)] == list(range(2, 22))
    assert 0.5 <= ticks() - began < 0.6, "one caller has waited, once"
    assert re.search(rf"{re.escape(str(database))} \(another program has locked it: end that program", store.trouble)
    ticks.advance(1.5)
    began = ticks()
    assert store.update("k", increment) == 22
    assert ticks() == began
    other.execute("COMMIT")
    other.close()
    ticks.advance(1.5)
    assert store.generation
    assert store.trouble == ""
    assert count(open_sqlite().read("k")) == 22, "and once it is free all of it is there"
    assert len(caplog.records) == 2


def test_a_store_on_a_file_that_is_locked_from_the_start_waits_for_it(
    database: Path, open_sqlite: Opener, ticks: FakeClock
) -> None:
    put(open_sqlite(), "k", counted(1))
    open_sqlite().close()
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE records SET expires = 1")
    late = open_sqlite(patience=0.5)
    assert late.update("k", increment) > 0
    other.execute("ROLLBACK")
    other.close()
    ticks.advance(1.5)
    assert late.generation
    assert late.trouble == ""


def test_looking_never_waits_for_those_who_write(database: Path, open_sqlite: Opener, ticks: FakeClock) -> None:
    store = open_sqlite()
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ticks.advance(LOOK)
    before = ticks()
    assert store.generation == 0
    assert ticks() == before
    other.close()


def test_a_file_of_a_newer_version_is_refused_and_left_alone(database: Path, open_sqlite: Opener) -> None:
    open_sqlite().close()
    execute(database, "PRAGMA user_version = 999")
    before = database.read_bytes()
    with pytest.raises(StoreError, match=r"state\.db was written by a newer version of cbauth: upgrade cbauth"):
        open_sqlite()
    assert database.read_bytes() == before


def test_a_database_of_something_else_is_refused_and_left_alone(database: Path, open_sqlite: Opener) -> None:
    database.parent.mkdir()
    execute(database, "CREATE TABLE photos (id)")
    database.chmod(0o644)
    before = database.read_bytes()
    with pytest.raises(StoreError, match=r"state\.db is a database of something else: name another file"):
        open_sqlite()
    assert database.read_bytes() == before
    assert stat.S_IMODE(database.stat().st_mode) == 0o644


def test_rows_that_nobody_misses_are_dropped(open_sqlite: Opener, database: Path, ticks: FakeClock) -> None:
    day, now = 86400.0, 1_700_000_000.0
    clock = FakeClock(now)
    store = open_sqlite(clock=clock)
    cooldown = Cooldown("billing", None, "billing", 1, now, now + 60 * day, day)
    put(store, "idle", counted(1))
    put(store, "cooling", Health(cooldowns=(cooldown,)))
    put(store, "open", Health(breaker=Breaker(since=now, until=now + 60 * day)))
    put(store, "session/short", Binding("team", now + 3600))
    put(store, "session/long", Binding("team", now + 60 * day))
    put(store, "removed", counted(1))
    put(store, "removed", None)
    put(store, "latest", counted(1))

    clock.advance(2 * day)
    ticks.advance(7200)
    assert store.generation > 0
    kept = {"idle", "cooling", "open", "session/long", "latest"}
    assert set(store.keys()) == kept, "an hour later the store tidies up by itself"
    assert rows(database) == len(kept)

    clock.advance(40 * day)
    assert set(open_sqlite(clock=clock).keys()) == {"cooling", "open", "session/long", "latest"}
    put(store, "new", counted(1))
    clock.advance(60 * day)
    assert set(open_sqlite(clock=clock).keys()) == {"new"}, "the last change of all stays: later ones count on from it"


def test_nothing_is_forgotten_when_the_clock_is_set_back(open_sqlite: Opener) -> None:
    store = open_sqlite(clock=lambda: 1_700_000_000.0)
    put(store, "k", counted(1))
    assert open_sqlite(clock=lambda: 1.0).read("k") == counted(1)


def test_a_row_that_nobody_can_read_counts_as_absent(
    database: Path, open_sqlite: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    bodies = [
        *('"{"', "'[]'", "'5'", "'null'", '\'{"profile": "x"}\'', '\'{"profile": "x", "until": "soon"}\'', "5"),
        *("x'fffe00'", "''", "CAST(x'c328' AS TEXT)", "'" + "[" * 100_000 + "'", "1e300"),
        '\'{"breaker": {"failures": [[1, Infinity]], "since": null, "until": null, "generation": 1, "permits": []}}\'',
    ]
    first = open_sqlite()
    for n in range(len(bodies)):
        put(first, f"k{n}", counted(1))
    put(first, "good", counted(3))
    for n, body in enumerate(bodies):
        execute(database, f"UPDATE records SET body = {body} WHERE key = 'k{n}'".replace('"{"', "'{'"))
    second = open_sqlite()
    assert list(second.keys()) == ["good"]
    assert "a stored record cannot be read" in caplog.text
    for n in range(len(bodies)):
        assert second.update(f"k{n}", increment) == 1
    third = open_sqlite()
    assert [count(third.read(f"k{n}")) for n in range(len(bodies))] == [1] * len(bodies)


def test_a_file_that_is_deleted_while_in_use_is_made_anew_with_what_was_known(
    database: Path, open_sqlite: Opener, ticks: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_sqlite()
    put(store, "k", counted(1))
    for path in database.parent.iterdir():
        path.unlink()
    ticks.advance(LOOK)
    assert store.generation
    assert count(store.read("k")) == 1
    assert store.update("k", increment) == 2
    assert count(open_sqlite().read("k")) == 2
    assert ["removed or replaced while in use" in record.message for record in caplog.records] == [True]


def test_a_file_that_is_replaced_while_in_use_gets_what_was_known_and_keeps_what_it_has(
    database: Path, open_sqlite: Opener, ticks: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = SqliteStore(tmp_path / "other.db")
    for _ in range(3):
        other.update("k", increment)
    other.update("theirs", increment)
    other.close()
    store = open_sqlite()
    put(store, "k", counted(10))
    put(store, "mine", counted(1))
    (tmp_path / "other.db").replace(database)
    for side in ("-wal", "-shm"):
        database.with_name(database.name + side).unlink()
    ticks.advance(LOOK)
    ticks.advance(1.0)
    assert store.generation > 2
    for each in (store, open_sqlite()):
        assert [count(each.read(key)) for key in ("k", "mine", "theirs")] == [10, 1, 1]
    assert store.update("k", increment) == 11
    assert ["removed or replaced while in use" in record.message for record in caplog.records] == [True]


def test_reading_needs_no_file(open_sqlite: Opener, database: Path) -> None:
    store = open_sqlite()
    put(store, "k", counted(1))
    store.close()
    database.unlink()
    assert (store.read("k"), store.keys(), store.changes(0)) == (counted(1), ("k",), ("k",))
    assert not database.exists()


def test_its_repr_says_where_it_is(open_sqlite: Opener, database: Path) -> None:
    assert repr(open_sqlite("work")) == f"SqliteStore({str(database)!r}, namespace='work')"


def execute(database: Path, statement: str) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute(statement)
    connection.close()


def rows(database: Path) -> int:
    connection = sqlite3.connect(database)
    (number,) = connection.execute("SELECT count(*) FROM records").fetchone()
    connection.close()
    return int(number)
