"""What goes wrong in the demo, and when. The providers are told to misbehave; nobody tells cbauth anything.

Each scene ends when what it is there to show has happened, so that a slow machine sees the same story, and after a
number of calls in any case, so that it always ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cbauth.cli.demo.client import Answered
from cbauth.cli.demo.provider import Provider
from cbauth.events import Event

__all__ = ["Call", "Scene", "scenes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: ``at`` in seconds since the beginning, how it went, and what cbauth told meanwhile."""

    number: int
    at: float
    session: str | None
    answered: Answered
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """``begin`` changes the world; ``over`` looks at the scene's calls so far; ``most`` bounds their number."""

    title: str
    begin: Callable[[], None]
    over: Callable[[Sequence[Call]], bool]
    most: int = 24


def scenes(acme: Provider, team_key: str, spare_key: str, *, limited_for: float) -> Iterator[Scene]:
    """The demo's scenes in order; ``limited_for`` is how long the rate limit lasts, in seconds."""

    def spend() -> None:
        acme.spend(spare_key)
        if acme.limited_for(team_key) < limited_for / 4:  # a slow machine: nobody would ask acme-spare any more
            acme.limit(team_key, limited_for)

    def overload() -> None:
        acme.overloaded = True

    def recover() -> None:
        acme.overloaded = False
        acme.go_up()

    yield Scene(title="Everybody is well.", begin=lambda: None, over=calls(4))
    yield Scene(
        title="The key of acme-team reaches its rate limit.",
        begin=lambda: acme.limit(team_key, limited_for),
        over=calls(4),
    )
    yield Scene(
        title="The account of acme-spare runs out of credit.",
        begin=spend,
        over=answered_by("acme-team", times=3),
    )
    yield Scene(title="acme is overloaded.", begin=overload, over=told("profile:failure"))
    yield Scene(
        title="acme is down: its socket is closed.",
        begin=acme.go_down,
        over=told("profile:circuit-half-open"),
    )
    yield Scene(title="acme is back.", begin=recover, over=answered_by("acme-team", times=5))


def calls(count: int) -> Callable[[Sequence[Call]], bool]:
    """Over after so many calls."""
    return lambda made: len(made) >= count


def answered_by(profile_id: str, *, times: int) -> Callable[[Sequence[Call]], bool]:
    """Over when a profile has answered so many times."""
    return lambda made: sum(call.answered.profile_id == profile_id for call in made) >= times


def told(name: str) -> Callable[[Sequence[Call]], bool]:
    """Over when an event of that name has happened."""
    return lambda made: any(event.name == name for call in made for event in call.events)
