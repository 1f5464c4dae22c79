"""What the engine tells people: the standing of each profile, and why a request goes where it goes."""

from __future__ import annotations

from dataclasses import dataclass, fields

from cbauth.core import breaker as breakers
from cbauth.core.health import Admission, State, circuit_of, running
from cbauth.failover.lineup import judge, mended
from cbauth.failover.member import Member
from cbauth.secrets import Blocked
from cbauth.stores import Store

__all__ = ["Candidate", "Status", "candidate", "status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One place in the order in which a request is tried.

    ``admitted`` or ``why`` not, and ``until`` when (epoch seconds; ``None`` when time alone does not help). ``sticky``:
    the session is bound to it. ``testing``: it would be a half-open trial.
    """

    profile_id: str
    provider_id: str
    model: str | None
    priority: int
    admitted: bool
    why: str = ""
    until: float | None = None
    sticky: bool = False
    testing: bool = False
    needs_login: bool = False
    enabled: bool = True

    def _repr_html_(self) -> str:
        from cbauth.display.listing import Candidates

        return Candidates((self,))._repr_html_()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A profile's health now. Times are epoch seconds, ``cooldown_remaining`` is seconds.

    ``healthy``: enabled, no cooldown runs, and the circuit is not open. ``failure_count`` is the breaker's.
    ``cooling`` names what rests: ``None`` for the whole profile, else a model. ``missing`` says why its credential
    cannot be had; such a profile may be healthy, but nobody is sent to it. ``why``: what it rests
    for until ``until``, or that its circuit is half-open.
    """

    profile_id: str
    provider_id: str
    healthy: bool
    enabled: bool
    circuit: str
    failure_count: int
    in_cooldown: bool
    cooldown_remaining: float
    until: float | None
    last_error: str | None
    last_kind: str | None
    credential_source: str
    token_expires_at: float | None
    cooling: tuple[str | None, ...] = ()
    missing: str | None = None
    why: str = ""

    def as_dict(self) -> dict[str, object]:
        """The record as plain JSON data."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def _repr_html_(self) -> str:
        from cbauth.display.listing import Statuses

        return Statuses((self,))._repr_html_()


def candidate(member: Member, model: str | None, store: Store, now: float, *, sticky: bool = False) -> Candidate:
    """Judge one member for one model."""
    answer = judge(member, model, store, now)
    missing = member.source.missing() if member.enabled else None
    why, until = answer.why, answer.until
    if not member.enabled:
        why, until = "disabled", None
    elif missing is not None:
        why, until = missing, None
    return Candidate(
        profile_id=member.profile_id,
        provider_id=member.provider_id,
        model=model,
        priority=member.priority,
        admitted=member.enabled and missing is None and answer.state is not State.REFUSED,
        why=why,
        until=until,
        sticky=sticky,
        testing=answer.state is State.TESTING,
        needs_login=missing is not None and member.kind == "oauth" and not isinstance(member.source, Blocked),
        enabled=member.enabled,
    )


def status(member: Member, store: Store, now: float) -> Status:
    """The health of one member."""
    own = mended(member.own_key, store.read(member.own_key), member, store, now)
    shared = mended(member.shared_key, store.read(member.shared_key), member, store, now)
    policy = member.policy.breaker
    judged = shared if policy.scope == "provider" else own
    rests = (*running(own, now), *running(shared, now))
    longest = max(rests, key=lambda rest: rest.until, default=None)
    cooled_until = None if longest is None else longest.until
    circuit = circuit_of(judged, now)
    is_open = circuit is breakers.Circuit.OPEN and policy.mode == "enforce"
    opens = judged.breaker.until if judged is not None and is_open else None
    until = max((t for t in (cooled_until, opens) if t is not None), default=None)
    why = "" if longest is None else Admission(State.REFUSED, until, longest).why
    if policy.mode == "enforce" and circuit is not breakers.Circuit.CLOSED and (longest is None or opens == until):
        why = f"circuit {circuit}"
    return Status(
        profile_id=member.profile_id,
        provider_id=member.provider_id,
        healthy=member.enabled and not rests and not is_open,
        enabled=member.enabled,
        circuit=str(circuit),
        failure_count=0 if judged is None else breakers.failure_count(judged.breaker, policy, now),
        in_cooldown=bool(rests),
        cooldown_remaining=0.0 if cooled_until is None else round(cooled_until - now, 6),
        until=until,
        last_error=None if own is None else own.last_error,
        last_kind=None if own is None else own.last_kind,
        credential_source=member.source.description,
        token_expires_at=getattr(member.source, "expires_at", None),
        cooling=tuple(dict.fromkeys(c.model for c in rests)),
        missing=member.source.missing(),
        why=why,
    )
