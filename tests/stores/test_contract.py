"""The laws that every store keeps, tested on every store."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cbauth.core.breaker import Breaker, Failures, Permit
from cbauth.core.cooldown import Cooldown
from cbauth.core.health import BLANK, Binding, Health, Record
from cbauth.stores import Store
from tests.stores.records import count, counted, increment, put, same

FULL = Health(
    breaker=Breaker((Failures(1.5, 2), Failures(2.5, 1)), 3.0, 63.0, 7, (Permit("ab", 600.0),), True),
    cooldowns=(
        Cooldown("failure", "gpt-4o", "rate_limit", 3, 1.0, 31.0, 300.0),
        Cooldown("billing", None, "billing", 1, 1.0, 601.0, 86400.0),
    ),
    last_error='a "quoted" é\n\N{SNOWMAN}',
    last_kind="billing",
    last_at=1_700_000_000.123456,
)


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.read("profile/a") is None
    assert list(store.keys()) == []


@pytest.mark.parametrize("record", [FULL, BLANK, Binding("team", 1_700_000_000.25)], ids=["full", "blank", "binding"])
def test_what_is_written_is_read_and_stays_after_a_refresh(store: Store, record: Record) -> None:
    put(store, "k", record)
    store.refresh()
    assert store.read("k") == record
    assert list(store.keys()) == ["k"]


def test_an_update_is_given_the_record_and_gives_the_answer(store: Store) -> None:
    assert [store.update("k", increment) for _ in range(3)] == [1, 2, 3]
    assert store.update("k", same) == counted(3)
    assert store.update("other", same) is None


@pytest.mark.parametrize("key", ["", "with blank", "a/b/c", "é\N{SNOWMAN}", "'; DROP TABLE records; --", "k" * 1000])
def test_any_text_is_a_key(store: Store, key: str) -> None:
    put(store, key, counted(1))
    put(store, key + "x", counted(2))
    assert count(store.read(key)) == 1


def test_returning_none_removes_a_record(store: Store) -> None:
    put(store, "k", counted(1))
    put(store, "k", None)
    assert store.read("k") is None
    assert list(store.keys()) == []
    assert store.update("k", same) is None
    assert store.update("k", increment) == 1, "it can come back"


def test_every_change_adds_one_to_the_generation(store: Store) -> None:
    generation = store.generation
    put(store, "a", counted(1))
    assert store.generation == generation + 1
    put(store, "a", counted(1))
    assert store.generation == generation + 2, "an equal record is written all the same: only the same object is not"
    put(store, "a", None)
    assert store.generation == generation + 3


def test_the_same_object_writes_nothing(store: Store) -> None:
    put(store, "k", counted(1))
    generation, before = store.generation, store.read("k")
    assert store.update("k", same) is before
    assert store.update("absent", same) is None
    assert store.generation == generation
    assert store.read("k") is before


def test_changes_names_the_keys_in_order(store: Store) -> None:
    put(store, "a", counted(1))
    since = store.generation
    assert store.changes(since) == ()
    put(store, "b", counted(1))
    put(store, "a", None)
    put(store, "c", counted(1))
    assert store.changes(since) == ("b", "a", "c")
    assert store.changes(since + 2) == ("c",)


def test_changes_too_long_ago_or_of_another_life_cannot_be_told(store: Store) -> None:
    since = store.generation
    for _ in range(1000):
        store.update("k", increment)
    assert store.changes(since) is None
    assert store.changes(store.generation + 1) is None
    assert store.changes(-1) is None
    assert store.changes(store.generation - 5) == ("k",) * 5


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError(28, "full")], ids=repr)
def test_a_transition_that_raises_changes_nothing_and_its_error_passes(store: Store, error: BaseException) -> None:
    put(store, "k", counted(1))
    generation = store.generation

    def fail(record: Record | None) -> tuple[Record | None, None]:
        raise error

    for key in ("k", "absent"):
        with pytest.raises(type(error)) as raised:
            store.update(key, fail)
        assert raised.value is error
    assert (count(store.read("k")), store.read("absent"), store.generation) == (1, None, generation)
    assert store.update("k", increment) == 2, "and the store goes on"


def test_no_update_of_eight_threads_is_lost(store: Store) -> None:
    barrier = threading.Barrier(8)

    def work(n: int) -> list[int]:
        barrier.wait()
        return [store.update(f"own {n}", increment) and store.update("shared", increment) for _ in range(200)]

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for future in [pool.submit(work, n) for n in range(8)] for answer in future.result()]
    assert sorted(answers) == list(range(1, 1601)), "each update saw the one before it"
    assert count(store.read("shared")) == 1600
    assert [count(store.read(f"own {n}")) for n in range(8)] == [200] * 8
    assert store.generation >= 3200


def test_an_update_from_within_another_one_goes_first(store: Store) -> None:
    """The garbage collector may run a finalizer that gives a permit back while its thread is inside the store."""
    interruptions = iter([True])
    seen = []

    def interrupted(record: Record | None) -> tuple[Record | None, int]:
        seen.append(count(record))
        if next(interruptions, False):
            put(store, "k", counted(50))
            store.update("other", increment)
        return increment(record)

    put(store, "k", counted(10))
    assert store.update("k", interrupted) == 51
    assert seen == [10, 50], "it was run again on the fresher record"
    assert (count(store.read("k")), count(store.read("other"))) == (51, 1)


def test_an_update_from_within_one_that_fails_stays(store: Store) -> None:
    def fail(record: Record | None) -> tuple[Record | None, None]:
        store.update("other", increment)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.update("k", fail)
    assert (store.read("k"), count(store.read("other"))) == (None, 1)


def test_reading_within_a_transition_is_allowed(store: Store) -> None:
    put(store, "a", counted(5))

    def transition(record: Record | None) -> tuple[Record | None, tuple[int, int]]:
        return counted(1), (count(store.read("a")), store.generation)

    assert store.update("b", transition)[0] == 5


def test_closing_twice_is_fine_and_what_comes_late_is_still_recorded(store: Store) -> None:
    """A lease that is collected after the toolkit was closed gives its permit back."""
    put(store, "k", counted(1))
    store.close()
    store.close()
    assert count(store.read("k")) == 1
    assert store.update("k", increment) == 2
    assert count(store.read("k")) == 2
    store.close()
