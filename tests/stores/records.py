"""Small records and transitions that the tests of stores share."""

from __future__ import annotations

from cbauth.core.health import Health, Record
from cbauth.stores import Store, Transition

__all__ = ["count", "counted", "increment", "put", "same"]


def counted(n: int) -> Health:
    """A record that stands for the number ``n``."""
    return Health(last_error=f"failure {n}", last_at=float(n))


def count(record: Record | None) -> int:
    """The number that a record stands for; none stands for 0."""
    return int(record.last_at or 0) if isinstance(record, Health) else 0


def increment(record: Record | None) -> tuple[Record | None, int]:
    """A transition to the next number; answers with it."""
    n = count(record) + 1
    return counted(n), n


def same(record: Record | None) -> tuple[Record | None, Record | None]:
    """A transition that changes nothing; answers with what it found."""
    return record, record


def put(store: Store, key: str, record: Record | None) -> None:
    """Write ``record`` whatever was there."""
    transition: Transition[None] = lambda _: (record, None)  # noqa: E731
    store.update(key, transition)
