"""The picture of what has happened: which lanes, marks and stretches the events make, and how it is drawn."""

from __future__ import annotations

import pickle
import re
import time
from base64 import b64decode
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cbauth.display.svg import still_html, timeline_html
from cbauth.display.timeline import History, Move, Stretch, Timeline, timeline
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
    assert shown.lanes["one"].marks == [Stretch(10, 10, "call"), Stretch(11, 11, "failure")]
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
        "1 try, 1 failure, 2 failovers. one has an open circuit. one is cooling down. two is being tested.",
    ]


@pytest.mark.parametrize("now", [1.0, 100.0, 1e300])
def test_any_moment_can_be_drawn(now: float) -> None:
    who = "a-profile-with-quite-a-long-name"
    event = Event(name="profile:selected", at=now, profile_id=who)
    shown = timeline([event], {who: "acme"}, start=now - 60, now=now)
    assert "a-profile-with-qu…" in timeline_html(shown, "name")
    assert who not in image(shown)


@pytest.mark.parametrize("draw", [still_html, lambda shown: timeline_html(shown, "name")])
def test_where_there_is_nothing_to_draw_a_sentence_says_so(draw: Callable[[Timeline], str]) -> None:
    assert "No call was made yet." in draw(timeline([], {}, start=0.0, now=0.0))
    old = draw(told(("selected", 10), start=50.0))
    assert "Nothing has happened in the last 50 s." in old
    assert "<svg" not in old
    assert "<img" not in old


def image(shown: Timeline) -> str:
    """The SVG of the picture for outputs, which is an image."""
    html = still_html(shown)
    assert re.sub(r'"[^"]*"', "", html).startswith("<img alt= width= height= style= src=>")
    svg = b64decode(html.partition("base64,")[2].partition('"')[0]).decode()
    ElementTree.fromstring(svg)
    return svg


def test_for_outputs_it_is_an_image_that_says_itself_what_it_shows() -> None:
    shown = told(("selected", 10), ("circuit-opened", 20, {"until": 1e12}))
    assert 'alt="Recent calls by profile: 1 try, 0 failures, 0 failovers. one has an open circuit."' in still_html(
        shown
    )
    svg = image(shown)
    assert "--jp-" not in svg
    assert "prefers-color-scheme:dark" in svg


