"""The picture of what has happened: which lanes, marks and stretches the events make, and how it is drawn."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from cbauth.display.svg import timeline_html
from cbauth.display.timeline import Move, Stretch, Timeline, timeline
from cbauth.events import Event

PROFILES = {"one": "acme", "two": "acme", "three": "bravo"}


def told(*events: tuple[str, float] | tuple[str, float, dict[str, Any]], start: float = 0.0) -> Timeline:
    """The timeline of events of ``one`` (or of whomever the facts name), seen at 100."""
    made = []
    for name, at, *rest in events:
        facts: dict[str, Any] = {"profile_id": "one", "provider_id": "acme", **(rest[0] if rest else {})}
        made.append(Event(name=f"profile:{name}", at=at, **facts))
    return timeline(made, PROFILES, start=start, now=100.0)


def stretches(shown: Timeline, profile_id: str = "one") -> list[Stretch]:
    return shown.lanes[profile_id].stretches


def test_calls_failures_and_failovers_leave_marks() -> None:
    shown = told(
        ("selected", 10),
        ("failure", 11, {"kind": "network", "error": "refused"}),
        ("failover", 11, {"profile_id": "two", "failed_profile_id": "one"}),
        ("selected", 12, {"profile_id": "two", "reason": "failover"}),
    )
    assert [(mark.kind, mark.words) for mark in shown.lanes["one"].marks] == [
        ("call", "selected"),
        ("failure", "network: refused"),
    ]
    assert shown.moves == (Move(11, "one", "two"),)
    assert shown.summary == "2 tries, 1 failure, 1 failover."


def test_a_cooldown_ends_by_the_clock_or_by_recovery_whichever_is_first() -> None:
    assert stretches(told(("cooldown", 10, {"until": 30.0}))) == [Stretch(10, 30, "cooling")]
    assert stretches(told(("cooldown", 10, {"until": 30.0}), ("recovered", 20))) == [Stretch(10, 20, "cooling")]
    assert stretches(told(("cooldown", 10, {"until": 30.0}), ("recovered", 40))) == [Stretch(10, 30, "cooling")]


def test_a_shorter_cooldown_does_not_shorten_the_one_that_runs() -> None:
    shown = told(("cooldown", 10, {"until": 90.0}), ("cooldown", 20, {"until": 30.0}))
    assert stretches(shown) == [Stretch(10, 20, "cooling"), Stretch(20, 90, "cooling")]


def test_a_circuit_opens_is_tested_and_closes() -> None:
    shown = told(("circuit-opened", 10, {"until": 40.0}), ("circuit-half-open", 50), ("circuit-closed", 60))
    assert stretches(shown) == [Stretch(10, 40, "open"), Stretch(50, 60, "testing")]
    again = told(("circuit-half-open", 20), ("circuit-opened", 30, {"until": 200.0}))
    assert stretches(again) == [Stretch(20, 30, "testing"), Stretch(30, 200, "open")]
    assert again.summary.endswith("one has an open circuit.")


def test_what_concerns_a_provider_is_drawn_for_all_of_its_profiles() -> None:
    shown = told(("circuit-opened", 10, {"profile_id": None, "until": 200.0}))
    assert stretches(shown) == stretches(shown, "two") == [Stretch(10, 200, "open")]
    assert stretches(shown, "three") == []


def test_what_lies_before_the_window_leaves_only_what_goes_on() -> None:
    shown = told(
        ("selected", 10), ("cooldown", 10, {"until": 20.0}), ("circuit-opened", 10, {"until": 60.0}), start=50.0
    )
    assert shown.lanes["one"].marks == []
    assert stretches(shown) == [Stretch(10, 60, "open")]


def test_profiles_that_are_gone_and_other_events_are_passed_over() -> None:
    shown = told(("selected", 10, {"profile_id": "gone"}), ("failed", 10), ("cooldown", 10, {"until": 5.0}))
    assert shown.summary == "0 tries, 0 failures, 0 failovers."


def drawn(shown: Timeline) -> ElementTree.Element:
    html = timeline_html(shown, "name")
    found = re.search(r"<svg.*</svg>", html)
    assert found is not None
    return ElementTree.fromstring(found[0])


def test_the_picture_is_well_formed_and_told_in_words() -> None:
    shown = told(
        ("selected", 10),
        ("failure", 11, {"kind": "network"}),
        ("failover", 11, {"profile_id": "three", "failed_profile_id": "one"}),
        ("failover", 12, {"profile_id": "one", "failed_profile_id": "three"}),
        ("cooldown", 11, {"until": 1e12}),
        ("circuit-opened", 20, {"until": 1e12}),
        ("circuit-half-open", 30, {"profile_id": "two"}),
    )
    svg = drawn(shown)
    assert svg.attrib["role"] == "img"
    labels = {each.attrib["id"]: each.text for each in svg.iter() if "id" in each.attrib and each.text}
    assert [labels[name] for name in svg.attrib["aria-labelledby"].split()] == [
        "Recent calls by profile",
        "1 try, 1 failure, 2 failovers. one is cooling down. one has an open circuit. two is being tested.",
    ]


@pytest.mark.parametrize("now", [0.0, 100.0, 1e300])
def test_any_moment_can_be_drawn(now: float) -> None:
    shown = timeline([], {"a-profile-with-quite-a-long-name": "acme"}, start=now - 60, now=now)
    assert "a-profile-with-qu…" in timeline_html(shown, "name")
    drawn(timeline([], {}, start=0.0, now=0.0))
