"""What has happened, from the events of a toolkit: calls, failures, failovers, rests and circuits, by profile.

Laws:

1. A stretch ends when an event says so, or when its time is over, whichever is first.
2. What concerns a whole provider is drawn for each of its profiles.
3. Events from before the window leave no mark, but what they began goes on into it.
4. A history is of bounded size. Numbers are exact, what goes on is never forgotten; of what is over, neighbours that
   no picture could tell apart become one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cbauth.events import Event

__all__ = ["FOREVER", "History", "Lane", "Move", "Stretch", "Timeline", "joined", "timeline"]

FOREVER = float("inf")
MOST = 2000
"""Marks, stretches or moves that one list holds before it is thinned out."""
STEPS = 500
"""What is nearer to each other than such a part of all the time that is drawn becomes one."""
WORDS = {
    "open": ("has an open circuit", "have an open circuit"),
    "cooling": ("is cooling down", "are cooling down"),
    "testing": ("is being tested", "are being tested"),
}
"""Of one profile, of several; the worst first."""
NAMED = 3
"""Profiles that a sentence names; of more it says the number."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Something that lasts: ``cooling``, ``open``, ``testing``; or takes no time: ``call``, ``failure``."""

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
    """What happened to one profile, or to all those of a provider. ``going``: what had not ended at the last event."""

    marks: list[Stretch] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    going: list[Stretch] = field(default_factory=list)

    def mark(self, at: float, kind: str) -> None:
        """Something happens that takes no time."""
        self.marks.append(Stretch(at, at, kind))

    def end(self, at: float, *kinds: str) -> None:
        """End what goes on at that time."""
        going, self.going = self.going, []
        for each in going:
            ended = replace(each, end=max(each.start, at)) if each.kind in kinds and each.end > at else each
            (self.going if ended.end > at else self.stretches).append(ended)

    def begin(self, at: float, until: float | None, kind: str) -> None:
        """Begin something; it takes the place of what is going on of that kind, but never ends before it."""
        before = (each.end for each in self.going if each.kind == kind == "cooling")
        until = max(FOREVER if until is None else until, *before, at)
        self.end(at, kind)
        self.going.append(Stretch(at, until, kind))

    def thin(self, now: float, window: float | None) -> None:
        """Make it smaller, if it is too large; nothing is lost that a picture of the window would show."""
        if len(self.marks) > MOST:
            self.marks = _thinned(self.marks, now, window)
        if len(self.stretches) > MOST:
            self.stretches = _thinned(self.stretches, now, window)

    def going_on(self, now: float) -> set[str]:
        """The kinds of what had begun by then, and had not ended."""
        return {each.kind for each in self.stretches if each.start <= now < each.end}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What is drawn: from ``start`` to ``now`` (epoch seconds), a lane for each profile in the order of the plan.

    The numbers are those of all that was heard, however long ago. ``more``: what is said of lanes that are left out.
    """

    start: float
    now: float
    lanes: Mapping[str, Lane]
    moves: tuple[Move, ...]
    calls: int
    failures: int
    failovers: int
    more: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.moves and not any(lane.marks or lane.stretches for lane in self.lanes.values())

    @property
    def summary(self) -> str:
        """The picture in words."""
        counts = (
            _count(self.calls, "try", "tries"),
            _count(self.failures, "failure"),
            _count(self.failovers, "failover"),
        )
        said = [f"{', '.join(counts)}."]
        going_on = {profile_id: lane.going_on(self.now) for profile_id, lane in self.lanes.items()}
        for kind, (of_one, of_several) in WORDS.items():
            who = [profile_id for profile_id, kinds in going_on.items() if kind in kinds]
            if who:
                said.append(f"{_named(who)} {of_one if len(who) == 1 else of_several}.")
        return " ".join(said)

    def worst(self, most: int) -> Timeline:
        """The same with no more than ``most`` lanes, in their order: those in which the worst happened.

        Worst are open circuits, then rests, tests, circuits that were open, failures, what else is over, tries.
        """
        if len(self.lanes) <= most:
            return self
        moved = {who for move in self.moves for who in (move.source, move.target)}
        weights = {who: (*self._weight(lane), who in moved) for who, lane in self.lanes.items()}
        ranked = sorted(weights, key=weights.__getitem__, reverse=True)
        kept, left = set(ranked[:most]), ranked[most:]
        what = "nothing worse" if any(weights[left[0]]) else "nothing"
        return replace(
            self,
            lanes={who: lane for who, lane in self.lanes.items() if who in kept},
            moves=tuple(move for move in self.moves if move.source in kept and move.target in kept),
            more=f"and {_count(len(left), 'more profile')}, in which {what} happened",
        )

    def _weight(self, lane: Lane) -> tuple[int, ...]:
        going_on = lane.going_on(self.now)
        opened = sum(each.kind == "open" for each in lane.stretches)
        failures = sum(each.kind == "failure" for each in lane.marks)
        standing = ("open" in going_on, "cooling" in going_on, "testing" in going_on)
        return (*standing, opened, failures, len(lane.stretches), len(lane.marks))


class History:
    """Takes events in the order in which they come. ``window``: the seconds that will be drawn; ``None`` for all."""

    __slots__ = ("_counts", "_lanes", "_moves", "_window")

    def __init__(self, window: float | None = None) -> None:
        self._window = window
        self._lanes: defaultdict[tuple[bool, str], Lane] = defaultdict(Lane)
        """By whether it is a provider's, and the id."""
        self._moves: list[Move] = []
        self._counts: Counter[tuple[str, ...]] = Counter()

    def add(self, event: Event) -> None:
        """Take over what the event says."""
        who = event.profile_id or event.provider_id
        if who is None:
            return
        if event.name == "profile:failover":
            if event.failed_profile_id is not None and event.profile_id is not None:
                self._move(Move(event.at, event.failed_profile_id, event.profile_id))
            return
        if event.name in ("profile:selected", "profile:failure"):
            self._counts[event.name, who] += 1
        lane = self._lanes[event.profile_id is None, who]
        _record(lane, event)
        lane.thin(event.at, self._window)

    def shown(self, profiles: Mapping[str, str], *, start: float, now: float) -> Timeline:
        """What is drawn of these profiles. ``profiles``: the provider of each."""

        def said(name: str) -> int:
            return sum(self._counts[name, profile_id] for profile_id in profiles)

        return Timeline(
            start=start,
            now=now,
            lanes={
                profile_id: self._lane(profile_id, provider, start, now) for profile_id, provider in profiles.items()
            },
            moves=tuple(
                move
                for move in self._moves
                if start <= move.at <= now and move.source in profiles and move.target in profiles
            ),
            calls=said("profile:selected"),
            failures=said("profile:failure"),
            failovers=sum(
                number
                for (name, *ends), number in self._counts.items()
                if name == "profile:failover" and set(ends) <= set(profiles)
            ),
        )

    def _lane(self, profile_id: str, provider: str, start: float, now: float) -> Lane:
        shown = Lane()
        for key in ((False, profile_id), (True, provider)):
            lane = self._lanes.get(key)
            if lane is not None:
                shown.marks += (each for each in lane.marks if each.end >= start and each.start <= now)
                past_and_present = (*lane.stretches, *lane.going)
                shown.stretches += (each for each in past_and_present if each.end > start and each.end > each.start)
        return shown

    def _move(self, move: Move) -> None:
        self._counts["profile:failover", move.source, move.target] += 1
        self._moves.append(move)
        if len(self._moves) > MOST:
            since = self._moves[0].at if self._window is None else move.at - self._window
            step = max((move.at - since) / STEPS, 1e-9)
            kept = {
                (each.source, each.target, (each.at - since) // step): each for each in self._moves if each.at >= since
            }
            self._moves = [*kept.values()][-MOST // 2 :]


def timeline(events: Iterable[Event], profiles: Mapping[str, str], *, start: float, now: float) -> Timeline:
    """What is drawn of ``events``, which are in the order in which they came."""
    history = History()
    for event in events:
        history.add(event)
    return history.shown(profiles, start=start, now=now)


def joined(spans: Iterable[Stretch], gap: float) -> list[Stretch]:
    """The same with neighbours of a kind that are no more than ``gap`` seconds apart made one, by their beginning."""
    made: list[Stretch] = []
    last: dict[str, int] = {}
    for each in sorted(spans, key=lambda span: span.start):
        place = last.get(each.kind)
        if place is not None and each.start - made[place].end <= gap:
            made[place] = replace(made[place], end=max(made[place].end, each.end))
        else:
            last[each.kind] = len(made)
            made.append(each)
    return made


def _thinned(spans: Iterable[Stretch], now: float, window: float | None) -> list[Stretch]:
    kept = [each for each in spans if window is None or each.end >= now - window]
    starts = [each.start for each in kept]
    return joined(kept, (max(starts, default=now) - min(starts, default=now)) / STEPS)


def _record(lane: Lane, event: Event) -> None:
    at = event.at
    match event.name:
        case "profile:selected":
            lane.mark(at, "call")
        case "profile:failure":
            lane.mark(at, "failure")
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


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _named(who: Sequence[str]) -> str:
    """Some of them by name, the others by their number."""
    named = [*who[:NAMED], f"{len(who) - NAMED} more"] if len(who) > NAMED else who
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
