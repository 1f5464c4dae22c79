"""Keeps logins alive: tokens that work now, refreshed once for any number of threads and processes.

Laws:

1. Whoever refreshes holds the lock of the login and has read it again under that lock, so an expired token costs one
   request, and everybody gets the token that came of it.
2. A new refresh token is stored before anybody sees the access token that came with it. What cannot be stored lives in
   memory, is told once, and is stored as soon as that works.
3. Only ``invalid_grant`` ends a login, and only if the refresh token that was refused is still the one that is stored.
   The login stays as it is even then: a mark beside it says which token is refused, so that no process asks again, and
   it is told once. Every other fault changes nothing.
4. A token that is still good is given out while it cannot be renewed, and nobody waits for that.
5. No error made here carries a token, nor the frames that held one.
"""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from cbauth.core.tokens import TokenResponse, renew_at
from cbauth.errors import AuthError, CbauthError, ConfigError, LoginError, LoginRequiredError, RefreshError, StoreError
from cbauth.oauth.credentials import Credential, CredentialStore
from cbauth.oauth.lifetimes import due, life, over, renewed
from cbauth.oauth.targets import Target
from cbauth.oauth.uninterrupted import uninterrupted
from cbauth.secrets import Secret

if TYPE_CHECKING:
    from cbauth.oauth.endpoint import TokenEndpoint, TokenError

__all__ = ["Held", "Keeper", "Told"]

PATIENCE = 90.0
"""Seconds to wait for somebody else's refresh, which gives up sooner."""
FAREWELL = 10.0
"""Seconds that the end of a program waits for a refresh in another thread."""
PAUSE = 30.0
"""Seconds between two tries to renew a token that is still good."""

Renewal = tuple[Credential, str | None, AuthError | None]
"""A login with new tokens, which event that is, and why it has none."""
Told = Callable[[str, Target, Credential | None], None]
"""Told what has happened, by the event's name, when no lock is held."""

_log = logging.getLogger("cbauth.oauth")


class Held:
    """A token that may be given out without another look, from ``since`` until ``until`` (epoch seconds)."""

    __slots__ = ("since", "token", "until")

    def __init__(self, since: float, until: float, token: str) -> None:
        self.since = since
        self.until = until
        self.token = token

    def __repr__(self) -> str:
        return f"Held(until={self.until!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is not pickled")


class _Seen(NamedTuple):
    """What was read last, and until when (monotonic seconds) that will do."""

    until: float
    credential: Credential | None
    error: StoreError | None = None


class _Failure(NamedTuple):
    """How a refresh ended for all who waited for it; ``at`` is monotonic seconds."""

    at: float
    error: AuthError


class _Ended(NamedTuple):
    """A login that is lost: the mark of its tokens, and since when (epoch seconds) its access token is refused too."""

    mark: str
    refused_at: float | None


