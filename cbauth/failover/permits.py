"""Half-open permits: taken and given back in the store, so that they count over all threads and processes."""

from __future__ import annotations

import uuid

from cbauth.core import breaker as breakers
from cbauth.core.health import Health, Record
from cbauth.failover.member import Member
from cbauth.stores import Store

__all__ = ["release", "take"]


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
