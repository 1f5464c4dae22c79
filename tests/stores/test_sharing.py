"""What holds between two handles on one store: SQLite through a file, Redis through a server."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest

from cbauth.core.health import Binding
from cbauth.stores import Change, Store
from tests.stores.records import count, counted, increment, put, same

PATIENCE = 10.0

Pair = tuple[Store, Store]


@pytest.fixture(params=["sqlite", "redis"])
def open_one(request: pytest.FixtureRequest) -> Callable[..., Store]:
    """Opens handles on the same store, each with the namespace that a test gives."""
    opener: Callable[..., Store] = request.getfixturevalue(f"open_{request.param}")
    return opener


@pytest.fixture
def pair(open_one: Callable[..., Store]) -> Pair:
    """Two handles, as two processes have them."""
    return open_one(), open_one()


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold: publication takes a moment."""
    ends = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.001)
    return True


def sees(store: Store, key: str, number: int) -> bool:
    """Whether the record with that number is seen by mere reading."""
    return eventually(lambda: store.generation >= 0 and count(store.read(key)) == number)


def test_what_one_writes_the_other_sees_without_asking(pair: Pair) -> None:
    mine, theirs = pair
    since = mine.generation
    put(theirs, "k", counted(7))
    assert sees(mine, "k", 7)
    assert mine.changes(since) == ("k",)
    put(theirs, "k", None)
    assert sees(mine, "k", 0)
    assert list(mine.keys()) == []
    put(theirs, "k", counted(8))
    assert sees(mine, "k", 8)


def test_a_refresh_sees_everything_at_once(pair: Pair) -> None:
    mine, theirs = pair
    for n in range(1, 600):
        put(theirs, f"k{n}", counted(n))
    mine.refresh()
    assert {key: count(mine.read(key)) for key in {*mine.keys()}} == {f"k{n}": n for n in range(1, 600)}


def test_a_handle_that_comes_later_knows_all_from_the_start(pair: Pair, open_one: Callable[..., Store]) -> None:
    put(pair[0], "a", counted(1))
    put(pair[1], "b", Binding("team", time.time() + 3600))
    put(pair[1], "gone", counted(1))
    put(pair[1], "gone", None)
    third = open_one()
    assert sorted(third.keys()) == ["a", "b"]
    assert (third.read("a"), third.read("b")) == (counted(1), pair[1].read("b"))


def test_an_update_starts_from_what_the_other_has_just_written(pair: Pair) -> None:
    for n in range(1, 101):
        assert pair[n % 2].update("k", increment) == n


def test_removing_and_writing_in_turn_lose_nothing(pair: Pair) -> None:
    mine, theirs = pair
    for _ in range(20):
        assert mine.update("k", increment) == 1
        assert theirs.update("k", increment) == 2
        theirs.update("k", lambda record: (None, None))
        assert mine.update("k", lambda record: (counted(5), count(record))) == 0
        mine.update("k", lambda record: (None, None))


def test_namespaces_and_prefixes_never_meet(open_one: Callable[..., Store]) -> None:
    names = ["", "a", "b", "a}", "{a}", "a:b", "*", "a*", "[a]", "é", " "]
    stores = [open_one(name) for name in names]
    for n, store in enumerate(stores):
        put(store, "k", counted(n + 1))
    for n, store in enumerate(stores):
        store.refresh()
        assert (list(store.keys()), count(store.read("k"))) == (["k"], n + 1)


def test_watching_tells_what_others_do_and_not_what_oneself_does(pair: Pair) -> None:
    mine, theirs = pair
    heard = mine.watch()
    put(mine, "k", counted(1))
    put(theirs, "k", counted(2))
    put(mine, "own", counted(1))
    assert sees(mine, "k", 2)
    put(theirs, "k", None)
    assert sees(mine, "k", 0)
    assert list(heard) == [Change("k", counted(1), counted(2)), Change("k", counted(2), None)]


def test_an_update_that_meets_another_ones_change_tells_of_it(pair: Pair) -> None:
    mine, theirs = pair
    put(mine, "k", counted(1))
    heard = mine.watch()
    put(theirs, "k", counted(5))
    assert mine.update("k", increment) == 6
    assert list(heard) == [Change("k", counted(1), counted(5))]


def test_a_queue_that_nobody_holds_is_filled_no_more(pair: Pair) -> None:
    mine, theirs = pair
    kept, dropped = mine.watch(), mine.watch()
    del dropped
    gc.collect()
    put(theirs, "k", counted(1))
    assert sees(mine, "k", 1)
    assert len(kept) == 1


def test_a_queue_that_nobody_reads_is_bounded(pair: Pair) -> None:
    mine, theirs = pair
    heard = mine.watch()
    for n in range(1100):
        put(theirs, f"k{n}", counted(1))
    mine.refresh()
    assert len(heard) == 1024
    assert heard[-1] == Change("k1099", None, counted(1)), "the newest are kept"


def test_a_transition_that_changes_nothing_answers_from_what_was_read(pair: Pair) -> None:
    mine, theirs = pair
    put(theirs, "k", counted(3))
    assert sees(mine, "k", 3)
    assert mine.update("k", same) is mine.read("k")


def test_all_is_well(pair: Pair) -> None:
    assert [store.trouble for store in pair] == ["", ""]
    assert all(abs(store.clock() - time.time()) < 1 for store in pair)


def test_a_closed_handle_still_writes_for_the_others(pair: Pair) -> None:
    mine, theirs = pair
    put(mine, "k", counted(1))
    mine.close()
    assert mine.update("k", increment) == 2
    theirs.refresh()
    assert count(theirs.read("k")) == 2
