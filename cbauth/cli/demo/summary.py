"""What the demo showed, in numbers: counted from what happened, never from what was meant to happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from cbauth.cli.console import Paint
from cbauth.cli.demo.story import Call
from cbauth.cli.demo.timeline import span
from cbauth.core.cooldown import CooldownPolicy
from cbauth.events import Event
from cbauth.failover.records import Status
from cbauth.toolkit import Toolkit

__all__ = ["NEXT", "lost", "summary"]

NEXT = (
    ("cbauth demo --show-config > profiles.yaml", "a file to start from"),
    ("cbauth validate profiles.yaml", "every mistake in it at once, with line and column"),
    ("cbauth explain chat --config profiles.yaml", "who would be asked, and why not the others"),
)


def lost(calls: Sequence[Call]) -> int:
    """How many calls nobody answered."""
    return sum(call.answered.profile_id is None for call in calls)


def summary(calls: Sequence[Call], toolkit: Toolkit, now: float, paint: Paint) -> Iterator[str]:
    """The lines of the summary. ``now`` is epoch seconds."""
    missed = lost(calls)
    requests = sum(call.answered.tries for call in calls)
    verdict = f"{len(calls)} calls, {len(calls) - missed} answered, {missed} lost"
    yield paint("error" if missed else "good", verdict) + f" (it took {requests} requests)"
    yield ""
    yield from _profiles(calls, toolkit.status(), now, paint)
    yield ""
    yield paint("strong", "What the policy did")
    yield from (f"  {line}" for line in _policy(calls, toolkit.plan.policy.cooldown))
    yield ""
    yield paint("strong", "What next")
    width = max(len(command) for command, _ in NEXT)
    yield from (f"  {command:<{width}}  {purpose}" for command, purpose in NEXT)


def _profiles(calls: Sequence[Call], health: Sequence[Status], now: float, paint: Paint) -> Iterator[str]:
    answered = Counter(call.answered.profile_id for call in calls)
    failed = Counter(name for call in calls for name in call.answered.failed)
    yield paint("strong", f"  {'profile':<10}  {'answered':>8}  {'failed':>6}  now")
    for record in health:
        name = record.profile_id
        yield f"  {name:<10}  {answered[name]:8d}  {failed[name]:6d}  {_standing(record, now)}"


def _standing(record: Status, now: float) -> str:
    if record.healthy:
        return "ready"
    cause = f"resting after {record.last_kind}" if record.in_cooldown else f"circuit {record.circuit}"
    return cause if record.until is None else f"{cause}, {span(round(record.until - now))} to go"


def _policy(calls: Sequence[Call], policy: CooldownPolicy) -> Iterator[str]:
    events = [event for call in calls for event in call.events]
    bases = {"rate_limit": policy.rate_limit.base, "billing": policy.billing.base, "auth": policy.auth.base}
    for event in _named(events, "profile:cooldown"):
        base, kind = bases.get(event.kind or "", 0.0), event.kind
        hinted = event.cooldown is not None and event.cooldown < base
        why = f"as its provider asked, instead of {span(base)}" if hinted else f"as `{kind}` says"
        yield f"{event.profile_id} rested {span(event.cooldown)} after {kind}, {why}"
    opened = Counter(event.profile_id for event in _named(events, "profile:circuit-opened"))
    trials = Counter(event.profile_id for event in _named(events, "profile:circuit-half-open"))
    closed = Counter(event.profile_id for event in _named(events, "profile:circuit-closed"))
    for name in opened:
        tried, ended = _times(trials[name]), _times(closed[name])
        yield f"{name} failed on: its circuit opened {_times(opened[name])}, was tried {tried}, closed {ended}"
    stayed = Counter(call.session for call in calls if call.answered.reason == "sticky")
    for session, times in stayed.items():
        yield f"{session} stayed {_times(times)} with whoever had answered it before"


def _named(events: Sequence[Event], name: str) -> Iterator[Event]:
    return (event for event in events if event.name == name)


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
