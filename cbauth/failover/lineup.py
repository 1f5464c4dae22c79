"""The members that serve one model, in order, kept up with health as it changes.

Ranked once. A change of health touches only the positions it concerns; a choice among healthy members reads one
immutable value and takes no lock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import copy
from functools import partial
from itertools import count
from random import Random
from typing import NamedTuple

from cbauth.core.breaker import BreakerPolicy
from cbauth.core.health import FREE, Admission, Health, Record, State, admission, clamped, skewed
from cbauth.core.rotation import Roster
from cbauth.failover.member import Member
from cbauth.secrets import Source
from cbauth.stores import Store

__all__ = ["Choice", "Lineup", "Standing", "judge", "mended"]

SKEW = 1.0
"""Seconds by which two machines' clocks may differ before a deadline is taken for skew."""


class Choice(NamedTuple):
    """Somebody who may be asked.

    ``generation`` is its breaker's; ``preferred``: nobody of higher rank was refused; ``permit``: a half-open trial's.
    """

    member: Member
    generation: int
    preferred: bool
    permit: str | None = None


class Standing(NamedTuple):
    """Choices that hold while the store is at ``generation``, before ``expires``, and while ``unready`` stay so."""

    generation: int
    expires: float
    choices: tuple[Choice, ...]
    unready: tuple[Source, ...]

    def holds(self, now: float) -> bool:
        """Whether it is still true, while the store is at ``generation``."""
        return now < self.expires and (not self.unready or all(source.missing() is not None for source in self.unready))


_made = tuple.__new__
_REFUSED, _TESTING = State.REFUSED, State.TESTING
STALE = Standing(-1, -math.inf, (), ())


class Lineup:
    """One model's members. Everything but reading ``standing`` and ``counter`` needs the engine's lock."""

    __slots__ = ("_looked_at", "_positions", "_seen", "counter", "members", "model", "roster", "standing", "strategy")

    def __init__(self, model: str | None, members: Sequence[Member], strategy: str) -> None:
        self.model = model
        self.members = tuple(members)
        self.strategy = strategy
        self.roster = Roster([m.weight for m in self.members])
        self.counter = count()
        self.standing = STALE
        self._seen = -1
        self._looked_at = -math.inf
        self._positions: dict[str, list[int]] = {}
        for position, member in enumerate(self.members):
            self._positions.setdefault(member.own_key, []).append(position)
            self._positions.setdefault(member.shared_key, []).append(position)

    def catch_up(self, store: Store, now: float) -> None:
        """Judge again whoever's record changed since the last look, and whoever's refusal has run out."""
        generation = store.generation
        if generation != self._seen:
            changed = store.changes(self._seen) if self._seen >= 0 else None
            if changed is None:
                keys = store.keys()
                for position in tuple(self.roster.refused):
                    self._judge(position, store, now)
            else:
                keys = changed
            for key in keys:
                for position in self._positions.get(key, ()):
                    self._judge(position, store, now)
            self._seen = generation
        again = tuple(self.roster.refused) if now < self._looked_at - SKEW else self.roster.due(now)
        self._looked_at = now
        for position in again:  # all of them when the clock was set back: their deadlines may lie too far ahead
            self._judge(position, store, now)

    def _judge(self, position: int, store: Store, now: float) -> None:
        state, until, _ = judge(self.members[position], self.model, store, now)
        if state is _REFUSED:
            self.roster.refuse(position, math.inf if until is None else until)
        else:
            self.roster.free(position, testing=state is _TESTING)

    def stand(self, store: Store, now: float) -> Standing:
        """Work out who leads, after ``catch_up``, and remember it for the callers to come when it can be.

        A half-open trial is never remembered: each one takes a permit.
        """
        roster = self.roster
        choices: list[Choice] = []
        unready: list[Source] = []
        rotates = self.strategy != "priority"
        first = None if rotates else roster.first()
        if first is not None and first not in roster.testing and self.members[first].source.missing() is None:
            leader = self.choice(first, store, preferred=first == 0)
            self.standing = standing = _made(Standing, (self._seen, roster.expires, (leader,), ()))
            return standing
        for passed, position in enumerate(roster.turn() if rotates else self._by_rank()):
            member = self.members[position]
            if position in roster.testing:
                self.standing = STALE
                return STALE
            if member.source.missing() is not None:
                unready.append(member.source)
                continue
            choices.append(self.choice(position, store, preferred=rotates or passed == position))
            if not rotates:
                break
        expires = roster.expires
        self.standing = Standing(self._seen, expires, tuple(choices), tuple(unready)) if choices else STALE
        return self.standing

    def choice(self, position: int, store: Store, *, preferred: bool) -> Choice:
        """The choice of the member at ``position``."""
        member = self.members[position]
        record = store.read(member.breaker_key)
        generation = record.breaker.generation if isinstance(record, Health) else 0
        return _made(Choice, (member, generation, preferred, None))

    def order(self, rng: Random) -> Iterator[int]:
        """The admitted positions in the order in which this strategy would ask them now."""
        if self.strategy == "priority":
            return self._by_rank()
        turn = self.roster.turn()
        if not turn:
            return iter(())
        if self.strategy == "random":
            # By weight without putting back (Efraimidis and Spirakis, 2006); where all weigh nothing, all are alike.
            first = self.roster.draw(rng.random())
            rest = [(rng.random() ** (1 / (self.members[p].weight or 1)), p) for p in set(turn) if p != first]
            ordered = [p for p in (first, *(p for _, p in sorted(rest, reverse=True))) if p is not None]
        else:
            start = next(self.counter) % len(turn)
            ordered = list(dict.fromkeys(turn[start:] + turn[:start]))
        return iter(dict.fromkeys((*ordered, *self._by_rank())))

    def preview(self) -> tuple[int, ...]:
        """The admitted positions as the next choice would see them, without taking a turn."""
        if self.strategy != "round-robin":
            return tuple(self._by_rank())
        turn = self.roster.turn()
        start = next(copy(self.counter)) % len(turn) if turn else 0
        return tuple(dict.fromkeys((*turn[start:], *turn[:start], *self._by_rank())))

    def _by_rank(self) -> Iterator[int]:
        first = self.roster.first()
        if first is None:
            return
        for position in range(first, self.roster.size):
            if position not in self.roster.refused:
                yield position


def judge(member: Member, model: str | None, store: Store, now: float) -> Admission:
    """Whether ``member`` may be asked for ``model`` now; a record that only clock skew can explain is mended first."""
    own, shared = store.read(member.own_key), store.read(member.shared_key)
    if own is None and shared is None:
        return FREE
    sound = None if own is None else mended(member.own_key, own, member, store, now)
    sound_shared = None if shared is None else mended(member.shared_key, shared, member, store, now)
    return admission(sound, sound_shared, member.policy.breaker, model, now)


def mended(key: str, record: Record | None, member: Member, store: Store, now: float) -> Health | None:
    """The record with deadlines clamped to what the policy allows, written back if that changes anything."""
    if not isinstance(record, Health):
        return None
    policy = member.policy.breaker
    if not skewed(record, policy, now + SKEW):
        return record

    return store.update(key, partial(_clamped, policy=policy, now=now))


def _clamped(record: Record | None, policy: BreakerPolicy, now: float) -> tuple[Record | None, Health | None]:
    if not isinstance(record, Health):
        return record, None
    sound = clamped(record, policy, now)
    return sound, sound
