"""What other processes do to the members' health, told as events here: marked ``remote``, once each.

They are told when this process next looks at health, in the thread that looks. A provider's record belongs to many
profiles, so its events name the provider alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from cbauth.core.health import Health, running
from cbauth.events import Event
from cbauth.failover.happenings import Recoveries, differences, happening
from cbauth.failover.member import Member
from cbauth.stores import Store

__all__ = ["Elsewhere"]


class Elsewhere:
    """The ``changes`` that a store has heard of and nobody has told yet."""

    __slots__ = ("_members", "_recoveries", "changes")

    def __init__(self, store: Store, recoveries: Recoveries) -> None:
        self._recoveries = recoveries
        self.changes = store.watch()
        self._members: dict[str, list[Member]] = {}

    def arrange(self, members: Iterable[Member]) -> None:
        """Take over a new set of members."""
        by_key: dict[str, list[Member]] = {}
        for member in members:
            by_key.setdefault(member.own_key, []).append(member)
            by_key.setdefault(member.shared_key, []).append(member)
        self._members = by_key

    def events(self, now: float) -> list[Event]:
        """The events of what was heard since the last time."""
        out: list[Event] = []
        while self.changes:
            try:
                key, *records = self.changes.popleft()
            except IndexError:  # another thread was faster
                break
            members = self._members.get(key)
            if members:
                before, after = (record if isinstance(record, Health) else None for record in records)
                out += self._told(members, key, before, after, now)
        return out

    def _told(
        self, members: list[Member], key: str, before: Health | None, after: Health | None, now: float
    ) -> Iterator[Event]:
        """The events that lead from one record to the next."""
        member = members[0]
        events = differences(member, before, after, now)
        if after is not None and after.breaker.tested and (before is None or not before.breaker.tested):
            events.append(happening("profile:circuit-half-open", member, now))
        for event in events:
            yield replace(event, remote=True, profile_id=None if key == member.shared_key else event.profile_id)
        has_ended = bool(running(before, now)) and not running(after, now)
        for member in members:
            self._recoveries.watch(member.profile_id, after, now)
            if has_ended and self._recoveries.end(member.profile_id):
                yield replace(happening("profile:recovered", member, now), remote=True)
