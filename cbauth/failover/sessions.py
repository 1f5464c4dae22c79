"""Sticky sessions: a conversation stays with the profile that answered it, while that profile may be asked.

A binding is written when it is new or changed, and its end is moved at most once per tenth of its TTL; a long
conversation with one profile costs no writes in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbauth.core.health import Binding, Record, digest
from cbauth.failover.lineup import Choice

if TYPE_CHECKING:
    from cbauth.failover.engine import Engine  # the engine owns its sessions; they read its store and policy
    from cbauth.failover.member import Member

__all__ = ["Sessions"]


class Sessions:
    """The bindings of one engine. A session's name is stored only as a digest."""

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def bound(self, session: str, request: str | None, now: float) -> str | None:
        """The profile id a session is bound to for this request, admitted or not."""
        if not self._engine.policy.rotation.sticky:
            return None
        binding = self._engine.store.read(self._key(session, request))
        return binding.profile_id if isinstance(binding, Binding) and now < binding.until else None

    def choice(self, session: str, request: str | None, now: float) -> tuple[Choice, str | None] | None:
        """The bound profile and the first model of the request that it serves, if it is admitted now."""
        profile_id = self.bound(session, request, now)
        member = self._engine.by_id.get(profile_id) if profile_id is not None else None
        if member is None:
            return None
        for model in self._engine.models_of(request):
            if member.serves(model) and (choice := self._engine.take(member, model, now)) is not None:
                return choice, model
        return None

    def bind(self, session: str, request: str | None, member: Member, now: float) -> None:
        """Bind a session to the profile that just served it."""
        rotation = self._engine.policy.rotation
        if not rotation.sticky:
            return
        key, ttl = self._key(session, request), rotation.sticky_ttl
        wanted = Binding(member.profile_id, now + ttl)

        def stands(record: Record | None) -> bool:
            return (
                isinstance(record, Binding)
                and record.profile_id == wanted.profile_id
                and 0.9 * ttl < record.until - now <= ttl
            )

        if not stands(self._engine.store.read(key)):
            self._engine.store.update(key, lambda record: (record if stands(record) else wanted, None))

    def release(self, session: str) -> None:
        """Forget every binding of a session."""
        self._engine.store.refresh()
        prefix, known = self._prefix(session), self._engine.store.keys()
        for key in known:
            if key.startswith(prefix):
                self._engine.store.update(key, lambda record: (None, None))

    def _prefix(self, session: str) -> str:
        return f"session/{digest(self._engine.namespace, session)}/"

    def _key(self, session: str, request: str | None) -> str:
        return self._prefix(session) + digest(request)
