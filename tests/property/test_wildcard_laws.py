"""The laws of core/models.py, against regular expressions, by counting steps, and against a plain recursion."""

from __future__ import annotations

import re
from typing import SupportsIndex

from hypothesis import given, settings
from hypothesis import strategies as st

from cbauth.core.models import Models, expand, matches

patterns = st.text(alphabet="ab.*", max_size=9)
names = st.text(alphabet="ab.*", max_size=12)
odd_patterns = st.text(alphabet="*a\n.?[]\\^$|(){}+ü𝒳", max_size=6)
odd_names = st.text(alphabet="a\n.?[]\\^$|(){}+ü𝒳", max_size=6)


def reference(pattern: str, name: str) -> bool:
    """The same question put to a regular expression."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None


@settings(max_examples=500)
@given(st.text(alphabet="ab*", max_size=7), st.text(alphabet="ab", max_size=7))
def test_law_1_matches_as_the_reference_does(pattern: str, name: str) -> None:
    assert matches(pattern, name) == reference(pattern, name)


@given(odd_patterns, odd_names)
def test_law_1_everything_but_the_star_is_literal(pattern: str, name: str) -> None:
    assert matches(pattern, name) == reference(pattern, name)


@given(st.lists(patterns, max_size=5), names)
def test_a_list_serves_what_any_entry_matches(entries: list[str], name: str) -> None:
    assert Models(tuple(entries)).serves(name) == any(reference(entry, name) for entry in entries)


@given(st.lists(patterns, max_size=4), st.text(alphabet="ab", max_size=3), st.data())
def test_a_name_made_from_a_pattern_is_served(entries: list[str], filling: str, data: st.DataObject) -> None:
    made = data.draw(st.sampled_from([*entries, "*"])).replace("*", filling)
    assert Models((*entries, "*")).serves(made)
    assert all(matches(entry, entry.replace("*", filling)) for entry in entries)


@given(names)
def test_law_3_the_star_serves_every_model_and_nothing_serves_none(name: str) -> None:
    assert Models(("*",)).serves(name)
    assert not Models(()).serves(name)


@given(st.lists(patterns, max_size=5))
def test_the_first_name_is_an_entry_without_a_star(entries: list[str]) -> None:
    first = Models(tuple(entries)).first_name
    assert first == next(iter([e for e in entries if "*" not in e]), None)


class Ruled(str):
    """A name that counts how many of its characters are searched."""

    __slots__ = ("searched",)
    searched: int

    def find(self, sub: str, start: SupportsIndex | None = None, end: SupportsIndex | None = None, /) -> int:
        """Search, and add up the characters between the start and the answer."""
        first = 0 if start is None else int(start)
        last = len(self) if end is None else int(end)
        found = super().find(sub, first, last)
        self.searched += (last if found < 0 else found + len(sub)) - first
        return found


hostile = st.builds(
    lambda unit, times, tail: unit * times + tail,
    st.text(alphabet="a*", min_size=1, max_size=4),
    st.integers(min_value=1, max_value=300),
    st.text(alphabet="ab*", max_size=3),
)


@given(hostile, st.integers(min_value=0, max_value=3000))
def test_law_2_a_hostile_pattern_reads_each_character_once(pattern: str, length: int) -> None:
    name = Ruled("a" * length)
    name.searched = 0
    answer = matches(pattern, name)
    assert name.searched <= length
    name.searched = 0
    assert Models((pattern,)).serves(name) == answer
    assert name.searched <= length


entries = st.sampled_from("abcdmn")
route_tables = st.dictionaries(st.sampled_from("abcd"), st.lists(entries, max_size=4), min_size=1)


def walk(name: str, routes: dict[str, list[str]], within: tuple[str, ...] = ()) -> list[str]:
    """Law 4 in so many words, at whatever cost: every way through the routes that does not cross itself."""
    models: list[str] = []
    for entry in routes[name]:
        if entry == name or entry not in routes:
            models.append(entry)
        elif entry not in within:
            models += walk(entry, routes, (*within, name))
    return models


@given(route_tables, st.data())
def test_law_4_a_route_stands_for_what_a_walk_through_it_meets(
    routes: dict[str, list[str]], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(routes)))
    assert expand(name, routes) == tuple(dict.fromkeys(walk(name, routes)))
