"""Which profile for this model: selection, failover and circuit breakers over profiles that serve models."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cbauth.core.breaker import Circuit
from cbauth.core.models import Models
from cbauth.failover.arguments import a_name, a_name_or_none, an_instance
from cbauth.failover.lineup import Choice
from cbauth.failover.member import Member, health_keys
from cbauth.managers.base import Clock, ProfileManager
from cbauth.managers.profiles import ModelProfile, ProfileSelection
from cbauth.managers.tokens import ManagedToken, TokenManager
from cbauth.outcomes import classify
from cbauth.plan import Policy
from cbauth.secrets import Blocked, Given, Nothing, Source
from cbauth.stores import Store

__all__ = ["ModelProfileManager"]


class ModelProfileManager(ProfileManager[ModelProfile]):
    """Chooses a profile for a model and opens the circuit of those that fail.

    ``policy``, ``store``, ``clock`` as for ``AuthProfileManager``; ``oauth`` serves the profiles that log in.
    """

    _oauth: TokenManager | None = None

    def __init__(
        self,
        profiles: Iterable[ModelProfile] = (),
        *,
        policy: Mapping[str, Any] | Policy | None = None,
        store: Store | str | None = None,
        oauth: TokenManager | None = None,
        clock: Clock = time.time,
    ) -> None:
        self._oauth = oauth
        super().__init__(profiles, policy=policy, store=store, clock=clock)

    def set_oauth_manager(self, oauth: TokenManager | None) -> None:
        """Use ``oauth`` for profiles with ``auth_type`` ``oauth`` from now on."""
        self._oauth = oauth
        self._rearrange(
            lambda present: [
                m.replace(source=self._source_of(m.origin)) if isinstance(m.origin, ModelProfile) else m
                for m in present
            ]
        )

    def initialize_default_profiles(self) -> None:
        """Add one profile per built-in provider, with the key of its usual environment variable.

        Enabled are those whose variable is set; Ollama, which needs none, waits for ``enable_profile("ollama-local")``.
        """
        from cbauth.config import builtin_providers

        for place, provider in enumerate(builtin_providers().values()):
            local = provider.protocol == "ollama"
            is_set = any(os.environ.get(name, "").strip() for name in provider.env)
            self.add_profile(
                ModelProfile(
                    id=f"{provider.id}-local" if local else f"{provider.id}-default",
                    name=provider.name,
                    provider_id=provider.id,
                    auth_type="none" if local else "api_key",
                    api_key=_first_set(provider.env),
                    base_url=provider.base_url,
                    models=provider.models,
                    priority=-10 * place,
                    enabled=is_set and not local,
                )
            )

    def _check(self, profile: ModelProfile) -> None:
        an_instance(profile, ModelProfile)

    def _member_of(self, profile: ModelProfile, order: int, known: Member | None) -> Member:
        from cbauth.config import builtin_providers

        provider = builtin_providers().get(profile.provider_id)
        base_url = profile.base_url or (provider.base_url if provider is not None else None)
        own, shared = health_keys(profile.id, profile.provider_id, base_url, "given")
        return Member(
            profile_id=profile.id,
            provider_id=profile.provider_id,
            own_key=own if known is None else known.own_key,
            shared_key=shared,
            kind=profile.auth_type,
            source=self._source_of(profile),
            protocol=provider.protocol if provider is not None else "generic",
            base_url=base_url,
            models=Models(profile.models or (provider.models if provider is not None else ("*",))),
            default_model=profile.default_model,
            priority=profile.priority,
            order=order,
            enabled=profile.enabled,
            name=profile.name,
            policy=self._engine.policy,
            origin=profile,
        )

    def _source_of(self, profile: ModelProfile) -> Source:
        if profile.auth_type == "none":
            return Nothing()
        if profile.auth_type == "oauth":
            return ManagedToken(self._oauth, profile.id, profile.credential_id)
        return Given(profile.api_key) if profile.api_key else Blocked(f"profile {profile.id} has no api_key")

    def _face_of(self, member: Member) -> ModelProfile:
        if isinstance(member.origin, ModelProfile):
            return member.origin
        return ModelProfile(
            id=member.profile_id,
            name=member.name,
            provider_id=member.provider_id,
            auth_type=member.kind,
            base_url=member.base_url,
            models=member.models.patterns,
            default_model=member.default_model,
            priority=member.priority,
            enabled=member.enabled,
        )

    # profiles

    def get_enabled_profiles(self) -> list[ModelProfile]:
        """The enabled profiles, highest priority first."""
        return [self._face(m) for m in self._engine.members if m.enabled]

    def enable_profile(self, profile_id: str) -> bool:
        """Let a profile be chosen; whether the id was known."""
        return self._switch(profile_id, enabled=True)

    def disable_profile(self, profile_id: str) -> bool:
        """Keep a profile from being chosen; its health stays. Whether the id was known."""
        return self._switch(profile_id, enabled=False)

    def _switch(self, profile_id: str, *, enabled: bool) -> bool:
        engine = self._engine
        member = engine.find(profile_id)
        if member is None:
            return False
        origin = member.origin
        switched = member.replace(
            enabled=enabled,
            origin=replace(origin, enabled=enabled) if isinstance(origin, ModelProfile) else origin,
        )
        self._rearrange(lambda present: [switched if m is member else m for m in present])
        return True

    def profile_supports_model(self, profile: ModelProfile, model: str) -> bool:
        """Whether ``profile`` serves ``model``, by name or wildcard."""
        an_instance(profile, ModelProfile)
        a_name(model, "model")
        return self._member_for(profile).serves(model)

    def is_profile_ready(self, profile: ModelProfile) -> bool:
        """Whether a credential can be had: a key, or a login whose token is fresh or can be refreshed."""
        an_instance(profile, ModelProfile)
        return self._member_for(profile).source.missing() is None

    def _member_for(self, profile: ModelProfile) -> Member:
        """The member that this profile is, or would be."""
        member = self._engine.find(profile.id)
        known = member is not None and member.origin in (None, profile)
        return member if member is not None and known else self._member_of(profile, 0, None)

    def get_access_token(self, profile_id: str) -> str | None:
        """The profile's key or a fresh token; ``None`` for an unknown id or a profile that needs none.

        Raises ``AuthError`` (``LoginRequiredError``) when it cannot be had.
        """
        member = self._engine.find(profile_id)
        return None if member is None else member.source.get().reveal() or None

    # choosing

    def select_profile(self, preferred_model: str | None = None) -> ProfileSelection | None:
        """The best profile that serves ``preferred_model`` and may be asked now, or ``None``.

        At half-open this takes a trial permit: the next ``record_success`` or ``record_failure`` of that profile, or
        ``permit_timeout``, gives it back.
        """
        engine = self._engine
        if preferred_model is not None and type(preferred_model) is not str:
            a_name(preferred_model, "preferred_model")
        choice = engine.lead(preferred_model or None, engine.clock())
        return None if choice is None else self._selection(choice, preferred_model, "primary")

    def get_next_available_profile(
        self, failed_profile_id: str, preferred_model: str | None = None
    ) -> ProfileSelection | None:
        """Record one failure of ``failed_profile_id`` and choose another profile; ``None`` if none is left."""
        engine = self._engine
        self.record_failure(failed_profile_id)
        choice = engine.choose(
            a_name_or_none(preferred_model, "preferred_model"), engine.clock(), exclude=(failed_profile_id,)
        )
        if choice is None:
            return None
        engine.publish("profile:failover", choice.member, model=preferred_model, failed_profile_id=failed_profile_id)
        return self._selection(choice, preferred_model, "failover")

    def _selection(self, choice: Choice, preferred_model: str | None, reason: str) -> ProfileSelection:
        engine, member = self._engine, choice.member
        if choice.permit is not None:
            reason = "testing"
        model = preferred_model or member.default_model or member.models.first_name
        if choice.permit is not None or engine.bus.listening:
            engine.chosen(choice, model, None, reason)
        origin = member.origin
        face = origin if isinstance(origin, ModelProfile) else self._face(member)
        return ProfileSelection(face, model, reason)

    # telling

    def record_failure(self, profile_id: str, error: object = None) -> None:
        """Record a failure; unknown ids are ignored.

        ``error`` is an exception, a response or text. What it is decides whether the circuit counts it or a credential
        cools down; without one, and for errors nobody recognises, it counts as ``server``.
        """
        member = self._engine.find(profile_id)
        if member is None:
            return
        kind, message, hint, scope = "server", "", None, None
        if isinstance(error, str):
            message = self._redacted(error, member)
        elif error is not None:
            outcome = classify(error, protocol=member.protocol, rules=self._engine.rules_for(member))
            message = self._redacted(outcome.message, member)
            hint, scope = outcome.retry_after, outcome.scope
            if outcome.kind != "unknown" or outcome.status is not None:
                kind = outcome.kind
        permit = self._engine.held.let_go(profile_id)
        self._engine.fail(member, kind, message=message, hint=hint, scope=scope, permit=permit, cools=error is not None)

    def record_success(self, profile_id: str) -> None:
        """Record a success: the count is cleared and a half-open circuit closes. Unknown ids are ignored."""
        member = self._engine.find(profile_id)
        if member is not None:
            self._engine.now()  # a glance at what others have written
            self._engine.succeed(member, permit=self._engine.held.let_go(profile_id))

    def open_circuit(self, profile_id: str) -> None:
        """Open a profile's circuit now, for ``open_for``. Unknown ids are ignored."""
        member = self._engine.find(profile_id)
        if member is not None:
            self._engine.trip(member)

    def get_stats(self) -> dict[str, int]:
        """How many profiles there are, are enabled, healthy, cooling; how many circuits are open and half-open."""
        records = self._engine.status()
        return {
            "total_profiles": len(records),
            "enabled_profiles": sum(r.enabled for r in records),
            "healthy_profiles": sum(r.healthy for r in records),
            "cooling_profiles": sum(r.in_cooldown for r in records),
            "open_circuits": sum(r.circuit == Circuit.OPEN for r in records),
            "half_open_circuits": sum(r.circuit == Circuit.HALF_OPEN for r in records),
        }


def _first_set(names: tuple[str, ...]) -> str | None:
    """The value of the first environment variable that is set."""
    return next((os.environ[name].strip() for name in names if os.environ.get(name, "").strip()), None)
