"""What the policy rules say, against trying everything: every set of failures, every name, the real lineup."""

from __future__ import annotations

from itertools import chain, combinations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbauth.config import load_plan
from cbauth.config.rules.index import Budget, Index
from cbauth.core.health import BREAKER_KINDS, TRANSIENT, State
from cbauth.core.models import matches
from cbauth.failover.engine import Engine
from cbauth.failover.lineup import Lineup, judge
from cbauth.members import members_of
from cbauth.plan import Plan
from cbauth.stores.memory import MemoryStore

NAMES = ["".join(letters) for size in range(1, 5) for letters in product("abc", repeat=size)]
"""Patterns below know no ``c``: it stands for all the letters that nobody thought of."""

patterns = st.text(alphabet="ab*", min_size=1, max_size=4)
profiles = st.fixed_dictionaries(
    {
        "provider": st.sampled_from(["one", "two"]),
        "api_key": st.sampled_from(["env:RED", "env:BLUE"]),
        "base_url": st.sampled_from(["https://x.example", "https://y.example"]),
        "models": st.lists(patterns, min_size=1, max_size=3),
        "priority": st.integers(0, 2),
        "weight": st.integers(0, 2),
        "enabled": st.sampled_from([True, True, True, False]),
    }
)
PROVIDERS = {"one": {"protocol": "openai"}, "two": {"protocol": "generic"}}


@settings(max_examples=100)
@given(st.sampled_from(["priority", "round-robin", "random"]), st.lists(profiles, min_size=2, max_size=4))
def test_never_chosen_is_said_of_those_whom_no_set_of_failures_brings_forward(
    strategy: str, written: list[dict[str, Any]]
) -> None:
    written[0]["enabled"] = True
    plan = load_plan(
        {
            "version": 1,
            "providers": PROVIDERS,
            "profiles": {f"p{number}": each for number, each in enumerate(written)},
            "policy": {"rotation": {"strategy": strategy}},
        }
    )
    said = {each.key for each in plan.warnings if each.code == "CBA401"}
    enabled = {f"profiles.{profile.id}" for profile in plan.profiles if profile.enabled}
    assert said == enabled - {f"profiles.{name}" for name in ever_chosen(plan)}


def ever_chosen(plan: Plan) -> set[str]:
    """Who leads, or shares calls, for some model, while some set of credentials fails at their addresses."""
    members = sorted(members_of(plan), key=lambda m: m.rank)
    upstream = {p.id: (p.base_url, p.credential) for p in plan.profiles}
    known = set(upstream.values())
    found = set()
    for failing in chain.from_iterable(combinations(known, size) for size in range(len(known) + 1)):
        for model in (None, *NAMES):
            serving = [m for m in members if m.enabled and m.serves(model)]
            lineup = Lineup(model, serving, plan.policy.rotation.strategy)
            for position, member in enumerate(serving):
                if upstream[member.profile_id] in failing:
                    lineup.roster.refuse(position, float("inf"))
            first = lineup.roster.first()
            leading = lineup.roster.turn() if lineup.strategy != "priority" else () if first is None else (first,)
            found |= {serving[position].profile_id for position in leading}
    return found


@settings(max_examples=200)
@given(
    st.sampled_from(["adaptive", "classic"]),
    st.sampled_from(["rate_limit", "billing", "auth", "transient", None]),
    st.integers(1, 2),
    st.sampled_from([("provider", "enforce"), ("provider", "observe"), ("profile", "enforce"), ("provider", "off")]),
    st.sampled_from([("provider", "enforce"), ("profile", "enforce")]),
)
def test_never_chosen_is_said_of_whom_every_failure_of_the_first_refuses_as_well(
    preset: str, own: str | None, threshold: int, first: tuple[str, str], second: tuple[str, str]
) -> None:
    """The engine itself is asked: the first fails once, in each way; is the second one admitted then?"""
    rests = {name: {"scope": "provider"} for name in ("rate_limit", "billing", "auth", "transient") if name != own}

    def entry(key: str, breaker: tuple[str, str]) -> dict[str, Any]:
        scope, mode = breaker
        policy = {"breaker": {"scope": scope, "mode": mode, "failure_threshold": threshold}}
        return {"provider": "openai", "api_key": f"env:{key}", "policy": policy}

    plan = load_plan(
        {
            "version": 1,
            "profiles": {"first": entry("FIRST", first), "second": entry("SECOND", second)},
            "policy": {"cooldown": {"preset": preset, **rests}},
        }
    )
    said = any(each.code == "CBA401" for each in plan.warnings)
    assert said == (
        not any(spares(plan, kind) for kind in ("rate_limit", "billing", "auth", TRANSIENT, *BREAKER_KINDS))
    )


def spares(plan: Plan, kind: str) -> bool:
    """Whether the second profile is admitted after a failure of the first one."""
    engine = Engine(members_of(plan), store=MemoryStore(), policy=plan.policy, clock=lambda: 1000.0)
    engine.fail(engine.by_id["first"], kind, model="gpt-4o")
    return judge(engine.by_id["second"], "gpt-4o", engine.store, 1000.0).state is not State.REFUSED


@given(st.dictionaries(patterns, st.integers(), max_size=8), st.sampled_from(NAMES))
def test_an_index_finds_what_going_through_all_patterns_finds(entries: dict[str, int], name: str) -> None:
    index = filled(entries)
    assert dict(index.matching(name)) == {pattern: entries[pattern] for pattern in entries if matches(pattern, name)}


@given(st.dictionaries(patterns, st.integers(), max_size=8), patterns)
def test_a_pattern_is_broader_when_it_matches_every_name_that_the_other_does(
    entries: dict[str, int], pattern: str
) -> None:
    inside = [name for name in NAMES if matches(pattern, name)]
    found = {each for each, _ in filled(entries).broader(pattern)}
    assert found == {each for each in entries if all(matches(each, name) for name in inside)}


def filled(entries: dict[str, int]) -> Index[int]:
    index: Index[int] = Index(Budget())
    for pattern, value in entries.items():
        assert index.put(pattern, value) == value
    return index


def test_a_spent_budget_leaves_names_and_prefixes_to_be_found() -> None:
    index: Index[int] = Index(Budget(1))
    for number, pattern in enumerate(["*b", "a*b", "ab", "a*"]):
        index.put(pattern, number)
    assert {pattern for pattern, _ in index.matching("ab")} == {"*b", "ab", "a*"}
    assert {pattern for pattern, _ in index.matching("ab")} == {"ab", "a*"}


@pytest.mark.parametrize("pattern", ["gpt-4o", "gpt-*", "*-mini"])
def test_what_is_put_first_stays(pattern: str) -> None:
    index: Index[int] = Index(Budget())
    assert [index.put(pattern, number) for number in (1, 2)] == [1, 1]
