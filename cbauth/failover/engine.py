"""The engine: chooses, admits, records, and says what happened. Every door of cbauth goes through it.

It keeps no truth of its own: health lives in the store, decisions in ``core``; what stands here is an index that makes
the healthy path cheap (``lineup``) and the publishing of events after each commit.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from cbauth.core import breaker as breakers
from cbauth.core.health import (
    HARMLESS,
    TRANSIENT,
    Failure,
    Health,
    Record,
    State,
    failed,
    reaches_provider,
    recovered,
    running,
    signed_in,
    succeeded,
)
from cbauth.events import Event, EventBus, Handler
from cbauth.failover import permits
from cbauth.failover.arrangement import Arrangement
from cbauth.failover.elsewhere import Elsewhere
from cbauth.failover.happenings import Recoveries, differences, happening
from cbauth.failover.lineup import STALE, Choice, judge
from cbauth.failover.member import Member
from cbauth.failover.records import Candidate, Status, candidate, status
from cbauth.failover.sessions import Sessions
from cbauth.forks import Rank, guard
from cbauth.outcomes import Rule
from cbauth.plan import DEFAULT_POLICY, Policy
from cbauth.stores import Store

__all__ = ["Engine"]


class Engine(Arrangement):
    """Members, a policy, a store, a clock and dice."""

    def __init__(
        self,
        members: Iterable[Member] = (),
        *,
        store: Store,
        policy: Policy = DEFAULT_POLICY,
        clock: Callable[[], float] = time.time,
        rng: Random | None = None,
        bus: EventBus | None = None,
        routes: Mapping[str, Sequence[str]] | None = None,
        rules: Sequence[Rule] = (),
        namespace: str = "",
    ) -> None:
        super().__init__()
        self.store = store
        self.clock = store.clock if clock is time.time else clock
        self.rng = rng if rng is not None else Random()
        self.bus = bus if bus is not None else EventBus()
        self.namespace = namespace
        self.trials: weakref.WeakSet[Any] = weakref.WeakSet()
        self.abandoned: deque[tuple[Member, str]] = deque()
        self.held = permits.Held()
        self._recoveries = Recoveries()
        self._elsewhere = Elsewhere(store, self._recoveries)
        self.sessions = Sessions(self)
        guard(self, Rank.ENGINE)
        self.arrange(members, policy=policy, routes=routes or {}, rules=rules)

    def now(self) -> float:
        """The time, after a glance at what other processes have written."""
        _ = self.store.generation  # reading it is the glance
        now = self.clock()
        if self.abandoned or self._elsewhere.changes:
            self._catch_up(now)
        return now

    def _welcome(self, members: Sequence[Member]) -> None:
        """Watch the health of a new set of members."""
        self._elsewhere.arrange(members)
        self._watch(members, self.clock())

    # choosing

    def lead(self, model: str | None, now: float) -> Choice | None:
        """Who is to be asked now; ``None`` when nobody is admitted. Takes no lock while everybody is well."""
        lineup = self._lineups.get(model)
        if lineup is not None and not self.abandoned:
            standing, generation = lineup.standing, self.store.generation
            if standing.generation == generation and standing.holds(now):
                choices = standing.choices
                return choices[0] if len(choices) == 1 else choices[next(lineup.counter) % len(choices)]
        return self.choose(model, now)

    def look_again(self) -> None:
        """Work out anew who leads: somebody's credential is gone, which no record tells."""
        with self._lock:
            for lineup in self._lineups.values():
                lineup.standing = STALE

    def choose(self, model: str | None, now: float, exclude: Collection[str] = ()) -> Choice | None:
        """Who is to be asked now among those not in ``exclude`` (profile ids); may take a half-open permit."""
        if self.abandoned or self._elsewhere.changes:
            self._catch_up(now)
        events: list[Event] = []
        try:
            with self._lock:
                lineup = self._lineups.get(model) or self.lineup(model)
                lineup.catch_up(self.store, now)
                if self._recoveries.next_at <= now:
                    events += self._recovered(now)
                if not exclude and lineup.strategy != "random":
                    choices = lineup.stand(self.store, now).choices
                    if choices:
                        return choices[0] if len(choices) == 1 else choices[next(lineup.counter) % len(choices)]
                for passed, position in enumerate(lineup.order(self.rng)):
                    member = lineup.members[position]
                    if member.profile_id in exclude or member.source.missing() is not None:
                        continue
                    preferred = lineup.strategy != "priority" or passed == position
                    if position not in lineup.roster.testing:
                        return lineup.choice(position, self.store, preferred=preferred)
                    permit = self.take_permit(member, now, events)
                    if permit is not None:
                        return lineup.choice(position, self.store, preferred=preferred)._replace(permit=permit)
            return None
        finally:
            if events:
                self.bus.publish(events)

    def take(self, member: Member, model: str | None, now: float) -> Choice | None:
        """This very member, if it is admitted now."""
        if not member.enabled or member.source.missing() is not None:
            return None
        answer = judge(member, model, self.store, now)
        if answer.state is State.REFUSED:
            return None
        events: list[Event] = []
        permit = None
        if answer.state is State.TESTING:
            permit = self.take_permit(member, now, events)
            self.bus.publish(events)
            if permit is None:
                return None
        record = self._health(member.breaker_key)
        return Choice(member, record.breaker.generation if record is not None else 0, True, permit)

    def take_permit(self, member: Member, now: float, events: list[Event]) -> str | None:
        """One half-open trial for ``member``: the permit's name, or ``None`` when all are taken."""
        permit, is_first = permits.take(self.store, member, now)
        if is_first:
            events.append(happening("profile:circuit-half-open", member, now))
        return permit

    def release(self, member: Member, permit: str) -> None:
        """Give a permit back unused."""
        permits.release(self.store, member, permit)

    def _catch_up(self, now: float) -> None:
        """Give back what was abandoned, and tell of what others have done."""
        while self.abandoned:
            try:
                member, permit = self.abandoned.popleft()
            except IndexError:  # another thread was faster
                break
            self.release(member, permit)
        self.bus.publish(self._elsewhere.events(now))

    # recording

    def fail(
        self,
        member: Member,
        kind: str,
        *,
        message: str = "",
        model: str | None = None,
        hint: float | None = None,
        scope: str | None = None,
        admitted_at: float | None = None,
        generation: int | None = None,
        permit: str | None = None,
        cools: bool = True,
        name: str = "profile:failure",
    ) -> None:
        """Record a failure and publish what follows from it. ``bad_request`` and ``cancelled`` only free the permit."""
        if kind in HARMLESS:
            if permit is not None:
                self.release(member, permit)
            return
        now = self.clock()
        policy = member.policy
        facts = kind, now, message, model, hint, scope, self.rng.random(), admitted_at, generation, permit, cools
        failure = tuple.__new__(Failure, facts)
        breaker, cooldown = policy.breaker, policy.cooldown

        def transition(record: Record | None, shared: bool = False) -> tuple[Health, tuple[Health | None, Health]]:
            before = record if isinstance(record, Health) else None
            after = failed(before, failure, breaker, cooldown, shared=shared)
            return after, (before, after)

        changes = [self.store.update(member.own_key, transition)]
        if reaches_provider(kind, scope, breaker, cooldown):
            changes.append(self.store.update(member.shared_key, partial(transition, shared=True)))
        if not self.bus.listening:  # then nobody waits for a recovery either, and ``on`` catches up
            return
        shown = "unknown" if kind == TRANSIENT else kind
        events = [happening(name, member, now, model=model, kind=shown, error=message or None)]
        for before, after in changes:
            self._recoveries.watch(member.profile_id, after, now)
            events += differences(member, before, after, now)
        self.bus.publish(events)

    def succeed(
        self,
        member: Member,
        *,
        model: str | None = None,
        admitted_at: float | None = None,
        generation: int | None = None,
        permit: str | None = None,
    ) -> None:
        """Record a success. Writes nothing when there is nothing to reset, which is how healthy calls stay free."""
        if self.store.read(member.own_key) is None and self.store.read(member.shared_key) is None:
            return
        now = self.clock()

        def after(record: Health | None) -> Health | None:
            return succeeded(record, now, model=model, admitted_at=admitted_at, generation=generation, permit=permit)

        self._change(member, after, now)

    def trip(self, member: Member) -> None:
        """Open the member's circuit now, whatever was counted."""
        now = self.clock()

        def after(record: Health | None) -> Health:
            before = record if record is not None else Health()
            return before._replace(breaker=breakers.trip(before.breaker, member.policy.breaker, now))

        self._change(member, after, now, keys=(member.breaker_key,))

    def recover(self, member: Member) -> None:
        """End the member's cooldowns now; counts stay, so that the next failure climbs on."""
        self.store.refresh()
        now = self.clock()
        self._change(member, lambda record: recovered(record, now), now)

    def welcome(self, member: Member) -> None:
        """Somebody has logged in anew: what the credential before has earned counts no more."""
        self.store.refresh()
        self._change(member, signed_in, self.clock(), keys=(member.own_key,))

    def reset(self, members: Iterable[Member]) -> None:
        """Forget the members' failures: no cooldown, a closed circuit. Session bindings stay."""
        self.store.refresh()
        for member in members:
            self._change(member, lambda record: None, self.clock())

    def forget(self, member: Member) -> None:
        """Forget the member's own record; what is known of its provider stays with its siblings."""
        self.store.refresh()
        self._change(member, lambda record: None, self.clock(), keys=(member.own_key,))

    def _change(
        self,
        member: Member,
        after: Callable[[Health | None], Health | None],
        now: float,
        keys: Iterable[str] | None = None,
    ) -> None:
        """Apply a pure change to the member's records, where it changes anything, and publish what follows."""
        events: list[Event] = []
        for key in keys if keys is not None else (member.own_key, member.shared_key):
            seen = self._health(key)
            if after(seen) is not seen:
                events += differences(member, *self._apply(key, after), now)
        events += self._recovered(now, member.profile_id)
        self.bus.publish(events)

    def _apply(self, key: str, after: Callable[[Health | None], Health | None]) -> tuple[Health | None, Health | None]:
        """Change one record; gives it as it was and as it is."""

        def transition(record: Record | None) -> tuple[Record | None, tuple[Health | None, Health | None]]:
            before = record if isinstance(record, Health) else None
            changed = after(before)
            return changed, (before, changed)

        return self.store.update(key, transition)

    # telling

    def explain(self, request: str | None, session: str | None = None) -> tuple[Candidate, ...]:
        """Everybody who serves ``request``, in the order in which they are preferred now, and why not.

        A bound session's profile comes first while it is admitted; a wheel that turns shows its next turn.
        """
        now = self.now()
        bound = self.sessions.bound(session, request, now) if session is not None else None
        out: list[Candidate] = []
        for model in self.models_of(request):
            with self._lock:
                lineup = self.lineup(model)
                lineup.catch_up(self.store, now)
                ahead = {} if lineup.strategy == "priority" else dict.fromkeys(lineup.preview())
                serving = [m for m in self.members if m.serves(model)]
            order = dict.fromkeys((*(lineup.members[p] for p in ahead), *serving))
            out += [candidate(m, model, self.store, now, sticky=m.profile_id == bound) for m in order]
        return tuple(sorted(out, key=lambda c: not (c.sticky and c.admitted)))

    def status(self) -> tuple[Status, ...]:
        """The health of every member, in rank order."""
        now = self.now()
        self.bus.publish(self._recovered(now))
        return tuple(status(member, self.store, now) for member in self.members)

    def status_of(self, member: Member) -> Status:
        """The health of one member."""
        now = self.now()
        self.bus.publish(self._recovered(now))
        return status(member, self.store, now)

    def admitted(self, model: str | None) -> list[Member]:
        """Everybody who may be asked for ``model`` now, in rank order. Takes no permit."""
        now = self.now()
        self.bus.publish(self._recovered(now))
        return [m for m in self.members if m.serves(model) and candidate(m, model, self.store, now).admitted]

    def chosen(self, choice: Choice, model: str | None, session: str | None, reason: str) -> None:
        """Tell of a choice handed out without a lease, and keep its permit until an outcome is reported."""
        if choice.permit is not None:
            self.held.keep(choice.member.profile_id, choice.permit)
        self.publish("profile:selected", choice.member, model=model, session=session, reason=reason)

    def refresh(self) -> None:
        """Look at the store again and tell of what has ended meanwhile."""
        self.store.refresh()
        with self._lock:
            self._lineups.clear()
        now = self.now()
        self._watch(self.members, now)
        self.bus.publish(self._recovered(now))

    def close(self) -> None:
        """Give back outstanding permits and the store."""
        for trial in tuple(self.trials):
            trial.close()
        self.now()
        for profile_id, permit in self.held.let_all_go():
            member = self.by_id.get(profile_id)
            if member is not None:
                self.release(member, permit)
        self.store.close()

    def before_fork(self) -> None:
        """Wait until nobody is inside."""
        self._lock.acquire()
        self._recoveries.lock.acquire()

    def after_fork(self) -> None:
        """Go on."""
        self._recoveries.lock.release()
        self._lock.release()

    def on(self, name: str, handler: Handler) -> Callable[[], None]:
        """Subscribe as ``EventBus.on`` does, and from now on watch the rests that began while nobody listened."""
        self.now()  # what was heard before this handler came is for those who were there
        unsubscribe = self.bus.on(name, handler)
        self._watch(self.members, self.clock())
        return unsubscribe

    def publish(self, name: str, member: Member, **facts: Any) -> None:
        """Publish one event about ``member``."""
        if self.bus.listening:
            self.bus.publish([happening(name, member, self.clock(), **facts)])

    def _watch(self, members: Iterable[Member], now: float) -> None:
        for member in members:
            for key in (member.own_key, member.shared_key):
                self._recoveries.watch(member.profile_id, self._health(key), now)

    def _recovered(self, now: float, early: str | None = None) -> list[Event]:
        """The recoveries to tell of; ``early`` is a profile whose cooldown may have been ended by hand."""
        events = []
        for profile_id in self._recoveries.due(now, early):
            member = self.by_id.get(profile_id)
            if member is None:
                continue
            own, shared = self._health(member.own_key), self._health(member.shared_key)
            if running(own, now) or running(shared, now):
                self._watch((member,), now)
            else:
                events.append(happening("profile:recovered", member, now))
        return events

    def _health(self, key: str) -> Health | None:
        record = self.store.read(key)
        return record if isinstance(record, Health) else None
