"""What both managers are made of: an engine, its members, and how profiles made by hand become members."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, Generic, Protocol, Self, TypeVar

from cbauth.config import compile_policy
from cbauth.events import Handler
from cbauth.failover.arguments import a_clock, a_store, some
from cbauth.failover.engine import Engine
from cbauth.failover.member import Member
from cbauth.managers.profiles import known_secrets
from cbauth.outcomes import redact
from cbauth.plan import Policy
from cbauth.stores import Store
from cbauth.stores.memory import MemoryStore

__all__ = ["Clock", "ProfileManager"]

Clock = Callable[[], float]
SHORTEST_SECRET = 6
"""Text shorter than this is shown as it is."""
NAMED = 10
"""Profiles that a ``repr`` names at most."""


class Identified(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str: ...


P = TypeVar("P", bound=Identified)


class ProfileManager(ABC, Generic[P]):
    """Members in and out, health on and off; what a subclass adds is its kind of profile and its way of choosing."""

    def __init__(
        self,
        profiles: Iterable[P] = (),
        *,
        policy: Mapping[str, Any] | Policy | None = None,
        store: Store | str | None = None,
        clock: Clock = time.time,
        rng: Random | None = None,
    ) -> None:
        compiled = compile_policy(policy)
        opened = a_store(store, lambda: MemoryStore(a_clock(clock)))
        self._open(Engine(store=opened, policy=compiled, clock=a_clock(clock), rng=rng), owns=True)
        self._add_all(profiles)

    @classmethod
    def over(cls, engine: Engine) -> Self:
        """A manager of the very profiles that ``engine`` already leads: they share health, events and members."""
        manager = cls.__new__(cls)
        manager._open(engine, owns=False)
        return manager

    def _open(self, engine: Engine, *, owns: bool) -> None:
        self._engine = engine
        self._owns = owns
        self._faces: dict[Member, P] = {}

    # profiles

    @abstractmethod
    def _member_of(self, profile: P, order: int, known: Member | None) -> Member:
        """The member that ``profile`` becomes; ``known`` is the one it replaces."""

    @abstractmethod
    def _face_of(self, member: Member) -> P:
        """The profile that shows ``member``."""

    @abstractmethod
    def _check(self, profile: P) -> None:
        """Raise ``ConfigError`` for what is no profile of this kind."""

    def add_profile(self, profile: P) -> None:
        """Add a profile. A known id is replaced in its place and keeps its health. Raises ``ConfigError``."""
        self._add_all([profile])

    def _add_all(self, profiles: Iterable[P]) -> None:
        added = some(profiles, "profiles")
        for profile in added:
            self._check(profile)

        def change(present: tuple[Member, ...]) -> Iterable[Member]:
            members = {m.profile_id: m for m in sorted(present, key=lambda m: m.order)}
            following = max((m.order for m in members.values()), default=-1) + 1
            for profile in added:
                known = members.get(profile.id)
                members[profile.id] = self._member_of(profile, following if known is None else known.order, known)
                following += known is None
            return members.values()

        self._rearrange(change)

    def remove_profile(self, profile_id: str) -> bool:
        """Forget a profile and its health; whether the id was known."""
        member = self._engine.find(profile_id)
        if member is None:
            return False
        self._engine.forget(member)
        self._rearrange(lambda present: [m for m in present if m is not member])
        return True

    def get_profile(self, profile_id: str) -> P | None:
        """The profile with this id, or ``None``."""
        member = self._engine.find(profile_id)
        return None if member is None else self._face(member)

    def get_all_profiles(self) -> list[P]:
        """All profiles, in the order in which they were added."""
        return [self._face(m) for m in sorted(self._engine.members, key=lambda m: m.order)]

    def _rearrange(self, change: Callable[[tuple[Member, ...]], Iterable[Member]]) -> None:
        self._engine.rearrange(change)
        self._faces.clear()

    def _face(self, member: Member) -> P:
        face = self._faces.get(member)
        if face is None:
            face = self._faces[member] = self._face_of(member)
        return face

    # texts

    def _redacted(self, text: str, member: Member) -> str:
        """``text`` without the member's secrets and whatever else looks like one."""
        return redact(text, known_secrets(member)) if len(text) >= SHORTEST_SECRET else text

    # events and the end

    def on(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call ``handler`` with each such event; returns a callable that unsubscribes. A typo is a ``ConfigError``."""
        return self._engine.on(event, handler)

    def close(self) -> None:
        """Give back the store. A manager that belongs to a toolkit leaves that to the toolkit."""
        if self._owns:
            self._engine.close()

    def __repr__(self) -> str:
        names = [member.profile_id for member in sorted(self._engine.members, key=lambda member: member.order)]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"<{type(self).__name__}: {', '.join(names[:NAMED]) or 'no profile'}{more}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
