"""A circuit breaker: closed, open, half-open.

Laws:

1. An open breaker admits nobody before ``until``.
2. Half-open admits at most ``half_open_permits`` trials at a time, whoever asks.
3. A permit is free again when it is returned, when its trial reports, or ``permit_timeout`` after it was taken.
4. Failures older than ``failure_decay`` do not count. At ``failure_threshold`` counted failures the breaker opens.
5. A success empties the count, and closes a half-open breaker, even when it comes late.
6. A failed trial opens the breaker again. Answers from before the last opening (an older ``generation``) are void.
7. Memory is bounded: up to 64 failures are remembered one by one, beyond that neighbours merge (none is remembered
   longer than 1/63 of ``failure_decay`` too long), and counts saturate at the threshold.
8. The state is a function of the record and the clock: nothing has to run for open to become half-open.

The state machine (rows: what happens; columns: the state it happens in)::

                  closed                          open                half-open
    failure       count; open at the threshold    void                open
    success       empty the count                 void                close
    admit         free                            refused until       permit, or refused until one returns
    time          failures decay                  half-open at until  permits time out

Sources: Nygard, "Release It!" (the pattern); sony/gobreaker (generations, allow and report as two steps).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

__all__ = [
    "BREAKER_KINDS",
    "CLOSED",
    "Breaker",
    "BreakerPolicy",
    "Circuit",
    "admit",
    "circuit",
    "clamp",
    "fail",
    "failure_count",
    "free_at",
    "release",
    "succeed",
    "trip",
]

BREAKER_KINDS = frozenset({"overloaded", "server", "timeout", "network", "unknown"})
"""Outcome kinds that speak of the provider's health and count in the breaker."""
REMEMBERED = 64


class Circuit(StrEnum):
    """The three states of a circuit breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When to open, for how long, and how to try again. Lengths in seconds.

    ``scope`` ``provider`` shares one breaker between all profiles of a provider. ``mode`` ``observe`` counts and emits
    events but admits everybody; ``off`` does not even count.
    """

    failure_threshold: int = 3
    failure_decay: float = 300.0
    open_for: float = 60.0
    half_open_permits: int = 1
    permit_timeout: float = 600.0
    scope: str = "profile"
    mode: str = "enforce"


class Failures(NamedTuple):
    """``times`` failures at ``at`` (epoch seconds)."""

    at: float
    times: int


class Permit(NamedTuple):
    """A trial under way: its holder's name and the time after which it is free again (epoch seconds)."""

    name: str
    deadline: float


class Breaker(NamedTuple):
    """What a breaker remembers.

    ``until`` is ``None`` while it is closed; ``generation`` counts its openings; ``tested`` is true once a trial of
    this generation has been admitted.
    """

    failures: tuple[Failures, ...] = ()
    since: float | None = None
    until: float | None = None
    generation: int = 0
    permits: tuple[Permit, ...] = ()
    tested: bool = False


CLOSED = Breaker()


def circuit(breaker: Breaker, now: float) -> Circuit:
    """The state at ``now``."""
    if breaker.until is None:
        return Circuit.CLOSED
    return Circuit.OPEN if now < breaker.until else Circuit.HALF_OPEN


def failure_count(breaker: Breaker, policy: BreakerPolicy, now: float) -> int:
    """The failures that count at ``now``."""
    oldest = now - policy.failure_decay
    return min(sum(f.times for f in breaker.failures if f.at > oldest), policy.failure_threshold)


def free_at(breaker: Breaker, policy: BreakerPolicy, now: float) -> float | None:
    """``None`` when a caller would be admitted at ``now``, else the epoch second at which one may be."""
    if breaker.until is None:
        return None
    if now < breaker.until:
        return breaker.until
    held = sorted(p.deadline for p in breaker.permits if now < p.deadline)
    return held[-policy.half_open_permits] if len(held) >= policy.half_open_permits else None


