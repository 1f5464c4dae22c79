"""Events for what other processes do: marked remote, once each, told when this process next looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cbauth import AuthProfile, AuthProfileManager
from cbauth.events import Event
from tests.clock import FakeClock

NOW = 1_700_000_000.0
POLICY = {"breaker": {"failure_threshold": 2, "open_for": 60}}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def open_one(tmp_path: Path, clock: FakeClock) -> Iterator[Callable[..., AuthProfileManager]]:
    """Opens managers of the same two profiles on the same file, as two processes have them."""
    managers = []

    def open_manager(policy: Any = POLICY) -> AuthProfileManager:
        profiles = [AuthProfile(name, "openai", "api-key", {"api_key": name * 20}) for name in ("a", "b")]
        manager = AuthProfileManager(profiles, policy=policy, store=f"sqlite:{tmp_path}/state.db", clock=clock)
        managers.append(manager)
        return manager

    yield open_manager
    for manager in managers:
        manager.close()


def listening(manager: AuthProfileManager) -> list[Event]:
    """The events of a manager from now on, selections left out."""
    heard: list[Event] = []
    manager.on("*", lambda event: heard.append(event) if event.name != "profile:selected" else None)
    return heard


def told(events: list[Event]) -> list[tuple[str, str | None, bool]]:
    """What matters of events; each list is asked for once."""
    out = [(event.name, event.profile_id, event.remote) for event in events]
    events.clear()
    return out


def test_a_cooldown_and_its_end_are_told(open_one: Callable[..., AuthProfileManager], clock: FakeClock) -> None:
    mine, theirs = open_one(), open_one()
    heard = listening(mine)
    theirs.mark_failed("a", "limit", kind="rate_limit")
    assert told(heard) == [], "nobody has looked yet"
    assert [p.id for p in mine.get_healthy_profiles()] == ["b"]
    assert heard[0].until is not None
    assert heard[0].until > NOW
    assert told(heard) == [("profile:cooldown", "a", True)]
    assert len(mine.get_healthy_profiles()) == 1
    assert told(heard) == [], "once"
    clock.advance(400)
    assert len(mine.get_healthy_profiles()) == 2
    assert told(heard) == [("profile:recovered", "a", False)], "the clock has ended it, here as everywhere"


def test_a_breaker_s_whole_life_is_told(open_one: Callable[..., AuthProfileManager], clock: FakeClock) -> None:
    mine, theirs = open_one(), open_one()
    heard = listening(mine)
    for _ in range(2):
        theirs.mark_failed("a", kind="server")
    mine.get_status()
    assert told(heard) == [("profile:circuit-opened", "a", True)]
    clock.advance(61)
    chosen = theirs.get_next_profile()
    assert chosen is not None
    assert chosen.id == "a"
    mine.get_status()
    assert told(heard) == [("profile:circuit-half-open", "a", True)]
    theirs.mark_success("a")
    mine.get_status()
    assert told(heard) == [("profile:circuit-closed", "a", True)]


def test_a_cooldown_that_is_ended_elsewhere_is_a_recovery(open_one: Callable[..., AuthProfileManager]) -> None:
    mine, theirs = open_one(), open_one()
    heard = listening(mine)
    theirs.mark_failed("a", kind="auth")
    mine.get_status()
    told(heard)
    theirs.recover_profile("a")
    mine.get_status()
    assert told(heard) == [("profile:recovered", "a", True)]


def test_what_one_does_oneself_is_not_remote(open_one: Callable[..., AuthProfileManager]) -> None:
    mine, theirs = open_one(), open_one()
    heard, their_heard = listening(mine), listening(theirs)
    mine.mark_failed("a", kind="auth")
    mine.get_status()
    theirs.get_status()
    assert told(heard) == [("profile:failed", "a", False), ("profile:cooldown", "a", False)]
    assert told(their_heard) == [("profile:cooldown", "a", True)]


def test_one_s_own_change_on_top_of_another_one_s_tells_each_once(open_one: Callable[..., AuthProfileManager]) -> None:
    mine, theirs = open_one(), open_one()
    heard = listening(mine)
    theirs.mark_failed("a", kind="server")
    mine.mark_failed("a", kind="server")
    mine.get_status()
    assert sorted(told(heard)) == [("profile:circuit-opened", "a", False), ("profile:failed", "a", False)]


def test_a_provider_s_circuit_names_the_provider_alone(open_one: Callable[..., AuthProfileManager]) -> None:
    policy = {"breaker": {"failure_threshold": 1, "scope": "provider"}}
    mine, theirs = open_one(policy), open_one(policy)
    heard = listening(mine)
    theirs.mark_failed("b", kind="server")
    mine.get_status()
    assert [(e.name, e.profile_id, e.provider_id, e.remote) for e in heard] == [
        ("profile:circuit-opened", None, "openai", True)
    ]


def test_what_happened_before_somebody_listened_is_not_told(open_one: Callable[..., AuthProfileManager]) -> None:
    mine, theirs = open_one(), open_one()
    theirs.mark_failed("a", kind="auth")
    mine.get_status()
    theirs.mark_failed("b", kind="auth")
    heard = listening(mine)
    mine.get_status()
    assert told(heard) == []


def test_a_call_that_only_chooses_tells_as_well(open_one: Callable[..., AuthProfileManager]) -> None:
    mine, theirs = open_one(), open_one()
    heard = listening(mine)
    assert mine.get_next_profile() is not None
    theirs.mark_failed("a", kind="billing")
    chosen = mine.get_next_profile()
    assert chosen is not None
    assert chosen.id == "b"
    assert told(heard) == [("profile:cooldown", "a", True)]


def test_profiles_that_are_not_ours_are_nobody_s_news(open_one: Callable[..., AuthProfileManager]) -> None:
    mine, theirs = open_one(), open_one()
    heard = listening(mine)
    theirs.add_profile(AuthProfile("c", "openai", "api-key", {"api_key": "c" * 20}))
    theirs.mark_failed("c", kind="auth")
    mine.get_status()
    assert told(heard) == []
