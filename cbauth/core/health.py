"""What has happened to a profile, and what follows from it.

Laws:

1. Admission is a function of two records (the profile's own and its provider's), the policy, the model and the clock.
2. Breaker and cooldown both gate; the later of their deadlines counts.
3. An outcome changes only what its kind and scope name; ``bad_request`` and ``cancelled`` change nothing.
4. A success clears the counts it speaks for: the breaker, the profile's cooldowns, and those of its model. It does not
   end a cooldown that began after its caller was admitted.
5. Every transition is pure, so that a store may run it again on a fresher record.
6. A record is small, bounded, and survives a round trip through JSON.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import NamedTuple

from cbauth.core import breaker as breakers
from cbauth.core import cooldown as cooldowns
from cbauth.core.breaker import BREAKER_KINDS, CLOSED, Breaker, BreakerPolicy, Circuit
from cbauth.core.cooldown import MISSING, TRANSIENT, Cooldown, CooldownPolicy

__all__ = [
    "BLANK",
    "BREAKER_KINDS",
    "FREE",
    "HARMLESS",
    "TRANSIENT",
    "Admission",
    "Binding",
    "Failure",
    "Health",
    "Record",
    "State",
    "admission",
    "circuit_of",
    "clamped",
    "digest",
    "failed",
    "reaches_provider",
    "recovered",
    "running",
    "signed_in",
    "skewed",
    "succeeded",
]

HARMLESS = frozenset({"bad_request", "cancelled"})
"""Outcome kinds that speak of the request and touch nobody's health."""
MOST_MODELS = 64
"""A profile remembers cooldowns of at most this many (lane, model) pairs; the model that ends first makes room."""
LONGEST_ERROR = 500
"""Characters of an error's text that a record keeps."""


class Health(NamedTuple):
    """The record of one profile or of one provider. ``last_at`` is epoch seconds; ``last_error`` is redacted text."""

    breaker: Breaker = CLOSED
    cooldowns: tuple[Cooldown, ...] = ()
    last_error: str | None = None
    last_kind: str | None = None
    last_at: float | None = None


BLANK = Health()


class Binding(NamedTuple):
    """A session's profile, and until when (epoch seconds) it is bound."""

    profile_id: str
    until: float


Record = Health | Binding


class State(StrEnum):
    """The answer to "may a caller use it now?"."""

    FREE = "free"
    TESTING = "testing"
    REFUSED = "refused"


class Admission(NamedTuple):
    """Whether a caller may go ahead: freely, as a half-open trial, or not before ``until`` (epoch seconds).

    ``cause`` is what refuses: a cooldown, or the circuit's state.
    """

    state: State
    until: float | None = None
    cause: Cooldown | Circuit | None = None

    @property
    def why(self) -> str:
        """The refusal in words; empty when there is none."""
        cause = self.cause
        if cause is None:
            return ""
        if isinstance(cause, Circuit):
            return "circuit open" if cause is Circuit.OPEN else "circuit half-open, its trial is under way"
        if cause.lane == MISSING:
            return f"does not know {cause.model}"
        what = "failure" if cause.kind == TRANSIENT else cause.kind
        return f"cooling down after {what}" + (f" on {cause.model}" if cause.model is not None else "")


_made = tuple.__new__  # calling a named tuple's class takes twice as long
FREE = Admission(State.FREE)
_TESTING = Admission(State.TESTING)
_REFUSED = State.REFUSED  # looking up a member of an enumeration costs more than all else there


def admission(
    own: Health | None, shared: Health | None, policy: BreakerPolicy, model: str | None, now: float
) -> Admission:
    """Whether a request for ``model`` (``None``: no model named) may use the profile at ``now``."""
    if own is None and shared is None:
        return FREE
    cause: Cooldown | Circuit | None = None
    until = now
    for record in (own, shared):
        if record is not None:
            for cooldown in record.cooldowns:
                if cooldown.until > until and cooldowns.covers(cooldown, model):
                    cause, until = cooldown, cooldown.until
    judged = shared if policy.scope == "provider" else own
    if judged is not None and judged.breaker.until is not None and policy.mode == "enforce":
        busy = breakers.free_at(judged.breaker, policy, now)
        if busy is None and cause is None:
            return _TESTING
        if busy is not None and busy > until:
            cause, until = breakers.circuit(judged.breaker, now), busy
    return FREE if cause is None else _made(Admission, (_REFUSED, until, cause))


class Failure(NamedTuple):
    """A failure on its way into the records. ``hint`` is the provider's Retry-After in seconds.

    ``admitted_at`` and ``generation`` say what the failing caller knew (``None``: an explicit report, always counted).
    ``scope`` overrides the ladder's own. ``cools`` is false for a report that must start no cooldown.
    """

    kind: str
    now: float
    message: str = ""
    model: str | None = None
    hint: float | None = None
    scope: str | None = None
    dice: float = 0.0
    admitted_at: float | None = None
    generation: int | None = None
    permit: str | None = None
    cools: bool = True