def light(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_in_the_image_all_stands_out_from_its_ground(theme: int) -> None:
    """By the formula of WCAG 2.2: at least 4.5 for words, 3 for lines."""
    colours = dict(re.findall(r"--(\w+):(#\w{6})", image(told(("selected", 10))).split("@media")[theme]))
    assert len(colours) == 7
    ground = light(colours.pop("ground"))
    for name, colour in colours.items():
        one, other = sorted((light(colour), ground))
        assert (other + 0.05) / (one + 0.05) >= (3 if name == "line" else 4.5), name


def test_a_failed_try_is_a_cross_and_no_dot_beneath() -> None:
    svg = image(told(("selected", 50), ("failure", 50), ("selected", 90)))
    dots, crosses = re.findall(r'd="([^"]*)"[^>]*var\(--good\)', svg), re.findall(r'd="([^"]*)"[^>]*var\(--bad\)', svg)
    assert [line.count("M") for line in dots] == [1]
    assert crosses[-1].count("M") == 1


def test_the_numbers_and_what_goes_on_outlast_any_number_of_calls() -> None:
    """A circuit that opened long ago is open still; what was drawn at first is drawn in the end."""
    first = [("selected", 0.0), ("failure", 0.0), ("circuit-opened", 0.0, {"until": 1e6})]
    calls = [("selected", number / 100, {"profile_id": "two"}) for number in range(9_999)]
    shown = told(*first, *calls)  # type: ignore[arg-type]
    assert shown.summary == "10000 tries, 1 failure, 0 failovers. one has an open circuit."
    assert stretches(shown) == [Stretch(0, 1e6, "open")]
    marks = shown.lanes["two"].marks
    assert len(marks) <= 3000
    assert (min(mark.start for mark in marks), max(mark.end for mark in marks)) == (0.0, 99.98)


def test_a_history_is_of_bounded_size() -> None:
    history = History(window=60.0)
    for number in range(10_000):
        for name in ("selected", "failure", "cooldown", "recovered"):
            history.add(Event(name=f"profile:{name}", at=number / 10, profile_id="one", until=number + 0.05))
        history.add(Event(name="profile:failover", at=number / 10, profile_id="two", failed_profile_id="one"))
    shown = history.shown(PROFILES, start=0.0, now=1000.0)
    assert shown.summary == "10000 tries, 10000 failures, 10000 failovers."
    assert len(shown.lanes["one"].marks) + len(shown.lanes["one"].stretches) + len(shown.moves) < 10_000
    assert len(pickle.dumps(shown)) < 1_000_000


@pytest.mark.parametrize("lanes", [3, 40, 200])
@pytest.mark.parametrize("events", [100, 20_000])
def test_the_picture_is_small_whatever_has_happened(lanes: int, events: int) -> None:
    names = [f"{'profile-' * 7}{number}" for number in range(lanes)]
    rng = Random(3)
    kinds = "selected", "failure", "failover", "cooldown", "circuit-opened", "recovered"
    made = [
        Event(
            name=f"profile:{rng.choice(kinds)}",
            at=number / events * 120,
            profile_id=rng.choice(names),
            failed_profile_id=rng.choice(names),
            until=number / events * 120 + 1,
        )
        for number in range(events)
    ]
    shown = timeline(made, dict.fromkeys(names, "acme"), start=0.0, now=120.0)
    assert len(still_html(shown)) <= 30 * 1024
    assert len(timeline_html(shown, "name")) <= 30 * 1024


@pytest.mark.parametrize("seconds", [1.0, 2.5, 30.0, 120.0, 3600.0, 86400.0, 1e6])
def test_the_axis_names_the_day_and_the_zone_and_no_moment_twice(seconds: float) -> None:
    start = 1_800_000_000.4
    svg = image(
        timeline(
            [Event(name="profile:selected", at=start, profile_id="one")], PROFILES, start=start, now=start + seconds
        )
    )
    day, *ticks = re.findall(r">([^<]*\d[^<]*)</text>", svg)
    assert day == time.strftime("%Y-%m-%d %Z", time.localtime(start + seconds))
    assert 2 <= len(ticks) <= 7
    assert len(set(ticks)) == len(ticks)


def numbered(count: int) -> dict[str, str]:
    """So many profiles, each of a provider of its own."""
    return {f"p{number}": f"of-p{number}" for number in range(count)}


def labels(shown: Timeline) -> list[str]:
    """The names of the lanes, from the top."""
    return re.findall(r">(p\d+)</text>", image(shown))


def arrows(shown: Timeline) -> list[tuple[float, str, str]]:
    """When the picture says that failovers happened, and from whom to whom."""
    svg = image(shown)
    lines = re.findall(r"M(\d+) (\d+)H(\d+)", re.findall(r'd="([^"]*)"[^>]*var\(--line\)', svg)[-1])
    left, right = int(lines[0][0]), int(lines[0][2])
    second = (right - left) / (shown.now - shown.start)
    who = {int(y): name for (_, y, _), name in zip(lines, labels(shown), strict=True)}
    return [
        (
            shown.start + (int(x) - left) / second,
            who[int(start)],
            who[int(end) + 2 * (4 if int(end) > int(start) else -4)],
        )
        for x, start, end in re.findall(r"M(-?\d+) (\d+)V(\d+)m-3", svg)
    ]


FAILOVERS = st.lists(
    st.tuples(st.floats(0, 100), st.integers(0, 11), st.integers(0, 11)).filter(lambda each: each[1] != each[2]),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(FAILOVERS, st.booleans())
@example([(0.0, 0, 1)], True)
@example([(99.9, 0, 1), (100.0, 0, 1)], True)
def test_an_arrow_stands_where_a_failover_from_that_profile_happened(
    failovers: list[tuple[float, int, int]], crowded: bool
) -> None:
    """Also where there is so much to draw that arrows far from each other become one."""
    made = [
        Event(name="profile:failover", at=at, profile_id=f"p{target}", failed_profile_id=f"p{source}")
        for at, source, target in failovers
    ]
    if crowded:
        made += [
            Event(name=f"profile:{name}", at=at / 2, profile_id=f"p{place}", until=at / 2 + 0.2)
            for place in range(12)
            for at in range(200)
            for name in ("failure", "cooldown")
        ]
    shown = timeline(sorted(made, key=lambda event: event.at), numbered(12), start=0.0, now=100.0)
    drawn = arrows(shown)
    assert {source for _, source, _ in drawn} == {f"p{source}" for _, source, _ in failovers}
    for at, source, target in drawn:
        happened = [each for each, *ends in failovers if (source, target) == tuple(f"p{end}" for end in ends)]
        assert any(abs(at - each) <= 0.1 for each in happened), "a pixel is 0.17 s"


def through_all(count: int) -> Timeline:
    """One call that fails over through all of so many profiles, at 50, seen at 100."""
    profiles = numbered(count)
    made = []
    for source, target in pairwise(profiles):
        made += [
            Event(name="profile:selected", at=50.0, profile_id=source),
            Event(name="profile:failure", at=50.0, profile_id=source),
            Event(name="profile:circuit-opened", at=50.0, profile_id=source, until=1e12),
            Event(name="profile:failover", at=50.0, profile_id=target, failed_profile_id=source),
        ]
    return timeline(made, profiles, start=0.0, now=100.0)


def test_a_call_that_fails_over_through_all_profiles_does_so_at_its_moment() -> None:
    drawn = arrows(through_all(200))
    assert [(source, target) for _, source, target in drawn] == [(f"p{at}", f"p{at + 1}") for at in range(23)]
    assert {at for at, *_ in drawn} == {50.0}


def test_a_sentence_names_three_profiles_and_the_number_of_the_others() -> None:
    numbers = "0 tries, 0 failures, 0 failovers. "
    for count, said in (
        (1, "p0 has an open circuit."),
        (2, "p0 and p1 have an open circuit."),
        (3, "p0, p1 and p2 have an open circuit."),
        (200, "p0, p1, p2 and 197 more have an open circuit."),
    ):
        made = [Event(name="profile:circuit-opened", at=1.0, profile_id=who, until=1e12) for who in numbered(count)]
        assert timeline(made, numbered(200), start=0.0, now=100.0).summary == numbers + said


@pytest.mark.parametrize("draw", [image, lambda shown: timeline_html(shown, "name")])
def test_of_many_profiles_those_are_drawn_in_which_something_happened(draw: Callable[[Timeline], str]) -> None:
    happened = [Event(name="profile:selected", at=1.0, profile_id=f"p{place}") for place in range(100, 140, 2)]
    shown = timeline(happened, numbered(200), start=0.0, now=100.0)
    assert labels(shown) == ["p0", "p1", "p2", "p3", *(f"p{place}" for place in range(100, 140, 2))]
    assert ">and 176 more profiles, in which nothing happened</text>" in draw(shown)
    few = timeline(happened, numbered(124), start=0.0, now=100.0)
    assert ">and 100 more profiles, in which nothing happened</text>" in draw(few)


def test_of_many_profiles_in_which_something_happened_those_are_drawn_in_which_the_worst_did() -> None:
    made = [Event(name="profile:selected", at=1.0, profile_id=who) for who in numbered(50)]
    made += [Event(name="profile:failure", at=2.0, profile_id=f"p{place}") for place in range(28, 49)]
    made += [Event(name="profile:circuit-opened", at=3.0, profile_id="p27", until=5.0)]
    made += [Event(name="profile:circuit-opened", at=3.0, profile_id="p49", until=1e12)]
    made += [Event(name="profile:cooldown", at=3.0, profile_id="p26", until=1e12)]
    shown = timeline(made, numbered(50), start=0.0, now=100.0)
    assert labels(shown) == [f"p{place}" for place in range(26, 50)]
    ranked = ["p49", "p26", "p27", "p28"]
    for most in range(1, 5):
        assert [*shown.worst(most).lanes] == sorted(ranked[:most])
    assert ">and 26 more profiles, in which nothing worse happened</text>" in image(shown)


def test_as_many_profiles_as_have_room_are_all_drawn() -> None:
    assert len(labels(through_all(24))) == 24
    assert " more profile" not in image(through_all(24))
    assert ">and 1 more profile, in which nothing worse happened</text>" in image(through_all(25))
