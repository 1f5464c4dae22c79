"""The laws of core/merging.py: two histories of one record, made one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cbauth.core.breaker import REMEMBERED, Breaker, Failures, Permit
from cbauth.core.cooldown import Cooldown
from cbauth.core.encoding import decode, encode
from cbauth.core.health import MOST_MODELS, Binding, Health, Record
from cbauth.core.merging import merged

moments = st.floats(0, 2e9).map(lambda at: round(at, 3))
failures = st.lists(st.builds(Failures, moments, st.integers(1, 5)), max_size=80, unique_by=lambda f: f.at)
breakers = st.builds(
    Breaker,
    failures.map(lambda some: tuple(sorted(some)[-REMEMBERED:])),
    st.none() | moments,
    st.none() | moments,
    st.integers(0, 9),
    st.lists(st.builds(Permit, st.sampled_from("abc"), moments), max_size=3, unique_by=lambda p: p.name).map(tuple),
    st.booleans(),
)
cooldowns = st.builds(
    Cooldown,
    st.sampled_from(["failure", "billing"]),
    st.none() | st.sampled_from([f"m{n}" for n in range(80)]),
    st.sampled_from(["rate_limit", "auth"]),
    st.integers(1, 9),
    moments,
    moments,
    moments,
)
healths = st.builds(
    Health,
    breakers,
    st.lists(cooldowns, max_size=MOST_MODELS, unique_by=lambda c: (c.lane, c.model)).map(tuple),
    st.none() | st.sampled_from(["one", "two"]),
    st.none() | st.sampled_from(["auth", "server"]),
    st.none() | moments,
)
bindings = st.builds(Binding, st.sampled_from(["a", "b"]), moments)
pairs = st.tuples(healths, healths) | st.tuples(bindings, bindings)


@given(pairs)
def test_the_order_does_not_matter(pair: tuple[Record, Record]) -> None:
    assert normal(merged(*pair)) == normal(merged(*reversed(pair)))


@given(pairs)
def test_merging_again_changes_nothing(pair: tuple[Record, Record]) -> None:
    once = merged(*pair)
    assert [normal(merged(once, part)) for part in (once, *pair)] == [normal(once)] * 3


@given(healths)
def test_a_record_merged_with_itself_is_itself(record: Health) -> None:
    assert merged(record, decode_again(record)) == record


@given(st.tuples(healths, healths))
def test_nothing_ends_earlier_in_the_whole_than_in_a_part(pair: tuple[Health, Health]) -> None:
    whole = merged(*pair)
    assert isinstance(whole, Health)
    ends = {(c.lane, c.model): c.until for c in whole.cooldowns}
    permits = dict(whole.breaker.permits)
    for part in pair:
        if part.breaker.until is not None:
            assert whole.breaker.until is not None
            assert whole.breaker.until >= part.breaker.until
        assert whole.breaker.generation >= part.breaker.generation, "answers of an older opening stay void"
        assert all(permits[p.name] >= p.deadline for p in part.breaker.permits)
        dropped = {(c.lane, c.model): c for c in part.cooldowns if (c.lane, c.model) not in ends}
        assert not dropped or len(whole.cooldowns) == MOST_MODELS
        assert all(ends[c.lane, c.model] >= c.until for c in part.cooldowns if (c.lane, c.model) not in dropped)


@given(st.tuples(healths, healths))
def test_failures_that_both_know_count_once_and_the_others_as_well(pair: tuple[Health, Health]) -> None:
    whole = merged(*pair)
    assert isinstance(whole, Health)
    expected: dict[float, int] = {}
    for part in pair:
        for at, times in part.breaker.failures:
            expected[at] = max(times, expected.get(at, 0))
    assert dict(whole.breaker.failures) == {at: expected[at] for at in sorted(expected)[-REMEMBERED:]}
    assert [at for at, _ in whole.breaker.failures] == sorted(at for at, _ in whole.breaker.failures)


@given(pairs)
def test_the_whole_is_as_bounded_as_its_parts_and_survives_json(pair: tuple[Record, Record]) -> None:
    whole = merged(*pair)
    assert decode_again(whole) == whole
    if isinstance(whole, Health):
        assert len(whole.breaker.failures) <= REMEMBERED
        assert len(whole.cooldowns) <= MOST_MODELS


def test_the_later_error_is_told() -> None:
    early, late = Health(last_error="a", last_kind="auth", last_at=1.0), Health(last_error="b", last_at=2.0)
    whole = merged(early, late)
    assert isinstance(whole, Health)
    assert (whole.last_error, whole.last_at) == ("b", 2.0)


def normal(record: Record) -> Record:
    """The record without the order of its cooldowns and permits, which says nothing."""
    if isinstance(record, Binding):
        return record
    rests = tuple(sorted(record.cooldowns, key=lambda c: (c.lane, c.model or "")))
    permits = tuple(sorted(record.breaker.permits))
    return record._replace(cooldowns=rests, breaker=record.breaker._replace(permits=permits))


def decode_again(record: Record) -> Record:
    """The record as another process reads it."""
    import json

    return decode(json.loads(encode(record)))
