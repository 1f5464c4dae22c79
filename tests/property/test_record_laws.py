"""Law 6 of core/health.py: records survive JSON, and damage is one of three errors."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cbauth.core import breaker as breakers
from cbauth.core.cooldown import Cooldown
from cbauth.core.encoding import decode, encode
from cbauth.core.health import Binding, Health, digest

texts = st.text(max_size=8)
moments = st.floats(min_value=0.0, max_value=2.0**52)
counts = st.integers(0, 2**53)
healths = st.builds(
    Health,
    breaker=st.builds(
        breakers.Breaker,
        failures=st.lists(st.builds(breakers.Failures, at=moments, times=counts), max_size=3).map(tuple),
        since=st.none() | moments,
        until=st.none() | moments,
        generation=counts,
        permits=st.lists(st.builds(breakers.Permit, name=texts, deadline=moments), max_size=3).map(tuple),
        tested=st.booleans(),
    ),
    cooldowns=st.lists(
        st.builds(
            Cooldown,
            lane=texts,
            model=st.none() | texts,
            kind=texts,
            step=counts,
            since=moments,
            until=moments,
            quiet=moments,
        ),
        max_size=3,
    ).map(tuple),
    last_error=st.none() | texts,
    last_kind=st.none() | texts,
    last_at=st.none() | moments,
)
bindings = st.builds(Binding, profile_id=texts, until=moments)
numbers = st.one_of(st.floats(), st.integers(), st.sampled_from([10**400, float("nan"), float("inf"), True]))
words = st.sampled_from(
    ["breaker", "failures", "since", "until", "generation", "permits", "tested", "cooldowns", "last_at", "profile", ""]
)
anything = st.recursive(
    st.none() | numbers | texts | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | texts, inner, max_size=4),
    max_leaves=12,
)


def paths(data: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside a piece of JSON."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [here, *(path for key, value in items for path in paths(value, (*here, key)))]


def replaced(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The same JSON with one value exchanged."""
    if not path:
        return value
    head, *rest = path
    copy = data.copy()
    copy[head] = replaced(data[head], tuple(rest), value)
    return copy


def survives(data: Any) -> None:
    """Decoding gives a record that is a fixed point, or one of three errors, and nothing else."""
    try:
        record = decode(data)
    except (KeyError, TypeError, ValueError):
        return
    assert decode(json.loads(encode(record))) == record


@given(st.one_of(healths, bindings))
def test_any_record_survives_json(record: Health | Binding) -> None:
    again = decode(json.loads(encode(record)))
    assert again == record
    assert type(again) is type(record)


@given(anything)
def test_arbitrary_json_is_a_record_or_a_key_type_or_value_error(data: Any) -> None:
    survives(data)


@settings(max_examples=300)
@given(st.one_of(healths, bindings), st.one_of(numbers, anything), st.data())
def test_a_record_with_one_value_damaged_is_a_record_or_a_key_type_or_value_error(
    record: Health | Binding, value: Any, data: st.DataObject
) -> None:
    whole = json.loads(encode(record))
    survives(replaced(whole, data.draw(st.sampled_from(paths(whole))), value))


@given(st.one_of(healths, bindings), st.data())
def test_a_record_with_one_value_missing_is_a_key_error(record: Health | Binding, data: st.DataObject) -> None:
    whole = json.loads(encode(record))
    del whole[data.draw(st.sampled_from(sorted(whole)))]
    try:
        decode(whole)
    except KeyError:
        return
    raise AssertionError(f"decoded without complaint: {whole}")


name_parts = st.text(alphabet=st.characters(exclude_characters="\0"), max_size=5)


@given(st.lists(name_parts, min_size=1, max_size=4), st.lists(name_parts, min_size=1, max_size=4))
def test_records_get_different_names_exactly_when_their_words_differ(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)
