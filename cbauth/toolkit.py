"""The toolkit: a plan, running. ``load`` makes one; everything a program needs hangs off it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Self
from urllib.parse import urlsplit

from cbauth.config import builtin_providers, find_config, load_plan
from cbauth.errors import ConfigError
from cbauth.events import Handler
from cbauth.failover.arguments import a_clock, a_name, a_name_or_none, a_store
from cbauth.failover.attempts import Attempts, acquire
from cbauth.failover.engine import Engine
from cbauth.failover.lease import Lease
from cbauth.failover.member import Member, health_keys
from cbauth.failover.records import Candidate, Status
from cbauth.failover.waiting import AsyncSleep, Sleep
from cbauth.managers import AuthProfileManager, ModelProfileManager
from cbauth.managers.tokens import ManagedToken, TokenManager
from cbauth.plan import OAuthLogin, Plan, Profile, SecretRef
from cbauth.secrets import Blocked, Source, source_for
from cbauth.stores import Store, open_store
from cbauth.trust import is_trusted

__all__ = ["Toolkit", "load"]

Config = str | Path | Mapping[str, Any] | Plan


def load(
    config: Config | None = None,
    *,
    store: Store | str | None = None,
    oauth: TokenManager | None = None,
    clock: Callable[[], float] = time.time,
    rng: Random | None = None,
    sleep: Sleep | None = None,
    async_sleep: AsyncSleep | None = None,
) -> Toolkit:
    """A running toolkit from a profiles.yaml (path), a mapping of its shape, or a compiled plan.

    Without ``config`` the search order decides: ``CBAUTH_CONFIG``, ``./profiles.yaml``, the user's config folder.
    ``store`` replaces the configured one; ``clock`` gives epoch seconds; ``sleep`` and ``async_sleep`` do the waiting.

    Raises ``ConfigError`` with every problem at once, each with line and column.
    """
    plan = plan_of(config)
    return Toolkit(plan, store=store, oauth=oauth, clock=clock, rng=rng, sleep=sleep, async_sleep=async_sleep)


def plan_of(config: Config | None) -> Plan:
    """The compiled plan of whatever ``load`` accepts."""
    if isinstance(config, Plan):
        return config
    if config is None:
        path, trusted = find_config(is_trusted=is_trusted)
        return load_plan(path, trusted=trusted)
    if isinstance(config, str | Path | Mapping):
        return load_plan(config)
    raise ConfigError(f"cannot load a {type(config).__name__}: give a path, a mapping or a plan")


class Toolkit:
    """Profiles, routes and health, ready to serve. A context manager; safe to use from any thread."""

    def __init__(
        self,
        plan: Plan,
        *,
        store: Store | str | None = None,
        oauth: TokenManager | None = None,
        clock: Callable[[], float] = time.time,
        rng: Random | None = None,
        sleep: Sleep | None = None,
        async_sleep: AsyncSleep | None = None,
    ) -> None:
        self._plan = plan
        self._oauth = oauth
        self._sleep = sleep
        self._async_sleep = async_sleep
        self._engine = Engine(
            members_of(plan, oauth),
            store=a_store(store, lambda: open_store(plan.store, plan.namespace)),
            policy=plan.policy,
            clock=a_clock(clock),
            rng=rng,
            routes=plan.routes,
            rules=plan.rules,
            namespace=plan.namespace,
        )
        self._profiles = AuthProfileManager.over(self._engine)
        self._models = ModelProfileManager.over(self._engine)
        if oauth is not None:
            self._models.set_oauth_manager(oauth)

    @property
    def plan(self) -> Plan:
        """The plan that runs now."""
        return self._plan

    @property
    def profiles(self) -> AuthProfileManager:
        """The same profiles, seen as credentials."""
        return self._profiles

    @property
    def models(self) -> ModelProfileManager:
        """The same profiles, seen by model."""
        return self._models

    # calls

    def attempts(self, model: str, session: str | None = None) -> Attempts:
        """The tries of one call of ``model`` (or a route), for ``for`` or ``async for``; each gives a lease.

        The loop ends with the first try that leaves its ``with`` block cleanly. Raises ``UnavailableError`` or
        ``LoginRequiredError`` when nobody is left; errors that no other profile could cure leave it unchanged.
        """
        return Attempts(
            self._engine, a_name(model, "model"), a_name_or_none(session, "session"), self._sleep, self._async_sleep
        )

    def acquire(self, model: str, session: str | None = None) -> Lease:
        """One lease, for people who loop themselves. Raises ``UnavailableError`` or ``LoginRequiredError``."""
        return acquire(self._engine, a_name(model, "model"), a_name_or_none(session, "session"))

    # looking

    def explain(self, model: str, session: str | None = None) -> tuple[Candidate, ...]:
        """Who would be asked for ``model`` (or a route), in order, each with ``admitted`` or why not and until when."""
        return self._engine.explain(a_name(model, "model"), a_name_or_none(session, "session"))

    def status(self) -> tuple[Status, ...]:
        """One record per profile, most preferred first."""
        return self._engine.status()

    def on(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call ``handler`` with each event of that name (``"*"``: all); returns a callable that unsubscribes."""
        return self._engine.on(event, handler)

    # changing

    def reset(self, profile_id: str | None = None) -> None:
        """Forget failures: of one profile, or of all. Session bindings stay. An unknown id is a ``ConfigError``."""
        if profile_id is None:
            for member in self._engine.members:
                self._engine.reset(member)
            return
        known = self._engine.find(profile_id)
        if known is None:
            raise ConfigError(f"there is no profile {profile_id!r}: there are {', '.join(sorted(self._engine.by_id))}")
        self._engine.reset(known)

    def reload(self, config: Config | None = None) -> None:
        """Read the file again (or take ``config``) and go on with it.

        Raises ``ConfigError`` for a bad file, and the old plan goes on. Profiles that did not change keep their health;
        the store stays the one that was opened.
        """
        if config is None:
            if self._plan.path is None:
                raise ConfigError("this toolkit was not loaded from a file: call reload(config) with what to load")
            plan = load_plan(self._plan.path, trusted=self._plan.trusted)
        else:
            plan = plan_of(config)
        self._engine.arrange(members_of(plan, self._oauth), policy=plan.policy, routes=plan.routes, rules=plan.rules)
        self._plan = plan

    def close(self) -> None:
        """Give back permits, the store and its files. Calling it twice is fine."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = str(self._plan.path) if self._plan.path is not None else "a mapping"
        healthy = sum(record.healthy for record in self.status())
        return f"<Toolkit from {where}: {healthy} of {len(self._engine.members)} profiles healthy>"


def members_of(plan: Plan, oauth: TokenManager | None = None) -> list[Member]:
    """The engine's members of a plan."""
    return [_member(profile, plan, oauth) for profile in plan.profiles]


