"""Who there is: members, routes and policy, replaced in one step, and each model's lineup, built when asked for."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count

from cbauth.core.models import expand
from cbauth.failover.arguments import a_name
from cbauth.failover.lineup import Lineup
from cbauth.failover.member import Member
from cbauth.outcomes import Rule
from cbauth.plan import Policy

__all__ = ["Arrangement"]

MOST_LINEUPS = 256


class Arrangement(ABC):
    """What an engine knows of the plan. ``arranged`` counts how often another plan was taken over."""

    members: tuple[Member, ...]
    by_id: dict[str, Member]
    policy: Policy
    routes: dict[str, tuple[str, ...]]
    rules: tuple[Rule, ...]

    def __init__(self) -> None:
        self.arranged = 0
        self._lock = threading.RLock()
        self._lineups: dict[str | None, Lineup] = {}
        self._counters: dict[str | None, count[int]] = {}

    def arrange(
        self,
        members: Iterable[Member],
        *,
        policy: Policy | None = None,
        routes: Mapping[str, Sequence[str]] | None = None,
        rules: Sequence[Rule] | None = None,
    ) -> None:
        """Take over a new set of members (and policy, routes, rules). Health stays with its keys."""
        ranked = tuple(sorted(members, key=lambda m: m.rank))
        with self._lock:
            self.members = ranked
            self.by_id = {m.profile_id: m for m in ranked}
            if policy is not None:
                self.policy = policy
            if routes is not None:
                self.routes = {name: expand(name, routes) for name in routes}
            if rules is not None:
                self.rules = tuple(rules)
            self._counters = {model: lineup.counter for model, lineup in self._lineups.items()}  # wheels turn on
            self._lineups = {}
            self.arranged += 1
            self._welcome(ranked)

    def rearrange(
        self,
        change: Callable[[tuple[Member, ...]], Iterable[Member]],
        *,
        policy: Policy | None = None,
        routes: Mapping[str, Sequence[str]] | None = None,
        rules: Sequence[Rule] | None = None,
    ) -> None:
        """Take over what ``change`` makes of the members as they are; nobody else changes them meanwhile."""
        with self._lock:
            self.arrange(change(self.members), policy=policy, routes=routes, rules=rules)

    def has_rearranged(self, since: int) -> bool:
        """Whether members, routes or policy were taken over after ``arranged`` was ``since``, or are just now.

        Whoever found nobody may then have asked for one plan's models among the other's members: look again.
        """
        with self._lock:  # waits while that is under way
            return self.arranged != since

    def find(self, profile_id: object) -> Member | None:
        """The member with this id, ``None`` for an unknown one. Raises ``ConfigError`` for what cannot be an id."""
        return self.by_id.get(profile_id if isinstance(profile_id, str) else a_name(profile_id, "profile_id"))

    def models_of(self, request: str | None) -> tuple[str | None, ...]:
        """The models that a request stands for, in the order in which they are tried."""
        return (request,) if request is None else self.routes.get(request, (request,))

    def rules_for(self, member: Member) -> tuple[Rule, ...]:
        """The ``classify:`` rules that speak of this member's provider."""
        return tuple(r for r in self.rules if r.provider is None or r.provider == member.provider_id)

    def lineup(self, model: str | None) -> Lineup:
        """The members that serve ``model``, ranked; built once per model."""
        lineup = self._lineups.get(model)
        if lineup is None:
            with self._lock:
                serving = [m for m in self.members if m.enabled and m.serves(model)]
                lineup = Lineup(model, serving, self.policy.rotation.strategy)
                lineup.counter = self._counters.pop(model, lineup.counter)
                while len(self._lineups) >= MOST_LINEUPS:
                    self._lineups.pop(next(iter(self._lineups)))
                self._lineups[model] = lineup
        return lineup

    @abstractmethod
    def _welcome(self, members: Sequence[Member]) -> None:
        """Take note of a new set of members, under the lock."""
