"""Which credential next: rotation, cooldowns and sticky sessions over credentials, whatever the model."""

from __future__ import annotations

from cbauth.core.health import TRANSIENT
from cbauth.failover.arguments import a_name, an_instance
from cbauth.failover.member import Member, health_keys
from cbauth.failover.records import Status
from cbauth.managers.base import ProfileManager
from cbauth.managers.profiles import AuthProfile, Credentials
from cbauth.outcomes import KINDS, Outcome
from cbauth.secrets import Given, Nothing

__all__ = ["AuthProfileManager"]


class AuthProfileManager(ProfileManager[AuthProfile]):
    """Hands out credentials and rests those that fail.

    ``policy``: a mapping of the YAML's shape or a compiled ``Policy``; ``store``: shared state (default: memory);
    ``clock`` gives epoch seconds; ``rng`` is a ``random.Random``.

    ``mark_failed`` without a kind cools the profile down on the ``transient`` ladder (1 m, 5 m, 25 m, 1 h) or, with
    ``is_billing``, on the ``billing`` ladder. Unknown ids are ignored.
    """

    def _check(self, profile: AuthProfile) -> None:
        an_instance(profile, AuthProfile)

    def _member_of(self, profile: AuthProfile, order: int, known: Member | None) -> Member:
        own, shared = health_keys(profile.id, profile.provider, profile.metadata.get("base_url"), "given")
        if known is not None:
            own = known.own_key
        key = profile.credentials.get("api_key") or profile.credentials.get("access_token")
        return Member(
            profile_id=profile.id,
            provider_id=profile.provider,
            own_key=own,
            shared_key=shared,
            kind="oauth" if profile.type == "oauth" else "api_key",
            source=Given(key) if key else Nothing(),
            priority=profile.priority,
            order=order,
            metadata=profile.metadata,
            policy=self._engine.policy,
            origin=profile,
        )

    def _face_of(self, member: Member) -> AuthProfile:
        if isinstance(member.origin, AuthProfile):
            return member.origin
        is_oauth = member.kind == "oauth"
        return AuthProfile(
            id=member.profile_id,
            provider=member.provider_id,
            type="oauth" if is_oauth else "api-key",
            credentials=Credentials.of("access_token" if is_oauth else "api_key", member.source),
            priority=member.priority,
            metadata=member.metadata,
        )

    # choosing

    def get_next_profile(self, session_id: str | None = None) -> AuthProfile | None:
        """The profile to use next, or ``None`` when all rest. A session keeps its profile while that one is healthy."""
        engine = self._engine
        if session_id is not None:
            return self._next_for(a_name(session_id, "session_id"))
        choice = engine.lead(None, engine.clock())
        if choice is None:
            return None
        if choice.permit is not None or engine.bus.listening:
            engine.chosen(choice, None, None, "testing" if choice.permit is not None else "primary")
        origin = choice.member.origin
        return origin if isinstance(origin, AuthProfile) else self._face(choice.member)

    def _next_for(self, session_id: str) -> AuthProfile | None:
        engine = self._engine
        now = engine.now()
        sticky = engine.sessions.choice(session_id, None, now)
        choice = sticky[0] if sticky is not None else engine.lead(None, now)
        if choice is None:
            return None
        engine.sessions.bind(session_id, None, choice.member, now)
        reason = "testing" if choice.permit is not None else "sticky" if sticky is not None else "primary"
        engine.chosen(choice, None, session_id, reason)
        return self._face(choice.member)

    def get_healthy_profiles(self) -> list[AuthProfile]:
        """The profiles that may be asked now, most preferred first."""
        return [self._face(member) for member in self._engine.admitted(None)]

    def get_profile_for_session(self, session_id: str) -> AuthProfile | None:
        """The profile a session is bound to, healthy or not; ``None`` when it is bound to none."""
        profile_id = self._engine.sessions.bound(a_name(session_id, "session_id"), None, self._engine.now())
        return None if profile_id is None else self.get_profile(profile_id)

    def release_session(self, session_id: str) -> None:
        """Forget a session's binding."""
        self._engine.sessions.release(a_name(session_id, "session_id"))

    # telling

    def mark_failed(
        self,
        profile_id: str,
        error: object = None,
        is_billing: bool = False,
        *,
        kind: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Record a failure and start (or lengthen) the cooldown it deserves.

        ``error`` is text or an exception, shown redacted in the status. ``kind`` is an outcome kind; without one the
        failure is ``billing`` or transient. ``retry_after`` is the provider's hint in seconds, capped by the policy.
        Raises ``ConfigError`` for a kind or hint that does not exist.
        """
        if kind is not None or retry_after is not None:
            Outcome(kind if kind is not None else KINDS[0], retry_after)  # says what is wrong with them
        member = self._engine.find(profile_id)
        if member is None:
            return
        message = "" if error is None else str(error)
        self._engine.fail(
            member,
            kind or ("billing" if is_billing else TRANSIENT),
            message=self._redacted(message, member),
            hint=retry_after,
            permit=self._engine.held.let_go(profile_id),
            name="profile:failed" if self._owns else "profile:failure",
        )

    def mark_success(self, profile_id: str) -> None:
        """Record a success: counts and running cooldowns are cleared."""
        member = self._engine.find(profile_id)
        if member is not None:
            self._engine.now()  # a glance at what others have written
            self._engine.succeed(member, permit=self._engine.held.let_go(profile_id))

    def is_in_cooldown(self, profile_id: str) -> bool:
        """Whether a cooldown of this profile runs now; unknown ids are not in one."""
        member = self._engine.find(profile_id)
        return member is not None and self._engine.status_of(member).in_cooldown

    def recover_profile(self, profile_id: str) -> None:
        """End the profile's cooldown now. The failure count stays, so that the next failure rests it longer."""
        member = self._engine.find(profile_id)
        if member is not None:
            self._engine.recover(member)

    def get_status(self) -> list[Status]:
        """One record per profile, most preferred first."""
        return list(self._engine.status())

    def save_state(self) -> None:
        """State is written as it changes: there is nothing left to save, whatever the store."""

    def load_state(self) -> None:
        """Take over what other processes have written to the store since the last look."""
        self._engine.refresh()
