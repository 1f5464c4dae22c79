"""``OAuthManager``: who can log in, the logins on their way, and the tokens that come of them."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from cbauth.config import builtin_providers
from cbauth.core.tokens import renew_at
from cbauth.errors import ConfigError, LoginError, LoginRequiredError
from cbauth.events import Event, EventBus, Handler
from cbauth.forks import in_child
from cbauth.oauth.ahead import GLANCE, Ahead
from cbauth.oauth.credentials import Credential, CredentialStore
from cbauth.oauth.directory import Directory
from cbauth.oauth.keeper import Keeper
from cbauth.oauth.lifetimes import due, over
from cbauth.oauth.pkce import PKCEChallenge, generate_pkce
from cbauth.oauth.settings import a_function, a_number, a_port, a_secret, an_address, at_port, client_from, open_store
from cbauth.oauth.targets import Target
from cbauth.plan import OAuthClient, Plan
from cbauth.secrets import Secret

if TYPE_CHECKING:
    from cbauth.oauth.desk import Desk
    from cbauth.oauth.device import DeviceAuthorization
    from cbauth.oauth.flow import Authorization

__all__ = ["OAuthManager"]

SHORT = 60.0
"""Tokens that live shorter (seconds) are renewed when they are asked for, not ahead."""

SignedIn = Callable[[frozenset[str]], None]

_log = logging.getLogger("cbauth.oauth")


class OAuthManager:
    """Logins with OAuth 2.0, and the tokens that come of them. A context manager; safe to use from any thread.

    ``store`` says where logins are kept: ``None`` in this process alone, unless ``path`` names a folder for files;
    ``"auto"``, ``"file"``, ``"keyring"``, ``"memory"``, or an object that is a place for logins. ``clock`` gives epoch
    seconds. ``port``: where to listen for callbacks, for providers configured here whose redirect URI names none.
    ``login_timeout``: seconds until a login that nobody finishes ends. ``refresh_before``: seconds before their end at
    which tokens are renewed, never more than a tenth of their life. ``sleep`` waits between two tries.

    Raises ``ConfigError`` for what makes no sense, ``StoreError`` when ``path`` or ``store`` cannot be used. So does
    every method that is given a profile or provider that nobody can log in to, or one of a file that is not trusted
    (``ConfigError``).
    """

    def __init__(
        self,
        *,
        store: CredentialStore | str | None = None,
        clock: Callable[[], float] = time.time,
        port: int | None = None,
        login_timeout: float = 300,
        refresh_before: float = 300,
        path: Path | str | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._port = a_port(port)
        self._timeout = a_number(login_timeout, "login_timeout")
        self._before = a_number(refresh_before, "refresh_before")
        a_function(clock, "clock")
        if sleep is not None:
            a_function(sleep, "sleep")
        self._clock = clock
        self._sleep = sleep
        self._bus = EventBus()
        self._directory = Directory()
        self._place = store, path
        self._opened: CredentialStore | None = None
        self._opening = threading.Lock()
        if store is None or not isinstance(store, str):
            self._store()  # cheap, and what is wrong with it should be known now
        self._keeper = Keeper(
            self._store, self._directory.token_endpoint, clock=clock, sleep=sleep, told=self._tell_of_token
        )
        self._held = self._keeper.held
        self._ahead = Ahead(self._renew_ahead, clock)
        self._desk: Desk | None = None
        self._signed_in: tuple[weakref.ref[SignedIn], ...] = ()
        in_child(self)

    @classmethod
    def over(cls, plan: Plan, bus: EventBus, **settings: Any) -> Self:
        """The manager of a toolkit: it serves the plan's profiles and tells its events with all others."""
        manager = cls(store=plan.credentials, **settings)
        manager._bus = bus
        manager.adopt(plan, bus)
        return manager

    def adopt(self, plan: Plan, bus: EventBus) -> None:
        """Serve the profiles and providers of ``plan`` instead of those before of the toolkit with this ``bus``.

        Where logins are kept stays.
        """
        self._directory.adopt(bus, plan, partial(at_port, port=self._port))
        self._keeper.let_go()

    def join(self, plan: Plan, bus: EventBus) -> Callable[[], None]:
        """Serve a toolkit that was given this manager, and tell it all events; returns what ends that."""
        self.adopt(plan, bus)
        there = weakref.ref(bus)
        unsubscribe = self._bus.on("*", lambda event: _hand_on(there, event))
        weakref.finalize(bus, unsubscribe).atexit = False

        def leave() -> None:
            unsubscribe()
            if (joined := there()) is not None and self._directory.forget(joined) == 0:
                self.keep_fresh(())

        return leave

    # who can log in

    def configure_provider(
        self,
        provider_id: str,
        *,
        client_id: str,
        client_secret: str | None = None,
        redirect_uri: str | Sequence[str] | None = None,
        scopes: Sequence[str] | None = None,
        **endpoints: Any,
    ) -> None:
        """Describe a provider's authorization server and your client there.

        ``endpoints``: ``issuer`` for discovery, or ``authorization_endpoint``, ``token_endpoint``,
        ``device_authorization_endpoint``, ``revocation_endpoint``, ``userinfo_endpoint``, which win over it; also
        ``extra_params`` of the authorization request, and ``refresh_before`` in seconds. ``redirect_uri`` is what is
        registered, ``http://127.0.0.1/callback`` if left out; without a port any free one is used, of a list the first
        whose port is free. Raises ``ConfigError``.
        """
        if not isinstance(provider_id, str) or not provider_id:
            raise ConfigError(f"a provider's id has to be a name, not {provider_id!r}")
        secret, client_secret = a_secret(client_secret, provider_id), None
        known = builtin_providers().get(provider_id)
        base = (known.oauth if known is not None else None) or OAuthClient()
        settings = {"redirect_uri": redirect_uri, "scopes": scopes, "refresh_before": self._before, **endpoints}
        client = client_from(provider_id, base, client_id, settings)
        self._directory.configure(
            Target(
                id=provider_id,
                provider_id=provider_id,
                provider_name=known.name if known is not None else provider_id,
                client=at_port(client, self._port),
                secret=secret,
            )
        )
        self._keeper.let_go()

    # logging in

    def generate_pkce(self) -> PKCEChallenge:
        """A fresh verifier and its S256 challenge (RFC 7636)."""
        return generate_pkce()

    def begin(self, profile_or_provider: str) -> Authorization:
        """Start a login with a browser, and listen for its end at once, in the background.

        A login with the same profile or provider that was on its way is cancelled. Raises ``LoginError`` (with
        ``port_in_use`` when no registered redirect URI has a free port), ``ConfigError``.
        """
        return self._front().begin(self._directory.target(profile_or_provider))

    def begin_device(self, profile_or_provider: str) -> DeviceAuthorization:
        """Start a login with a code to type on another device (RFC 8628). Raises ``LoginError``, ``ConfigError``."""
        return self._front().begin_device(self._directory.target(profile_or_provider))

    def get_authorization_url(self, provider_id: str) -> str:
        """The address to open in a browser, for programs that bring the callback back by themselves.

        What comes of it goes to ``handle_callback``, or its code and state to ``exchange_code``; with
        ``start_local_server`` before, it is received there. Raises ``LoginError``, ``ConfigError``.
        """
        return self._front().authorization_url(self._directory.target(provider_id))

    def start_local_server(self) -> str:
        """Receive the callbacks of ``get_authorization_url`` on this machine; gives the redirect URI that is used then.

        It listens where the providers that were configured here want it, else on ``port``, or on any free one. Raises
        ``LoginError`` with ``port_in_use``.
        """
        usual = f"http://127.0.0.1:{self._port}/callback" if self._port else "http://127.0.0.1/callback"
        return self._front().start_local_server(self._directory.redirect_uris() or (usual,))

    def stop_local_server(self) -> None:
        """Free the port."""
        if self._desk is not None:
            self._desk.stop_local_server()

    def handle_callback(self, url: str) -> Credential:
        """Finish the login whose callback ``url`` is. Raises ``LoginError``; with a wrong address the login goes on."""
        given, url = an_address(url), ""  # frames of errors must not show it
        return self._front().handle_callback(given)

    def exchange_code(self, provider_id: str, code: str, state: str) -> Credential:
        """Finish a login with the code and state of its callback. Raises ``LoginError``."""
        if not (isinstance(code, str) and code and isinstance(state, str)):
            raise LoginError("wrong_callback", "give the code and the state of the callback as texts")
        given, code = Secret(code), ""  # frames of errors must not show it
        return self._front().exchange_code(self._directory.target(provider_id), given, state)

    # tokens

    def get_access_token(self, credential_id: str) -> str:
        """An access token that works now; it is refreshed if need be, once for all threads and processes.

        Raises ``LoginRequiredError`` when only a person can help (``command`` says what to type), ``RefreshError`` when
        it could not be refreshed (``temporary``: the login is still good), ``StoreError``.
        """
        held = self._held.get(credential_id)
        if held is not None and held.since <= self._clock() < held.until:
            return held.token
        return self._keeper.token(self._known(credential_id))

    def refresh_token(self, credential_id: str) -> Credential:
        """Refresh now, whatever the clock says. Raises as ``get_access_token`` does."""
        return self._keeper.renew(self._known(credential_id), lambda found: False)

    def renew(self, credential_id: str, refused: Secret) -> None:
        """Replace an access token that was refused, unless somebody has done so since. Raises likewise."""
        target = self._known(credential_id)
        self._keeper.renew(
            target,
            lambda found: found.access_token != refused and not self._is_due(target, found),
            refused=refused,
        )

    def schedule_refresh(self, credential_id: str) -> None:
        """Renew the token ahead of its end from now on, in the background, until ``close()`` or ``logout()``."""
        self._ahead.add(credential_id)

    def on_signed_in(self, call: SignedIn) -> None:
        """Call a bound method with the ids that a login is good for, before ``auth:success`` is told.

        It is forgotten with its object.
        """
        self._signed_in = (*(each for each in self._signed_in if each() is not None), weakref.WeakMethod(call))

    def keep_fresh(self, credential_ids: Iterable[str]) -> None:
        """Renew the tokens of these ahead of their end from now on, and those of no others."""
        self._ahead.keep(set(credential_ids))

    def is_token_expired(self, credential: Credential) -> bool:
        """Whether the access token is past its end. Raises ``ConfigError`` for what is no credential."""
        if not isinstance(credential, Credential):
            raise ConfigError(f"expected a Credential, got {type(credential).__name__}: get_credential(id) gives one")
        return over(credential, self._clock())

    # logins

    def get_credential(self, credential_id: str) -> Credential | None:
        """The stored login of a profile or provider, as it was at most a second ago; ``None`` if there is none.

        One whose refresh token is known to be refused comes without it. Raises ``StoreError``.
        """
        target = self._directory.find(credential_id)
        if target is None:
            return next((login for login in self.list_credentials() if login.id == credential_id), None)
        if target.untrusted:
            return None
        login = self._keeper.look(target.key)
        return login if login is None or login.id == target.id else replace(login, id=target.id)

    def list_credentials(self) -> list[Credential]:
        """All stored logins, sorted by provider and account; those of other files and programs too."""
        return [replace(login, id=self._directory.name_of(login.key) or login.id) for login in self._store().all()]

    @property
    def store_description(self) -> str:
        """Where logins are kept, for people. Raises ``StoreError`` when that cannot be used."""
        return self._store().description

    def fetch_user_info(self, credential_id: str) -> dict[str, Any]:
        """What the provider says about the user (OpenID Connect Core section 5.3). Raises ``AuthError``."""
        target = self._known(credential_id)
        login = self.get_credential(credential_id)
        renew = self.renew if login is not None and login.refreshable else None
        return self._front().user_info(target, lambda: self.get_access_token(credential_id), renew)

    def logout(self, credential_id: str, revoke: bool = True) -> bool:
        """Forget a login, and have the provider forget it (RFC 7009); whether there was one.

        The login is gone here even if the provider cannot be reached, which is logged. Raises ``StoreError``.
        """
        there, trouble = self.sign_out(credential_id, revoke)
        if trouble:
            _log.warning("the login of %s is forgotten here, but its provider was not told: %s", credential_id, trouble)
        return there

    def sign_out(self, credential_id: str, revoke: bool = True) -> tuple[bool, str]:
        """``logout``, with what kept the provider from being told."""
        target = self._directory.find(credential_id)
        if target is not None and target.untrusted:
            raise ConfigError(target.untrusted)
        key = target.key if target is not None else getattr(self.get_credential(credential_id), "key", None)
        self._ahead.drop(credential_id)
        credential = self._keeper.take(key) if key is not None else None
        if credential is None or target is None or not revoke:
            return credential is not None, ""
        return True, self._front().revoke(target, credential)

    # events and the end

    def on(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call ``handler`` with each such event; returns a callable that unsubscribes. A typo is a ``ConfigError``."""
        return self._bus.on(event, handler)

    def close(self) -> None:
        """Cancel the logins on their way, free their ports, renew nothing ahead any more. Stored logins stay."""
        self._ahead.close()
        if self._desk is not None:
            self._desk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = self._opened.description if self._opened is not None else "not opened yet"
        return f"<OAuthManager, logins: {where}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an OAuthManager holds logins: make one in each process, they find what is stored")

    # inside

    def _store(self) -> CredentialStore:
        if self._opened is None:
            with self._opening:
                if self._opened is None:
                    self._opened = open_store(*self._place)
        return self._opened

    def _front(self) -> Desk:
        """Where logins begin; loaded when first used, for it brings an HTTP client along."""
        if self._desk is None:
            from cbauth.oauth.desk import Desk

            self._desk = Desk(self._directory, self._keeper.put, self._tell, self._timeout, self._clock, self._sleep)
        return self._desk

    def _known(self, credential_id: str) -> Target:
        if not isinstance(credential_id, str) or not credential_id:
            raise ConfigError("name the profile or the provider whose login it is")
        target = self._directory.find(credential_id)
        if target is None:
            raise LoginRequiredError(credential_id)
        if target.untrusted:
            raise ConfigError(target.untrusted)
        return target

    def _is_due(self, target: Target, credential: Credential) -> bool:
        return due(target, credential, self._clock())

    def _renew_ahead(self, credential_id: str) -> float | None:
        """Renew a token if it is due; the epoch second to look again."""
        target, now = self._directory.find(credential_id), self._clock()
        login = self._keeper.read(target.key) if target is not None and not target.untrusted else None
        if target is None or login is None:
            return now + GLANCE  # somebody may log in
        if login.expires_at is None or not login.refreshable or (login.lifetime or SHORT) < SHORT:
            return now + GLANCE
        if not self._is_due(target, login):
            return renew_at(login.expires_at, login.lifetime, target.client.refresh_before)
        self._keeper.renew(target, lambda found: not self._is_due(target, found), early=True)
        return now + GLANCE

    def _tell_of_token(self, name: str, target: Target, credential: Credential | None) -> None:
        self._tell(name, target, until=None if credential is None else credential.expires_at)

    def _tell(self, name: str, target: Target, *, error: str | None = None, until: float | None = None) -> None:
        for each in self._signed_in if name == "auth:success" else ():
            if (welcome := each()) is not None:
                welcome(self._directory.names_of(target.key))
        if self._bus.listening:
            event = Event(
                name=name,
                at=self._clock(),
                profile_id=target.profile_id,
                provider_id=target.provider_id,
                error=error,
                until=until,
            )
            self._bus.publish([event])

    def after_fork_in_child(self) -> None:
        """Threads, and the locks that they hold, are the parent's."""
        self._opening = threading.Lock()
        self._directory.after_fork_in_child()
        self._keeper.after_fork_in_child()
        self._ahead.after_fork_in_child()
        self._desk = None  # the logins on their way are the parent's


def _hand_on(there: weakref.ref[EventBus], event: Event) -> None:
    if (bus := there()) is not None:
        bus.publish([event])
