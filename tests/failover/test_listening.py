"""Who begins to listen late misses nothing that is still to come."""

from __future__ import annotations

from cbauth import AuthProfile, AuthProfileManager, Event
from tests.clock import FakeClock


def test_who_begins_to_listen_during_a_rest_hears_its_end() -> None:
    clock = FakeClock()
    manager = AuthProfileManager([AuthProfile("a", "acme", "api-key", {"api_key": "k"})], clock=clock)
    manager.mark_failed("a")
    events: list[Event] = []
    manager.on("profile:recovered", events.append)
    clock.advance(61)
    manager.get_next_profile()
    assert [(event.name, event.profile_id) for event in events] == [("profile:recovered", "a")]


def test_who_listens_again_is_not_told_of_a_rest_that_ended_meanwhile() -> None:
    clock = FakeClock()
    manager = AuthProfileManager([AuthProfile("a", "acme", "api-key", {"api_key": "k"})], clock=clock)
    manager.mark_failed("a")
    clock.advance(61)
    events: list[Event] = []
    manager.on("profile:recovered", events.append)
    manager.get_next_profile()
    assert events == []