def _member(profile: Profile, plan: Plan, oauth: TokenManager | None) -> Member:
    provider = profile.provider
    source = _source(profile, plan, oauth)
    own, shared = health_keys(profile.id, provider.id, profile.base_url, _reference(profile), plan.namespace)
    return Member(
        profile_id=profile.id,
        provider_id=provider.id,
        own_key=own,
        shared_key=shared,
        kind="oauth" if profile.uses_oauth else "none" if profile.credential is None else "api_key",
        source=source,
        protocol=provider.protocol,
        base_url=profile.base_url,
        models=profile.models,
        default_model=profile.default_model,
        priority=profile.priority,
        weight=profile.weight,
        order=profile.order,
        enabled=profile.enabled,
        metadata=profile.metadata,
        policy=profile.policy,
    )


def _source(profile: Profile, plan: Plan, oauth: TokenManager | None) -> Source:
    if not plan.trusted and profile.credential is not None and not _sends_home(profile):
        where = "oauth" if profile.uses_oauth else ", ".join(map(str, _refs(profile)))
        return Blocked(f"{plan.path} was only found here and is not trusted: run `cbauth trust`", description=where)
    if profile.uses_oauth:
        return ManagedToken(oauth, profile.id, profile.id)
    base_dir = plan.path.parent if plan.path is not None else None
    refs = None if profile.credential is None else _refs(profile)
    return source_for(refs, base_dir=base_dir, allow_command=plan.trusted)


def _refs(profile: Profile) -> tuple[SecretRef, ...]:
    return profile.credential if isinstance(profile.credential, tuple) else ()


def _reference(profile: Profile) -> str:
    """What tells this profile's credential from another one of the same name, in full; it is digested, never shown."""
    if isinstance(profile.credential, OAuthLogin):
        return f"oauth:{profile.credential.account}"
    return repr([(ref.scheme, ref.args) for ref in _refs(profile)])


def _sends_home(profile: Profile) -> bool:
    """Whether the profile's secret goes to its built-in provider's own host and nowhere else."""
    known = builtin_providers().get(profile.provider.id)
    if known is None or known.base_url is None or profile.base_url is None:
        return False
    ours, theirs = urlsplit(profile.base_url), urlsplit(known.base_url)
    return (ours.scheme, ours.hostname, ours.port) == (theirs.scheme, theirs.hostname, theirs.port)
