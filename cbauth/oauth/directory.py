"""Who can log in, and where their provider's endpoints are."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

from cbauth.config.suggest import nearest
from cbauth.errors import ConfigError, LoginError
from cbauth.oauth.targets import Target, targets_of
from cbauth.plan import OAuthClient, Plan

if TYPE_CHECKING:
    from cbauth.events import EventBus
    from cbauth.oauth.client import Client
    from cbauth.oauth.discovery import Endpoints
    from cbauth.oauth.endpoint import TokenEndpoint

__all__ = ["Directory"]

FRESH_FOR = 3600.0
"""Seconds for which what an issuer declares is not asked again."""


class Directory:
    """Targets by id, and what their issuers declare. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._plans: weakref.WeakKeyDictionary[EventBus, Mapping[str, Target]] = weakref.WeakKeyDictionary()
        self._configured: dict[str, Target] = {}
        self._declared: dict[str, tuple[float, Endpoints]] = {}
        self._in_body: set[tuple[str | None, str | None]] = set()
        self._lock = threading.Lock()

    def adopt(self, bus: EventBus, plan: Plan, prepare: Callable[[OAuthClient], OAuthClient]) -> None:
        """Serve ``plan`` instead of the last one of the toolkit with this bus; ``prepare`` is done to all its clients.

        Of two toolkits that have a profile of the same name the later one decides.
        """
        targets = {name: replace(one, client=prepare(one.client)) for name, one in targets_of(plan).items()}
        with self._lock:
            self._plans[bus] = targets

    def forget(self, bus: EventBus) -> int:
        """Serve the plan of one toolkit no longer; how many are left."""
        with self._lock:
            self._plans.pop(bus, None)
            return len(self._plans)

    @property
    def _planned(self) -> Mapping[str, Target]:
        # made anew each time: a toolkit that is collected takes its plan along
        return {name: target for plan in list(self._plans.values()) for name, target in plan.items()}

    def configure(self, target: Target) -> None:
        """Serve a target that was described in Python; it wins over one of the same id in the plan."""
        with self._lock:
            others = {name: one for name, one in self._configured.items() if name != target.id}
            self._configured = {**others, target.id: target}  # whole at once: it is read without the lock

    def find(self, name: str) -> Target | None:
        """The target with this id."""
        return self._configured.get(name) or self._planned.get(name)

    def target(self, name: str) -> Target:
        """The target with this id. Raises ``ConfigError`` for one that nobody can log in to."""
        if not isinstance(name, str):
            raise ConfigError(f"name a profile or a provider to log in to, not {type(name).__name__}")
        target = self.find(name)
        if target is not None:
            return target
        names = {**self._planned, **self._configured}
        if not names:
            raise ConfigError(f"there is no login {name!r}, nor any other: describe one with configure_provider")
        near = nearest(name, names)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(names))}"
        raise ConfigError(f"there is no login {name!r}: {hint}")

    def redirect_uris(self) -> tuple[str, ...]:
        """Where the providers that were described in Python send browsers to, the latest first."""
        uris = [uri for target in reversed(self._configured.values()) for uri in target.client.redirect_uris]
        return tuple(dict.fromkeys(uris))

    def name_of(self, key: str) -> str | None:
        """The id under which a stored login is known here; a profile's before a provider's."""
        targets = [target for target in (*self._configured.values(), *self._planned.values()) if target.key == key]
        targets.sort(key=lambda target: target.profile_id is None)
        return targets[0].id if targets else None

    def names_of(self, key: str) -> frozenset[str]:
        """All ids that a stored login is good for."""
        return frozenset(t.id for t in (*self._configured.values(), *self._planned.values()) if t.key == key)

    def endpoints(self, target: Target, *needed: str) -> Endpoints:
        """The endpoints of a target; the issuer is asked if one that is ``needed`` is not given.

        Raises ``LoginError`` when it cannot be asked.
        """
        from cbauth.oauth.discovery import KINDS, Endpoints

        client = target.client
        given = {kind: url for kind in KINDS if (url := getattr(client, f"{kind}_endpoint")) is not None}
        if client.issuer is None or all(kind in given for kind in needed):
            return Endpoints(issuer=client.issuer, **given)
        return replace(self._discovered(client.issuer), **given)

    def _discovered(self, issuer: str) -> Endpoints:
        from cbauth.oauth.discovery import discover

        with self._lock:
            at, declared = self._declared.get(issuer, (0.0, None))
        if declared is None or monotonic() >= at + FRESH_FOR:
            declared = discover(issuer)
            with self._lock:
                self._declared[issuer] = monotonic(), declared
        return declared

    def client(self, target: Target, endpoints: Endpoints) -> Client:
        """How the target's client says who it is. Raises ``ConfigError``; ``AuthError`` without its secret."""
        from cbauth.oauth.client import Client

        target.require()
        secret = None if target.secret is None else target.secret.get()
        in_body = endpoints.secret_in_body or (endpoints.token, target.client.client_id) in self._in_body
        return Client(id=target.client.client_id or "", secret=secret, in_body=in_body)

    def token_endpoint(self, target: Target) -> TokenEndpoint:
        """Where the target's tokens come from. Raises ``ConfigError``, ``LoginError``, ``AuthError``."""
        from cbauth.oauth.endpoint import TokenEndpoint

        endpoints = self.endpoints(target, "token")
        if endpoints.token is None:
            raise LoginError("no_token_endpoint", f"provider {target.provider_id} has no token endpoint")
        return TokenEndpoint(
            endpoints.token,
            self.client(target, endpoints),
            learned=lambda client: self._in_body.add((endpoints.token, client.id)),
        )

    def after_fork_in_child(self) -> None:
        """A lock that somebody held in the parent is nobody's here."""
        self._lock = threading.Lock()
