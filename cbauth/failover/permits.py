"""Half-open permits: taken and given back in the store, so that they count over all threads and processes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from cbauth.core import breaker as breakers
from cbauth.core.health import Health, Record
from cbauth.failover.member import Member
from cbauth.stores import Store

__all__ = ["Held", "release", "take"]


def take(store: Store, member: Member, now: float) -> tuple[str | None, bool]:
    """The name of a permit (``None`` when all are taken), and whether it is the first one of this opening.

    A circuit that has closed meanwhile admits without keeping the name.
    """
    name = uuid.uuid4().hex[:16]

    def transition(record: Record | None) -> tuple[Record | None, tuple[str | None, bool]]:
        if not isinstance(record, Health):
            return record, (name, False)
        after = breakers.admit(record.breaker, member.policy.breaker, now, name)
        if after is None:
            return record, (None, False)
        if after is record.breaker:
            return record, (name, False)
        return record._replace(breaker=after), (name, not record.breaker.tested)

    return store.update(member.breaker_key, transition)


def release(store: Store, member: Member, permit: str) -> None:
    """Give a permit back; nothing happens when it is gone."""

    def transition(record: Record | None) -> tuple[Record | None, None]:
        if not isinstance(record, Health):
            return record, None
        after = breakers.release(record.breaker, permit)
        return (record if after is record.breaker else record._replace(breaker=after)), None

    store.update(member.breaker_key, transition)


class Held:
    """The permits of choices that were handed out without a lease: kept until an outcome is reported."""

    __slots__ = ("_by_profile",)

    def __init__(self) -> None:
        self._by_profile: dict[str, list[str]] = {}

    def keep(self, profile_id: str, permit: str) -> None:
        """Keep a permit for whoever reports next."""
        self._by_profile.setdefault(profile_id, []).append(permit)

    def let_go(self, profile_id: str) -> str | None:
        """The oldest permit kept for a profile, now the caller's to spend."""
        kept = self._by_profile.get(profile_id)
        if kept is None:
            return None
        permit = kept.pop(0) if kept else None
        if not kept:
            self._by_profile.pop(profile_id, None)
        return permit

    def let_all_go(self) -> Iterator[tuple[str, str]]:
        """Every permit with its profile's id."""
        for profile_id in tuple(self._by_profile):
            while (permit := self.let_go(profile_id)) is not None:
                yield profile_id, permit
