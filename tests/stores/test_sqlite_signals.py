"""Signals between processes: what they make prompt, and that nothing depends on them."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from cbauth.core.encoding import encode
from cbauth.core.health import Binding
from cbauth.stores.sqlite.signals import SLOTS, Signals
from tests.clock import FakeClock
from tests.stores.conftest import Opener
from tests.stores.records import count, counted, increment, put

SECOND_LOOK, SLOW_POLL = 0.02, 1.0


def write_in_silence(database: Path, key: str, number: int) -> None:
    """What a writer leaves behind that was killed after its commit: a row and no signal."""
    connection = sqlite3.connect(database)
    with connection:
        changed = connection.execute(
            "UPDATE records SET changed = changed + 1, body = ? WHERE key = ?", (encode(counted(number)), key)
        ).rowcount
        if not changed:
            connection.execute(
                "INSERT INTO records (namespace, key, changed, expires, body) VALUES ('', ?, 1, 4e9, ?)",
                (key, encode(counted(number))),
            )
    connection.close()


def test_a_change_is_seen_at_the_very_next_look_without_any_time_passing(open_sqlite: Opener) -> None:
    mine, theirs = open_sqlite(), open_sqlite()
    for n in range(1, 3 * SLOTS):
        put(theirs, f"k{n % 100}", counted(n))
        assert mine.generation > 0
        assert count(mine.read(f"k{n % 100}")) == n


def test_a_writer_that_was_killed_between_its_signals_hides_nothing(
    database: Path, open_sqlite: Opener, ticks: FakeClock
) -> None:
    mine = open_sqlite()
    put(mine, "k", counted(1))
    killed = Signals(database)
    killed.attach()
    ticks.advance(SLOW_POLL)
    assert mine.generation == 1
    for slot in range(SLOTS):
        killed.changes(slot)
    assert mine.generation == 1, "it has looked, and there was nothing yet"
    write_in_silence(database, "k", 2)
    ticks.advance(SECOND_LOOK)
    assert mine.generation == 2
    assert count(mine.read("k")) == 2


@pytest.mark.parametrize("key", ["k", "new"])
def test_a_change_without_any_signal_is_seen_by_the_slow_poll(
    database: Path, open_sqlite: Opener, ticks: FakeClock, key: str
) -> None:
    mine = open_sqlite()
    put(mine, "k", counted(1))
    ticks.advance(SLOW_POLL)
    assert mine.generation == 1
    write_in_silence(database, key, 2)
    assert mine.generation == 1
    ticks.advance(SLOW_POLL)
    assert mine.generation == 2
    assert count(mine.read(key)) == 2


def test_a_change_without_any_signal_is_never_overwritten(database: Path, open_sqlite: Opener) -> None:
    mine = open_sqlite()
    put(mine, "k", counted(1))
    write_in_silence(database, "k", 10)
    assert mine.update("k", increment) == 11
    write_in_silence(database, "new", 20)
    assert mine.update("new", increment) == 21


def test_where_signals_cannot_be_shared_changes_are_seen_within_50_ms(
    database: Path, open_sqlite: Opener, ticks: FakeClock
) -> None:
    database.with_name("state.db-signals").mkdir(parents=True)
    mine, theirs = open_sqlite(), open_sqlite()
    put(theirs, "k", counted(1))
    ticks.advance(0.05)
    assert mine.generation == 1
    assert count(mine.read("k")) == 1
    assert theirs.update("k", increment) == 2


@pytest.mark.parametrize("content", [b"", b"\1", b"\xff" * 7, b"\xff" * 10_000], ids=len)
def test_whatever_the_file_of_signals_holds_is_no_obstacle(database: Path, open_sqlite: Opener, content: bytes) -> None:
    database.parent.mkdir(parents=True)
    database.with_name("state.db-signals").write_bytes(content)
    mine, theirs = open_sqlite(), open_sqlite()
    for n in range(1, 20):
        assert (mine, theirs)[n % 2].update("k", increment) == n
    assert count(mine.read("k")) + count(theirs.read("k")) >= 37


def test_a_lost_file_of_signals_delays_and_loses_nothing(database: Path, open_sqlite: Opener, ticks: FakeClock) -> None:
    mine = open_sqlite()
    put(mine, "k", counted(1))
    database.with_name("state.db-signals").unlink()
    theirs = open_sqlite()
    assert theirs.update("k", increment) == 2
    ticks.advance(SLOW_POLL)
    assert mine.generation == 2
    assert mine.update("k", increment) == 3


def test_whoever_wrote_last_steps_back_once_for_somebody_who_waits(database: Path, open_sqlite: Opener) -> None:
    naps: list[float] = []
    mine = open_sqlite(sleep=naps.append)
    put(mine, "k", counted(1))
    assert naps == []
    waiting = Signals(database)
    waiting.attach()
    waiting.wait()
    put(mine, "k", counted(2))
    put(mine, "k", counted(3))
    assert len(naps) == 1
    assert 0 < naps[0] < 0.001


def test_nobody_steps_back_for_a_writer_that_is_not_the_last(database: Path, open_sqlite: Opener) -> None:
    naps: list[float] = []
    mine, theirs = open_sqlite(sleep=naps.append), open_sqlite()
    put(mine, "k", counted(1))
    put(theirs, "k", counted(2))
    waiting = Signals(database)
    waiting.attach()
    waiting.wait()
    put(mine, "k", counted(3))
    assert naps == []


def test_a_row_that_another_process_has_tidied_away_comes_back(open_sqlite: Opener, ticks: FakeClock) -> None:
    clock = FakeClock(1_700_000_000.0)
    mine, theirs = open_sqlite(clock=clock), open_sqlite(clock=clock)
    put(mine, "session/s", Binding("team", clock() + 60))
    put(mine, "k", counted(1))
    clock.advance(3 * 86400)
    ticks.advance(7200)
    assert theirs.generation
    assert list(theirs.keys()) == ["k"]
    put(mine, "session/s", Binding("spare", clock() + 60))
    assert theirs.generation
    assert theirs.read("session/s") == Binding("spare", clock() + 60)


def test_a_file_of_the_first_version_is_brought_up_to_date(database: Path, open_sqlite: Opener) -> None:
    database.parent.mkdir(parents=True)
    connection = sqlite3.connect(database)
    connection.executescript(
        """
        PRAGMA application_id = 1667383669;
        CREATE TABLE records (
            id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, key TEXT NOT NULL, changed INTEGER NOT NULL,
            expires REAL NOT NULL, body TEXT, UNIQUE (namespace, key)
        );
        CREATE INDEX records_by_change ON records (changed);
        PRAGMA user_version = 1;
        """
    )
    rows = [("", "a", 7, encode(counted(1))), ("", "b", 9, encode(counted(2))), ("work", "a", 8, encode(counted(3)))]
    with connection:
        connection.executemany(
            "INSERT INTO records (namespace, key, changed, expires, body) VALUES (?, ?, ?, 4e9, ?)", rows
        )
    connection.close()
    stores = [open_sqlite(), open_sqlite("work")]
    assert [count(stores[0].read("a")), count(stores[0].read("b")), count(stores[1].read("a"))] == [1, 2, 3]
    assert [store.update("a", increment) for store in stores] == [2, 4]
    assert open_sqlite().read("b") == counted(2)


def test_a_thread_that_reads_while_the_store_is_closed_and_opened_sees_no_error(open_sqlite: Opener) -> None:
    store = open_sqlite()
    put(store, "k", counted(1))
    done, faults = threading.Event(), []

    def look() -> None:
        try:
            while not done.is_set():
                assert store.generation >= 1
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    for n in range(2, 30):
        store.close()
        assert store.update("k", increment) == n
    done.set()
    thread.join()
    assert faults == []