def failed(
    health: Health | None, failure: Failure, breaker: BreakerPolicy, cooldown: CooldownPolicy, *, shared: bool = False
) -> Health:
    """The record after ``failure``. ``shared`` says that this is the provider's record, not the profile's own."""
    kind, now, message, model, hint, scope, dice, admitted_at, generation, permit, cools = failure
    before = health if health is not None else BLANK
    circuit = before.breaker
    if (breaker.scope == "provider") is shared:
        if kind in BREAKER_KINDS:
            circuit = breakers.fail(circuit, breaker, now, generation)
        if permit is not None:
            circuit = breakers.release(circuit, permit)
    if kind in HARMLESS:
        return before if circuit is before.breaker else before._replace(breaker=circuit)
    rests = before.cooldowns
    if kind == "model_not_found":
        if model is not None and not shared:
            previous = _find(rests, MISSING, model)
            rests = _put(rests, previous, cooldowns.rest(previous, model=model, now=now))
    elif cools and (rule := cooldown.rules.get(kind)):
        lane, ladder = rule
        scope = scope or ladder.scope
        if (scope == "provider") is shared:
            resting = model if scope == "model" else None
            previous = _find(rests, lane, resting)
            rest = cooldowns.cool(
                previous,
                ladder,
                lane=lane,
                model=resting,
                kind=kind,
                now=now,
                dice=dice,
                hint=hint,
                hint_cap=cooldown.retry_after_cap,
                admitted_at=admitted_at,
            )
            rests = _put(rests, previous, rest)
    if shared:
        if circuit is before.breaker and rests is before.cooldowns:
            return before
        return Health(circuit, rests, before.last_error, before.last_kind, before.last_at)
    shown = "unknown" if kind == TRANSIENT else kind
    return _made(Health, (circuit, rests, message[:LONGEST_ERROR] or None, shown, now))


def reaches_provider(kind: str, scope: str | None, breaker: BreakerPolicy, cooldown: CooldownPolicy) -> bool:
    """Whether such a failure changes the provider's record as well."""
    if breaker.scope == "provider" and breaker.mode != "off":
        return True
    rule = cooldown.rules.get(kind)
    return rule is not None and (scope or rule[1].scope) == "provider"


def succeeded(
    health: Health | None,
    now: float,
    *,
    model: str | None = None,
    admitted_at: float | None = None,
    generation: int | None = None,
    permit: str | None = None,
) -> Health | None:
    """The record after a success for ``model``; the very same object when nothing changes.

    ``admitted_at`` ``None`` is an explicit report: it ends running cooldowns, too.
    """
    if health is None:
        return None
    circuit = breakers.succeed(health.breaker, now, generation)
    if permit is not None:
        circuit = breakers.release(circuit, permit)
    kept = tuple(
        c
        for c in health.cooldowns
        if (model is not None and c.model is not None and c.model != model)
        or (admitted_at is not None and now < c.until and admitted_at <= c.since)
    )
    if circuit == health.breaker and len(kept) == len(health.cooldowns):
        return health
    return health._replace(breaker=circuit, cooldowns=kept)


def recovered(health: Health | None, now: float) -> Health | None:
    """The record with every running cooldown ended now; the counts stay, so that the next failure climbs on."""
    if health is None or not any(now < c.until for c in health.cooldowns):
        return health
    return health._replace(cooldowns=tuple(c._replace(until=min(c.until, now)) for c in health.cooldowns))


def signed_in(health: Health | None) -> Health | None:
    """The record without the rests that a refused credential has earned: there is another credential now."""
    if health is None or not any(c.kind == "auth" for c in health.cooldowns):
        return health
    return health._replace(cooldowns=tuple(c for c in health.cooldowns if c.kind != "auth"))


def running(health: Health | None, now: float) -> tuple[Cooldown, ...]:
    """The cooldowns that run at ``now``, without the rests of single models that a provider does not know."""
    if health is None:
        return ()
    return tuple(c for c in health.cooldowns if now < c.until and c.lane != MISSING)


def skewed(health: Health, policy: BreakerPolicy, latest: float) -> bool:
    """Whether something in the record lies further ahead than ``latest`` (epoch seconds) and the policy allow."""
    for cooldown in health.cooldowns:
        if cooldown.since > latest:
            return True
    breaker = health.breaker
    if breaker.since is not None and breaker.since > latest:
        return True
    for failure in breaker.failures:
        if failure.at > latest:
            return True
    return bool(breaker.permits) and max(p.deadline for p in breaker.permits) > latest + policy.permit_timeout


def clamped(health: Health, policy: BreakerPolicy, now: float) -> Health:
    """The record with deadlines that only clock skew can explain brought back into what the policy allows."""
    circuit = breakers.clamp(health.breaker, policy, now)
    rests = tuple(cooldowns.clamp(c, now) for c in health.cooldowns)
    if circuit is health.breaker and rests == health.cooldowns:
        return health
    return health._replace(breaker=circuit, cooldowns=rests)


def circuit_of(health: Health | None, now: float) -> Circuit:
    """The breaker's state at ``now``."""
    return Circuit.CLOSED if health is None else breakers.circuit(health.breaker, now)


def _find(rests: tuple[Cooldown, ...], lane: str, model: str | None) -> Cooldown | None:
    for rest in rests:
        if rest.lane == lane and rest.model == model:
            return rest
    return None


def _put(rests: tuple[Cooldown, ...], previous: Cooldown | None, new: Cooldown) -> tuple[Cooldown, ...]:
    """``rests`` with ``new`` at the end, instead of the ``previous`` one of its lane and model."""
    if len(rests) == (0 if previous is None else 1):
        return (new,)
    kept = [r for r in rests if r.lane != new.lane or r.model != new.model]
    if len(kept) >= MOST_MODELS:
        kept.remove(min(kept, key=lambda r: (r.model is None, r.until)))
    return (*kept, new)


def digest(*parts: str | None) -> str:
    """A short stable name for a tuple of words. Never given a secret: the name is stored in the clear."""
    joined = "\0".join("" if part is None else part for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:24]