class Keeper:
    """The logins in one store. ``endpoint`` gives a target's token endpoint; ``sleep`` waits between two tries."""

    def __init__(
        self,
        store: Callable[[], CredentialStore],
        endpoint: Callable[[Target], TokenEndpoint],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None] | None,
        told: Told,
    ) -> None:
        self.held: dict[str, Held] = {}
        self._open = store
        self._endpoint = endpoint
        self._clock = clock
        self._sleep = sleep
        self._told = told
        self._seen: dict[str, _Seen] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._failures: dict[str, _Failure] = {}
        self._again_at: dict[str, float] = {}
        self._ended: dict[str, _Ended] = {}
        self._unsaved: dict[str, tuple[Secret | None, Credential]] = {}
        self._changes = 0
        self._holding = threading.Lock()
        _all.add(self)

    # reading

    def look(self, key: str) -> Credential | None:
        """The login as it was a moment ago. Raises ``StoreError``."""
        seen = self._seen.get(key)
        if seen is None or monotonic() >= seen.until:
            try:
                return self.read(key)
            except StoreError as error:
                self._seen[key] = _Seen(monotonic() + self._open().fresh_for, None, error)
                raise
        if seen.error is not None:
            raise StoreError(str(seen.error))
        return seen.credential

    def read(self, key: str) -> Credential | None:
        """The login as it is now, without what is known to be refused. Raises ``StoreError``."""
        store = self._open()
        credential = self._newest(store, key)
        ended = self._ended.get(key)
        if credential is not None:
            mark = _mark(credential)
            if ended is not None and ended.mark == mark:
                ends = credential.expires_at if ended.refused_at is None else ended.refused_at
                credential = replace(credential, refresh_token=None, expires_at=ends)
            elif store.marked(key) == mark:
                self._ended[key] = _Ended(mark, None)
                credential = replace(credential, refresh_token=None)
        self._seen[key] = _Seen(monotonic() + store.fresh_for, credential)
        return credential

    def _newest(self, store: CredentialStore, key: str) -> Credential | None:
        consumed, kept = self._unsaved.get(key, (None, None))
        if kept is None:
            return store.load(key)
        try:
            stored = store.load(key)
            if stored is None or stored.refresh_token != consumed:  # somebody logged out, or in, meanwhile
                del self._unsaved[key]
                return stored
            store.save(kept)
        except StoreError:
            return kept
        del self._unsaved[key]
        _log.warning("the login of %s is stored again", kept.id)
        return kept

    # tokens

    def token(self, target: Target) -> str:
        """An access token that works now.

        Raises ``LoginRequiredError`` when only a person can help, ``RefreshError`` when it cannot be had, and
        ``StoreError``.
        """
        changes = self._changes
        credential = self.read(target.key)
        now = self._clock()
        if credential is None:
            raise LoginRequiredError(target.id, command=target.command)
        if not due(target, credential, now):
            return self._hold(target, credential, renew_at(*life(credential), target.client.refresh_before), changes)
        if not over(credential, now):
            return self._renewed_early(target, credential, now, changes)
        return self.renew(target, lambda found: not due(target, found, self._clock())).access_token.reveal()

    def _renewed_early(self, target: Target, credential: Credential, now: float, changes: int) -> str:
        """The token if it cannot be renewed right now, else the new one."""
        if credential.refreshable and now >= self._again_at.get(target.key, now):
            try:
                new = self.renew(target, lambda found: not due(target, found, self._clock()), early=True)
            except CbauthError as error:
                _log.info("the token of %s is still good, but could not be renewed: %s", target.id, error)
                self._again_at[target.key] = now + PAUSE
            else:
                return new.access_token.reveal()
        end = credential.expires_at or now
        return self._hold(target, credential, min(end, max(now, self._again_at.get(target.key, end))), changes)

    def _hold(self, target: Target, credential: Credential, until: float, changes: int) -> str:
        """Give a token out, and keep it at hand for as long as nobody can have changed it unseen.

        ``changes``: how many there had been when it was read. Whoever has changed something since is not undone.
        """
        now = self._clock()
        token = credential.access_token.reveal()
        with self._holding:
            if self._changes == changes:
                self.held[target.id] = Held(now, min(until, now + self._open().fresh_for), token)
        return token

    # refreshing

    def renew(
        self,
        target: Target,
        good: Callable[[Credential], bool],
        *,
        early: bool = False,
        refused: Secret | None = None,
    ) -> Credential:
        """The login with new tokens, unless somebody has already put ``good`` ones there.

        ``early``: try once, now. ``refused``: the access token that somebody did not accept. Raises
        ``LoginRequiredError``, ``RefreshError``, ``StoreError``.
        """
        begun = monotonic()
        # An interrupt between the provider's answer and its storing would cost the login.
        credential, happened, error = uninterrupted(lambda: self._renewed(target, good, early, refused, begun))
        if happened is not None:
            self._told(happened, target, credential)
        if error is not None:
            raise error
        return credential

    def _renewed(
        self, target: Target, good: Callable[[Credential], bool], early: bool, refused: Secret | None, begun: float
    ) -> Renewal:
        """``renew`` with the lock of the login in hand. ``begun``: when it was asked for (monotonic seconds)."""
        patience = 0.0 if early else PATIENCE
        lock = self._locks.setdefault(target.key, threading.Lock())
        if not lock.acquire(timeout=patience):
            raise RefreshError(f"the token of {target.id} is being refreshed", temporary=True, profile_id=target.id)
        try:
            failure = self._failures.get(target.key)
            if failure is not None and failure.at > begun:
                raise _again(failure.error)
            with self._open().lock(target.key, patience):
                credential = self._stored(target)
                if good(credential):
                    return credential, None, None
                renewal = self._refreshed(target, credential, early, refused)
            error = renewal[2]
            if error is not None and not early:  # others have more patience
                self._failures[target.key] = _Failure(monotonic(), _again(error))
            return renewal
        finally:
            lock.release()

    def _stored(self, target: Target) -> Credential:
        credential = self.read(target.key)
        if credential is None:
            raise LoginRequiredError(target.id, command=target.command)
        return credential

    def _refreshed(self, target: Target, credential: Credential, early: bool, refused: Secret | None) -> Renewal:
        for _ in range(2):
            if credential.refresh_token is None:
                lost = self._newest(self._open(), target.key)
                is_refused = refused is not None or (lost is not None and lost.refreshable)
                if not is_refused and not over(credential, self._clock()):
                    return credential, None, self._over(target, "the provider gave nothing to refresh the login with")
                why = "the provider no longer accepts the login" if is_refused else "the login has expired"
                return credential, self._end(target, credential, refused), self._over(target, why)
            answer = self._ask(target, credential, early)
            if isinstance(answer, TokenResponse):
                new = renewed(credential, answer, self._clock())
                self._keep(new, credential.refresh_token)
                return new, "token:refreshed", None
            if isinstance(answer, AuthError):
                return credential, None, answer
            found = self.read(target.key)
            if found is None or found.refresh_token == credential.refresh_token:
                break
            credential = found  # by somebody who does not know our locks: another machine, or another program
            if not due(target, found, self._clock()):
                return found, None, None
        why = "the provider no longer accepts the login"
        return credential, self._end(target, credential, refused), self._over(target, why)

    def _ask(self, target: Target, credential: Credential, early: bool) -> TokenResponse | AuthError | None:
        """What the token endpoint answers; ``None`` when it says that the login is lost."""
        from cbauth.oauth.retrying import ask_patiently

        what = f"the token of {target.id} cannot be refreshed"
        try:
            endpoint = self._endpoint(target)
        except LoginError as error:  # discovery
            return RefreshError(f"{what}: {error.description}", temporary=True, profile_id=target.id)
        except (AuthError, ConfigError) as error:
            return RefreshError(f"{what}: {error}", temporary=False, profile_id=target.id)
        token = credential.refresh_token or Secret("")
        answer = ask_patiently(endpoint, token, credential.scopes, self._sleep, once=early)
        if isinstance(answer, TokenResponse):
            return answer
        return None if answer.lost else _refusal(what, target, answer)

    def _end(self, target: Target, credential: Credential, refused: Secret | None) -> str | None:
        """Remember that a login is lost; the event, unless that was told before."""
        store, known = self._open(), self._ended.get(target.key)
        mark = _mark(self._newest(store, target.key) or credential)
        told = known is not None and known.mark == mark
        refused_at = known.refused_at if known is not None and told else None
        if refused == credential.access_token:
            refused_at = self._clock()
        self._ended[target.key] = _Ended(mark, refused_at)
        if not told:
            try:
                store.mark(target.key, mark)
            except StoreError as error:
                _log.info("that the login of %s is lost is known to this process alone: %s", target.id, error)
        self._forget(target.key)
        return None if told else "token:expired"

    def _over(self, target: Target, reason: str) -> LoginRequiredError:
        return LoginRequiredError(target.id, command=target.command, reason=reason)

    # writing

    def put(self, credential: Credential) -> None:
        """Store a login that a person has just made. Raises ``StoreError``."""
        store = self._open()
        with store.lock(credential.key, PATIENCE):
            store.save(credential)
            store.mark(credential.key, "")
        self._unsaved.pop(credential.key, None)
        self._ended.pop(credential.key, None)
        self._forget(credential.key)

    def take(self, key: str) -> Credential | None:
        """Remove a login and give it away. Raises ``StoreError``."""
        store = self._open()
        with store.lock(key, PATIENCE):
            credential = self._newest(store, key)
            store.delete(key)
        self._unsaved.pop(key, None)
        self._forget(key)
        return credential

    def _keep(self, credential: Credential, consumed: Secret | None) -> None:
        """Store new tokens, before anybody sees them; in memory if that cannot be."""
        try:
            self._open().save(credential)
        except StoreError as error:
            if credential.key not in self._unsaved:
                _log.warning("the new tokens of %s live in memory until they can be stored: %s", credential.id, error)
                self._unsaved[credential.key] = consumed, credential
            else:
                self._unsaved[credential.key] = self._unsaved[credential.key][0], credential
        self._forget(credential.key)

    def _forget(self, key: str) -> None:
        """Look again: something has changed."""
        self._seen.pop(key, None)
        self._again_at.pop(key, None)
        self.let_go()

    def let_go(self) -> None:
        """Have no token at hand; nobody who has read one before puts it there."""
        with self._holding:
            self._changes += 1
            self.held.clear()

    def finish(self, until: float) -> None:
        """Wait for the refreshes that are under way, until then at most (monotonic seconds)."""
        for lock in tuple(self._locks.values()):
            if lock.acquire(timeout=max(0.0, until - monotonic())):
                lock.release()

    def after_fork_in_child(self) -> None:
        """Locks that somebody held in the parent are nobody's here."""
        self._locks = {}
        self._holding = threading.Lock()


def _mark(credential: Credential) -> str:
    """What tells a login's tokens from those before and after; it says nothing about them."""
    token = credential.refresh_token or credential.access_token
    return sha256(f"{credential.received_at!r} {token.reveal()}".encode()).hexdigest()[:32]


def _refusal(what: str, target: Target, error: TokenError) -> RefreshError:
    return RefreshError(f"{what}: {error}", temporary=error.temporary, profile_id=target.id)


def _again(error: AuthError) -> AuthError:
    """The same error for another thread: exceptions that are shared collect everybody's frames."""
    if isinstance(error, LoginRequiredError):
        return LoginRequiredError(error.profile_id or "", command=error.command, reason=error.reason)
    temporary = isinstance(error, RefreshError) and error.temporary
    return RefreshError(error.message, temporary=temporary, profile_id=error.profile_id)


_all: weakref.WeakSet[Keeper] = weakref.WeakSet()


@atexit.register
def _finish() -> None:
    """Programs that end cut their threads off: between a provider's answer and its storing, that would cost a login."""
    until = monotonic() + FAREWELL
    for keeper in tuple(_all):
        keeper.finish(until)
