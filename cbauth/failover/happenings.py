"""From two records to the events between them, and when a rest is over."""

from __future__ import annotations

import heapq
import math
import threading
from typing import Any

from cbauth.core.cooldown import MISSING
from cbauth.core.health import BLANK, TRANSIENT, Health
from cbauth.events import Event
from cbauth.failover.member import Member

__all__ = ["Recoveries", "differences", "happening"]


def happening(name: str, member: Member, now: float, **facts: Any) -> Event:
    """An event about ``member``."""
    return Event(name=name, at=now, profile_id=member.profile_id, provider_id=member.provider_id, **facts)


def differences(member: Member, before: Health | None, after: Health | None, now: float) -> list[Event]:
    """The events that lead from one record to the next."""
    old = before if before is not None else BLANK
    new = after if after is not None else BLANK
    events = [
        happening(
            "profile:cooldown",
            member,
            now,
            model=rest.model,
            kind="unknown" if rest.kind == TRANSIENT else rest.kind,
            cooldown=round(rest.until - now, 6),
            until=rest.until,
        )
        for rest in new.cooldowns
        if now < rest.until and rest not in old.cooldowns
    ]
    if new.breaker.until is not None and new.breaker.generation != old.breaker.generation:
        events.append(happening("profile:circuit-opened", member, now, until=new.breaker.until))
    elif new.breaker.until is None and old.breaker.until is not None:
        events.append(happening("profile:circuit-closed", member, now))
    return events


class Recoveries:
    """When each cooling profile is due to recover, so that its recovery is told once.

    No timer runs: whoever looks at health next asks what is due. ``next_at`` is epoch seconds, infinity for never.
    """

    __slots__ = ("_due", "_until", "lock", "next_at")

    def __init__(self) -> None:
        self.next_at = math.inf
        self._until: dict[str, float] = {}
        self._due: list[tuple[float, str]] = []
        self.lock = threading.Lock()

    def watch(self, profile_id: str, health: Health | None, now: float) -> None:
        """Remember when the last of the record's running cooldowns ends."""
        if health is None or not health.cooldowns:
            return
        until = 0.0
        for rest in health.cooldowns:
            if rest.until > until and rest.lane != MISSING:
                until = rest.until
        if until <= now:
            return
        with self.lock:
            if until > self._until.get(profile_id, 0.0):
                self._until[profile_id] = until
                heapq.heappush(self._due, (until, profile_id))
                self.next_at = self._due[0][0]

    def end(self, profile_id: str) -> bool:
        """Watch a profile no longer: its cooldown has ended before its time. Whether it was watched."""
        with self.lock:
            return self._until.pop(profile_id, None) is not None

    def due(self, now: float, early: str | None = None) -> list[str]:
        """The profiles whose time has come (and ``early``, if it was cooling), each handed out once."""
        if self.next_at > now and early is None:
            return []
        out = []
        with self.lock:
            if early is not None and self._until.pop(early, None) is not None:
                out.append(early)
            while self._due and self._due[0][0] <= now:
                until, profile_id = heapq.heappop(self._due)
                if self._until.get(profile_id) == until:
                    del self._until[profile_id]
                    out.append(profile_id)
            self.next_at = self._due[0][0] if self._due else math.inf
        return out
