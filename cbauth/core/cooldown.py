"""Cooldowns: how long a credential rests after a refusal that is about it, not about the provider's health.

Laws:

1. A running cooldown is never shortened, whatever fails meanwhile; it may be lengthened.
2. Billing failures climb their own ladder; all others share one. Each (lane, model) pair counts apart.
3. A provider's hint replaces the ladder's step, is honoured up to ``retry_after_cap``, and is never jittered. A hint
   that is not a positive length is no hint.
4. The end of a cooldown keeps the count. A success clears it, and so does quiet: longer than the ladder's cap without
   a failure, counted from the end of the cooldown.
5. A failure of a caller admitted before the running cooldown began belongs to the same incident: it may lengthen the
   cooldown (a longer hint), but climbs no step.
6. Counts saturate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from cbauth.core.backoff import Backoff
from cbauth.core.breaker import BREAKER_KINDS

__all__ = [
    "ADAPTIVE",
    "BILLING",
    "CLASSIC",
    "FAILURE",
    "MISSING",
    "MODEL_REST",
    "PRESETS",
    "TRANSIENT",
    "Cooldown",
    "CooldownPolicy",
    "Ladder",
    "clamp",
    "cool",
    "covers",
    "rest",
]

FAILURE = "failure"
BILLING = "billing"
MISSING = "missing"
TRANSIENT = "transient"
"""A failure reported without a kind: it cools down and says nothing about the provider."""
MOST = 1_000_000
MODEL_REST = 3600.0
"""Seconds a (profile, model) pair rests after ``model_not_found``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder(Backoff):
    """A backoff with the scope of what rests: ``model`` (this profile and model), ``profile`` or ``provider``."""

    scope: str = "profile"


LADDERS = ("rate_limit", "billing", "auth", "transient")
"""The ladders of a policy, by the keys of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CooldownPolicy:
    """One ladder per kind of refusal. Lengths in seconds.

    ``cools_breaker_kinds``: whether ``overloaded``, ``server``, ``timeout`` and ``network`` cool the credential down
    too (on the ``transient`` ladder), as the classic preset does.
    """

    preset: str
    rate_limit: Ladder
    billing: Ladder
    auth: Ladder
    transient: Ladder
    retry_after_cap: float = 600.0
    cools_breaker_kinds: bool = False
    rules: Mapping[str, tuple[str, Ladder]] = field(init=False, repr=False, compare=False)
    """The lane and ladder of each failure kind that cools anything down."""

    def __post_init__(self) -> None:
        rules = {
            "billing": (BILLING, self.billing),
            "rate_limit": (FAILURE, self.rate_limit),
            "auth": (FAILURE, self.auth),
            TRANSIENT: (FAILURE, self.transient),
        }
        if self.cools_breaker_kinds:
            rules |= dict.fromkeys(BREAKER_KINDS, (FAILURE, self.transient))
        object.__setattr__(self, "rules", rules)


ADAPTIVE = CooldownPolicy(
    preset="adaptive",
    rate_limit=Ladder(base=30.0, factor=2.0, cap=300.0, jitter=0.1, scope="model"),
    billing=Ladder(base=600.0, factor=2.0, cap=86400.0),
    auth=Ladder(base=300.0, factor=2.0, cap=3600.0),
    transient=Ladder(base=60.0, factor=5.0, cap=3600.0),
)
_CLASSIC = Ladder(base=60.0, factor=5.0, cap=3600.0)
CLASSIC = CooldownPolicy(
    preset="classic",
    rate_limit=_CLASSIC,
    billing=Ladder(base=18000.0, factor=2.0, cap=86400.0),
    auth=_CLASSIC,
    transient=_CLASSIC,
    cools_breaker_kinds=True,
)
PRESETS = MappingProxyType({"adaptive": ADAPTIVE, "classic": CLASSIC})


class Cooldown(NamedTuple):
    """One rest, running or over. Times are epoch seconds; ``model`` is ``None`` when the whole profile rests.

    ``step`` is how far up the ladder it stands, counted from 1; ``quiet`` is how many seconds after ``until`` that is
    forgotten.
    """

    lane: str
    model: str | None
    kind: str
    step: int
    since: float
    until: float
    quiet: float


_made = tuple.__new__  # calling a named tuple's class takes twice as long


def cool(
    previous: Cooldown | None,
    ladder: Ladder,
    *,
    lane: str,
    model: str | None,
    kind: str,
    now: float,
    dice: float,
    hint: float | None = None,
    hint_cap: float = 600.0,
    admitted_at: float | None = None,
) -> Cooldown:
    """The cooldown after one more failure at ``now``.

    ``hint`` is the provider's own Retry-After in seconds; ``admitted_at`` is when the failing caller was admitted
    (``None``: an explicit report, which always climbs a step).
    """
    hinted = min(hint, hint_cap) if hint is not None and hint > 0 else None
    if previous is None or now > previous.until + previous.quiet:
        until = now + (ladder.jittered(1, dice) if hinted is None else hinted)
        return _made(Cooldown, (lane, model, kind, 1, now, until, ladder.cap))
    if admitted_at is not None and now < previous.until and admitted_at <= previous.since:  # the same incident
        until = previous.until if hinted is None else max(previous.until, now + hinted)
        return previous if until == previous.until else previous._replace(until=until)
    step = previous.step + 1 if previous.step < MOST else MOST
    since, until = now, now + (ladder.jittered(step, dice) if hinted is None else hinted)
    if until < previous.until:
        # A deadline set by a clock that ran ahead keeps the beginning that gives it away, so that clamp can mend it.
        since, until = max(now, previous.since), previous.until
    return _made(Cooldown, (lane, model, kind, step, since, until, ladder.cap))


def rest(previous: Cooldown | None, *, model: str, now: float) -> Cooldown:
    """The fixed rest of a pair whose provider said that it does not know the model."""
    step = min((previous.step if previous is not None else 0) + 1, MOST)
    return Cooldown(MISSING, model, "model_not_found", step, now, now + MODEL_REST, 0.0)


def covers(cooldown: Cooldown, model: str | None) -> bool:
    """Whether a request for ``model`` is held up while ``cooldown`` runs (``None``: a request that names no model).

    A model the provider does not know says nothing about requests that name none; every other rest does.
    """
    return cooldown.model is None or cooldown.model == model or (model is None and cooldown.lane != MISSING)


def clamp(cooldown: Cooldown, now: float) -> Cooldown:
    """Undo a clock that was set back: the rest lasts no longer from now than it was meant to last."""
    if cooldown.since <= now:
        return cooldown
    return cooldown._replace(since=now, until=now + max(cooldown.until - cooldown.since, 0.0))