def admit(breaker: Breaker, policy: BreakerPolicy, now: float, name: str) -> Breaker | None:
    """Take a trial permit called ``name`` on a half-open breaker; ``None`` when refused. A closed one needs none."""
    if breaker.until is None:
        return breaker
    if free_at(breaker, policy, now) is not None:
        return None
    held = tuple(p for p in breaker.permits if now < p.deadline)
    return breaker._replace(permits=(*held, Permit(name, now + policy.permit_timeout)), tested=True)


def release(breaker: Breaker, name: str) -> Breaker:
    """Give back the permit called ``name``; nothing happens when it is gone."""
    kept = tuple(p for p in breaker.permits if p.name != name)
    return breaker if len(kept) == len(breaker.permits) else breaker._replace(permits=kept)


def fail(breaker: Breaker, policy: BreakerPolicy, now: float, generation: int | None = None) -> Breaker:
    """Count a failure seen at ``now`` by a caller admitted in ``generation`` (``None``: this one)."""
    if policy.mode == "off" or (generation is not None and generation != breaker.generation):
        return breaker
    if breaker.until is not None and now < breaker.until:
        return breaker
    oldest = now - policy.failure_decay
    failures = breaker.failures
    if failures and failures[0].at <= oldest:
        failures = tuple([f for f in failures if oldest < f.at])
    failures = _remember(failures, now, policy)
    if breaker.until is not None or sum([f.times for f in failures]) >= policy.failure_threshold:
        return trip(breaker._replace(failures=failures), policy, now)
    return Breaker(failures, None, None, breaker.generation)


def trip(breaker: Breaker, policy: BreakerPolicy, now: float) -> Breaker:
    """Open the breaker now, for ``open_for``. Permits and answers of before are void; the count stays to be shown."""
    return Breaker(breaker.failures, now, now + policy.open_for, breaker.generation + 1, ())


def succeed(breaker: Breaker, now: float, generation: int | None = None) -> Breaker:
    """Count a success: empties the count of a closed breaker and closes a half-open one."""
    if generation is not None and generation != breaker.generation:
        return breaker
    if breaker.until is None:
        return breaker._replace(failures=()) if breaker.failures else breaker
    return breaker if now < breaker.until else Breaker(generation=breaker.generation)


def clamp(breaker: Breaker, policy: BreakerPolicy, now: float) -> Breaker:
    """Undo clock skew: no opening, permit or failure reaches further into the future than the policy allows."""
    until, since = breaker.until, breaker.since
    if until is not None:
        if since is not None and now < since:
            since, until = now, now + (until - since)
        until = min(until, now + policy.open_for)
    longest = now + policy.permit_timeout
    permits = breaker.permits
    if any(p.deadline > longest for p in permits):
        permits = tuple(Permit(p.name, min(p.deadline, longest)) for p in permits)
    failures = breaker.failures
    if any(f.at > now for f in failures):
        failures = tuple(Failures(min(f.at, now), f.times) for f in failures)
    if (since, until, permits, failures) == (breaker.since, breaker.until, breaker.permits, breaker.failures):
        return breaker
    return breaker._replace(since=since, until=until, permits=permits, failures=failures)


def _remember(counted: tuple[Failures, ...], now: float, policy: BreakerPolicy) -> tuple[Failures, ...]:
    """Add one failure; beyond the bound, those of the same 1/63 of ``failure_decay`` become one at its latest time.

    The grid is fixed, so that a failure which merges again and again still moves by less than one cell.
    """
    failures = (*counted, Failures(now, 1))
    if len(failures) <= REMEMBERED:
        return failures
    width = policy.failure_decay / (REMEMBERED - 1) or 1.0
    cells: dict[float, Failures] = {}
    for at, times in failures:
        merged = cells.get(at // width, Failures(at, 0))
        cells[at // width] = Failures(max(at, merged.at), min(merged.times + times, policy.failure_threshold))
    return tuple(cells.values())[-REMEMBERED:]
