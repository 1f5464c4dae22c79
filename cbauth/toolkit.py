"""The toolkit: a plan, running. ``load`` makes one; everything a program needs hangs off it."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NoReturn, Self

from cbauth.config import find_config, load_plan
from cbauth.errors import ConfigError
from cbauth.events import EventBus, Handler
from cbauth.failover.arguments import a_clock, a_name, a_name_or_none, a_store
from cbauth.failover.attempts import Attempts, acquire
from cbauth.failover.engine import Engine
from cbauth.failover.lease import Lease
from cbauth.failover.records import Candidate, Status
from cbauth.failover.waiting import AsyncSleep, Sleep
from cbauth.managers import AuthProfileManager, ModelProfileManager
from cbauth.managers.tokens import TokenManager
from cbauth.members import members_of, reconciled
from cbauth.oauth import OAuthManager
from cbauth.plan import Plan
from cbauth.stores import Store, open_store
from cbauth.watching import ConfigFile, OnReload, ReloadLock, Watch, tell

if TYPE_CHECKING:
    from cbauth.display import Snapshot

__all__ = ["Toolkit", "load"]

Config = str | Path | Mapping[str, Any] | Plan

_log = logging.getLogger("cbauth.toolkit")


def load(
    config: Config | None = None,
    *,
    store: Store | str | None = None,
    oauth: TokenManager | None = None,
    clock: Callable[[], float] = time.time,
    rng: Random | None = None,
    sleep: Sleep | None = None,
    async_sleep: AsyncSleep | None = None,
    watch: bool = False,
    refresh_ahead: bool = True,
) -> Toolkit:
    """A running toolkit from a profiles.yaml (path), a mapping of its shape, or a compiled plan.

    Without ``config`` the search order decides: ``CBAUTH_CONFIG``, ``./profiles.yaml``, the user's config folder.
    ``store`` replaces the configured one; ``clock`` gives epoch seconds; ``sleep`` and ``async_sleep`` do the waiting.
    ``oauth``: a manager of your own, such as ``OAuthManager(login_timeout=900)``; it serves the file's logins too.
    ``watch`` reloads the file whenever it changes, as ``Toolkit.watch`` does. ``refresh_ahead``: renew the tokens of
    profiles that log in before they end, in the background, as long as the toolkit is open.

    Raises ``ConfigError`` with every problem at once, each with line and column.
    """
    plan, file = _resolve(config)
    toolkit = Toolkit(
        plan,
        store=store,
        oauth=oauth,
        clock=clock,
        rng=rng,
        sleep=sleep,
        async_sleep=async_sleep,
        refresh_ahead=refresh_ahead,
    )
    toolkit._file = file
    if watch:
        try:
            toolkit.watch()
        except ConfigError:
            toolkit.close()
            raise
    return toolkit


def _resolve(config: Config | None) -> tuple[Plan, ConfigFile | None]:
    """The compiled plan of whatever ``load`` accepts, and the file that it can be read from again."""
    if isinstance(config, Plan):
        return config, _file_of(config)
    if isinstance(config, Mapping):
        return load_plan(config), None
    if config is None:
        path, named = find_config()
        file = ConfigFile(path, trusted=True if named else None)
    elif isinstance(config, str | Path):
        file = ConfigFile(config, trusted=True)
    else:
        raise ConfigError(f"cannot load a value of type {type(config).__name__}: give a path, a mapping or a plan")
    return file.load(), file


def _file_of(plan: Plan) -> ConfigFile | None:
    """The file of a plan that somebody compiled: it keeps the trust that it was given then."""
    return None if plan.path is None else ConfigFile(plan.path, trusted=plan.trusted)


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
        refresh_ahead: bool = True,
    ) -> None:
        self._plan = plan
        self._file = _file_of(plan)
        self._store_given = store is not None
        bus = EventBus()
        self._logins: OAuthManager | None = None
        self._leave: Callable[[], None] | None = None
        if oauth is None:
            oauth = self._logins = OAuthManager.over(plan, bus, clock=a_clock(clock))
            self._leave = oauth.close
        elif isinstance(oauth, OAuthManager):
            self._logins = oauth
            self._leave = oauth.join(plan, bus)
        self._oauth: TokenManager = oauth
        self._refresh_ahead = refresh_ahead
        self._sleep = sleep
        self._async_sleep = async_sleep
        folder = plan.path.parent if plan.path is not None else None
        self._engine = Engine(
            members_of(plan, self._oauth),
            store=a_store(store, lambda: open_store(plan.store, plan.namespace, folder=folder, clock=clock)),
            policy=plan.policy,
            clock=a_clock(clock),
            rng=rng,
            routes=plan.routes,
            rules=plan.rules,
            namespace=plan.namespace,
            bus=bus,
        )
        self._profiles = AuthProfileManager.over(self._engine)
        self._models = ModelProfileManager.over(self._engine)
        self._models.set_oauth_manager(self._oauth)
        self._problem: ConfigError | None = None
        self._loaded_at = self._engine.clock()
        self._reloading = ReloadLock()
        self._watch: Watch | None = None
        self._listeners: dict[object, OnReload | None] = {}
        self._closed = False
        if self._logins is not None:
            self._logins.on_signed_in(self._welcome)
        self._keep_fresh()

    @property
    def plan(self) -> Plan:
        """The plan that runs now."""
        return self._plan

    @property
    def store(self) -> Store:
        """Where health and session bindings live; its ``trouble`` says when they are kept in memory for now."""
        return self._engine.store

    @property
    def loaded_at(self) -> float:
        """When the plan that runs now was loaded: epoch seconds by the toolkit's clock."""
        return self._loaded_at

    @property
    def problem(self) -> ConfigError | None:
        """Why the last reload failed, and the plan before it still runs; ``None`` when it went well."""
        return self._problem

    @property
    def closed(self) -> bool:
        """Whether ``close()`` was called: nothing should be begun with it any more."""
        return self._closed

    @property
    def profiles(self) -> AuthProfileManager:
        """The same profiles, seen as credentials."""
        return self._profiles

    @property
    def models(self) -> ModelProfileManager:
        """The same profiles, seen by model."""
        return self._models

    @property
    def oauth(self) -> OAuthManager:
        """The logins of the profiles. Raises ``ConfigError`` when the toolkit was given a manager of another kind."""
        if self._logins is not None:
            return self._logins
        raise ConfigError(
            f"this toolkit takes its tokens from a {type(self._oauth).__name__}, not from an OAuthManager"
        )

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
        from cbauth.display.listing import Candidates

        return Candidates(self._engine.explain(a_name(model, "model"), a_name_or_none(session, "session")), model)

    def status(self) -> tuple[Status, ...]:
        """One record per profile, most preferred first."""
        from cbauth.display.listing import Statuses

        return Statuses(self._engine.status(), self._plan.providers)

    def snapshot(self) -> Snapshot:
        """All that is shown of this toolkit, now and without a secret: notebooks and ``cbauth.widgets`` show this."""
        from cbauth.display import snapshot

        return snapshot(
            self._engine.status(),
            at=self._engine.now(),
            source=self._source,
            loaded_at=self._loaded_at,
            providers=self._plan.providers,
            problem=self._problem,
            trouble=self._engine.store.trouble or "",
            closed=self._closed,
        )

    def on(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call ``handler`` with each event of that name (``"*"``: all); returns a callable that unsubscribes."""
        return self._engine.on(event, handler)

    # changing

    def reset(self, profile_id: str | None = None) -> None:
        """Forget failures: of one profile, or of all. Session bindings stay. An unknown id is a ``ConfigError``."""
        if profile_id is None:
            self._engine.reset(self._engine.members)
            return
        known = self._engine.find(profile_id)
        if known is None:
            raise ConfigError(f"there is no profile {profile_id!r}: there are {', '.join(sorted(self._engine.by_id))}")
        self._engine.reset((known,))

    def reload(self, config: Config | None = None) -> None:
        """Read the file again (or take ``config``, whose file is read from then on) and go on with it.

        Raises ``ConfigError`` for a bad file: the old plan goes on and ``problem`` says why. A file that was only found
        in the current folder has to be trusted anew when its content has changed.

        Health goes with profile, provider, base URL and credential reference: profiles that keep these keep it. Leases
        that are out stay valid, sessions stay bound. What was done from Python (profiles added, replaced, removed,
        enabled, disabled) stays as well, but for the profiles whose own entry in the file has changed: there the file
        decides. ``state:`` stays as it was when the toolkit was made; a change there is logged as a warning.
        """
        with self._reloading:
            file = self._file
            if config is None and file is None:
                raise ConfigError("this toolkit was not loaded from a file: call reload(config) with what to load")
            try:
                if config is not None or file is None:
                    plan, file = _resolve(config)
                else:
                    plan = file.load()
                self._run(plan)
            except ConfigError as error:
                self._problem = copy(error)  # without its traceback, which holds on to the caller's frames
                raise
            moved, self._file = file is not self._file, file
        if moved:
            self._follow()

    def _run(self, plan: Plan) -> None:
        """Go on with ``plan``, in one step."""
        old, engine = self._plan, self._engine
        if plan.namespace != old.namespace or (plan.store != old.store and not self._store_given):
            _log.warning("`state` has changed in %s: that takes a new toolkit; health stays where it is", plan.path)
        plan = replace(plan, store=old.store, namespace=old.namespace)
        made = members_of(plan, self._oauth)
        if self._logins is not None:
            self._logins.adopt(plan, self._engine.bus)
        engine.rearrange(
            lambda present: reconciled(present, old, plan, made),
            policy=plan.policy,
            routes=plan.routes,
            rules=plan.rules,
        )
        self._plan, self._problem, self._loaded_at = plan, None, engine.clock()
        self._keep_fresh()

    def _welcome(self, names: frozenset[str]) -> None:
        """Profiles that somebody has just logged in need not go on resting because their login was refused."""
        for member in self._engine.members:
            if member.profile_id in names and member.kind == "oauth":
                self._engine.welcome(member)

    def _keep_fresh(self) -> None:
        """Have the tokens of the plan's logins renewed ahead of their end, and those of no others."""
        if self._logins is not None and self._refresh_ahead:
            self._logins.keep_fresh(
                profile.id for profile in self._plan.profiles if profile.uses_oauth and profile.enabled
            )

    def watch(self, on_reload: OnReload | None = None) -> Callable[[], None]:
        """Reload the file whenever its content changes; returns a callable that ends this.

        ``on_reload(plan, problem)`` is called after each such reload, in the watching thread: with the plan that runs
        now, and with ``None`` or the ``ConfigError`` that kept the old one running (which is also logged, as a warning
        of ``cbauth.watching``). One daemon thread serves all watches of a toolkit; it ends with the last of them, with
        ``close()``, or when the toolkit is collected. A child made by ``os.fork()`` has none: call ``watch`` there.

        Raises ``ConfigError`` for a toolkit that was not loaded from a file, and without the package ``watchfiles``.
        """
        if on_reload is not None and not callable(on_reload):
            raise ConfigError(f"on_reload has to be a function, not {type(on_reload).__name__}")
        with self._reloading:
            if self._file is None:
                raise ConfigError("this toolkit was not loaded from a file: there is nothing to watch")
            if self._watch is None or not self._watch.alive:
                self._watch = Watch(self._file.place, self._look)
            watch, token = self._watch, object()
            self._listeners[token] = on_reload
        watch.wait()
        return partial(_unwatch, weakref.ref(self), token)

    def _look(self) -> None:
        """Take over the file if it holds anything new."""
        with self._reloading:
            if self._file is None:
                return
            try:
                plan = self._file.news()
                if plan is None:
                    return
                self._run(plan)
            except ConfigError as error:
                self._problem = copy(error)
            told = tuple(self._listeners.values()), self._plan, self._problem
        tell(*told)

    def _follow(self) -> None:
        """Watch the file that is now the toolkit's, if anybody watches; none, if there is none any more."""
        with self._reloading:
            last, self._watch = self._watch, None
            if self._listeners and self._file is not None:
                self._watch = Watch(self._file.place, self._look)
        if last is not None:
            last.stop()

    def _stop_watching(self, *tokens: object) -> None:
        with self._reloading:
            for token in tokens:
                self._listeners.pop(token, None)
            last = None
            if not self._listeners:
                last, self._watch = self._watch, None
        if last is not None:
            last.stop()

    def close(self) -> None:
        """Watch no more; end the logins on their way; give back permits, the store and its files. Twice is fine."""
        self._closed = True
        self._stop_watching(*tuple(self._listeners))
        if self._leave is not None:
            self._leave()
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        shown = self.snapshot()
        return f"<Toolkit from {shown.source}: {shown.summary[:-1]}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a toolkit cannot be pickled or copied: load the file in each process, they share its state")

    def _repr_html_(self) -> str:
        return self._repr_mimebundle_()["text/html"]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from cbauth.display.bundle import bundle

        return bundle(self.snapshot())

    @property
    def _source(self) -> str:
        return str(self._plan.path) if self._plan.path is not None else "a mapping"


def _unwatch(toolkit: weakref.ref[Toolkit], token: object) -> None:
    """End one watch, if there still is a toolkit: whoever keeps the way to end it does not keep the toolkit alive."""
    if (still_there := toolkit()) is not None:
        still_there._stop_watching(token)
