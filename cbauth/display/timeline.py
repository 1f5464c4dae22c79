"""What has happened of late, from the events of a toolkit: calls, failures, failovers, rests and circuits, by profile.

Laws:

1. A stretch ends when an event says so, or when its time is over, whichever is first.
2. What concerns a whole provider is drawn for each of its profiles.
3. Events from before the window leave no mark, but what they began goes on into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cbauth.events import Event

__all__ = ["Lane", "Mark", "Move", "Stretch", "Timeline", "timeline"]

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that took no time: a ``call`` or a ``failure``."""

    at: float
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Something that lasts: ``cooling``, ``open`` or ``testing``."""

    start: float
    end: float
    kind: str


@dataclass(frozen=True, slots=True)
class Move:
    """A failover, from one profile to another."""

    at: float
    source: str
    target: str


@dataclass(slots=True)
class Lane:
    """What happened to one profile."""

    marks: list[Mark] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)

    def end(self, at: float, *kinds: str) -> None:
        """End what goes on at that time."""
        self.stretches = [
            replace(each, end=max(each.start, at)) if each.kind in kinds and each.end > at else each
            for each in self.stretches
        ]

    def begin(self, at: float, until: float | None, kind: str) -> None:
        """Begin something; it takes the place of what is going on of that kind, but never ends before it."""
        going_on = [each for each in self.stretches if each.kind == kind and each.end > at]
        until = max([FOREVER if until is None else until, *(each.end for each in going_on if kind == "cooling")])
        self.end(at, kind)
        self.stretches.append(Stretch(at, until, kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What is drawn: from ``start`` to ``now`` (epoch seconds), a lane for each profile in the order of the plan."""

    start: float
    now: float
    lanes: Mapping[str, Lane]
    moves: tuple[Move, ...]

    @property
    def summary(self) -> str:
        """The picture in words."""
        marks = [mark.kind for lane in self.lanes.values() for mark in lane.marks]
        calls, failures, moves = marks.count("call"), marks.count("failure"), len(self.moves)
        said = [f"{_count(calls, 'try', 'tries')}, {_count(failures, 'failure')}, {_count(moves, 'failover')}."]
        for profile_id, lane in self.lanes.items():
            words = {"cooling": "is cooling down", "open": "has an open circuit", "testing": "is being tested"}
            said += [
                f"{profile_id} {words[each.kind]}." for each in lane.stretches if each.start <= self.now < each.end
            ]
        return " ".join(said)


def timeline(events: Iterable[Event], profiles: Mapping[str, str], *, start: float, now: float) -> Timeline:
    """Sort ``events`` (in the order in which they came) into lanes. ``profiles``: the provider of each profile."""
    lanes = {profile_id: Lane() for profile_id in profiles}
    moves = []
    for event in events:
        for profile_id in [event.profile_id] if event.profile_id else _of(event.provider_id, profiles):
            if profile_id in lanes:
                _record(lanes[profile_id], event)
        if event.name == "profile:failover" and event.failed_profile_id in lanes and event.profile_id in lanes:
            moves.append(Move(event.at, event.failed_profile_id or "", event.profile_id or ""))
    for lane in lanes.values():
        lane.marks = [mark for mark in lane.marks if start <= mark.at <= now]
        lane.stretches = [each for each in lane.stretches if each.end > start and each.end > each.start]
    return Timeline(start=start, now=now, lanes=lanes, moves=tuple(move for move in moves if start <= move.at <= now))


def _record(lane: Lane, event: Event) -> None:
    at = event.at
    match event.name:
        case "profile:selected":
            lane.marks.append(Mark(at, "call", event.reason or "selected"))
        case "profile:failure":
            lane.marks.append(Mark(at, "failure", ": ".join(filter(None, (event.kind, event.error)))))
        case "profile:cooldown":
            lane.begin(at, event.until, "cooling")
        case "profile:recovered":
            lane.end(at, "cooling")
        case "profile:circuit-opened":
            lane.end(at, "testing")
            lane.begin(at, event.until, "open")
        case "profile:circuit-half-open":
            lane.end(at, "open")
            lane.begin(at, None, "testing")
        case "profile:circuit-closed":
            lane.end(at, "open", "testing")
        case _:
            pass


def _of(provider_id: str | None, profiles: Mapping[str, str]) -> list[str]:
    return [profile_id for profile_id, provider in profiles.items() if provider == provider_id]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
