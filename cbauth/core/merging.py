"""Two histories of one record, made one: what a store does after it was cut off from the others.

Laws:

1. No opening, permit or binding ends earlier in the whole than in either part, and no rest that the whole has room for.
2. Failures that both parts know count once; those that only one knows count as well. Beyond the bound, the latest do.
3. The order of the parts does not matter, and merging again changes nothing.
4. A merged record is as bounded as any other.
"""

from __future__ import annotations

from collections.abc import Iterable

from cbauth.core.breaker import REMEMBERED, Breaker, Failures, Permit
from cbauth.core.cooldown import Cooldown
from cbauth.core.health import MOST_MODELS, Binding, Health, Record

__all__ = ["merged"]


def merged(one: Record, other: Record) -> Record:
    """The record of everything that either part knows."""
    if one == other:
        return one
    if isinstance(one, Health) and isinstance(other, Health):
        said = max(one, other, key=_said)
        return Health(
            _breakers(one.breaker, other.breaker),
            _cooldowns((*one.cooldowns, *other.cooldowns)),
            said.last_error,
            said.last_kind,
            said.last_at,
        )
    if isinstance(one, Binding) and isinstance(other, Binding):
        return max(one, other, key=lambda b: (b.until, b.profile_id))
    return one if isinstance(one, Health) else other


def _said(health: Health) -> tuple[bool, float, str, str]:
    """What decides whose last error is told: the later one, and never nothing."""
    return health.last_at is not None, health.last_at or 0.0, health.last_kind or "", health.last_error or ""


def _breakers(one: Breaker, other: Breaker) -> Breaker:
    """Open for as long as either is: what closed it may have been known to one part only."""
    longer = max(one, other, key=_end)
    deadlines: dict[str, float] = {}
    for name, deadline in (*one.permits, *other.permits):
        deadlines[name] = max(deadline, deadlines.get(name, deadline))
    return Breaker(
        _failures(one.failures, other.failures),
        longer.since,
        longer.until,
        max(one.generation, other.generation),
        tuple(sorted(map(Permit._make, deadlines.items()), key=lambda p: (p.deadline, p.name))),
        one.tested or other.tested,
    )


def _end(breaker: Breaker) -> tuple[bool, float, bool, float]:
    """What decides whose opening counts: the one that ends later."""
    return breaker.until is not None, breaker.until or 0.0, breaker.since is not None, breaker.since or 0.0


def _failures(one: Iterable[Failures], other: Iterable[Failures]) -> tuple[Failures, ...]:
    """All of them by time; beyond the bound, the latest."""
    times: dict[float, int] = {}
    for failure in (*one, *other):
        times[failure.at] = max(failure.times, times.get(failure.at, 0))
    return tuple(Failures(at, times[at]) for at in sorted(times)[-REMEMBERED:])


def _cooldowns(rests: Iterable[Cooldown]) -> tuple[Cooldown, ...]:
    """The longest of each lane and model, as far up its ladder as either stood."""
    longest: dict[tuple[str, str | None], Cooldown] = {}
    for rest in rests:
        known = longest.get((rest.lane, rest.model), rest)
        longer = max(known, rest, key=lambda c: (c.until, c.since, c.kind))
        longest[rest.lane, rest.model] = longer._replace(
            step=max(known.step, rest.step), quiet=max(known.quiet, rest.quiet)
        )
    kept = sorted(longest.values(), key=lambda c: (c.model is None, c.until))[-MOST_MODELS:]
    return tuple(sorted(kept, key=lambda c: (c.lane, c.model or "")))
