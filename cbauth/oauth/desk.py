"""Where logins begin and end: the network side of ``OAuthManager``.

Laws:

1. A login is stored before anybody is told that it was made, and every login that was started is told to have ended:
   one that nobody finishes when its time is over, or, begun by ``authorization_url``, at the next look after that.
2. At most one login of a target is on its way by ``begin``: a new one cancels the one before.
3. Whoever asked for an address by ``authorization_url`` can redeem it once, in the time that a login has.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from cbauth.core.tokens import TokenResponse
from cbauth.errors import AuthError, CbauthError, LoginError
from cbauth.oauth.credentials import Credential
from cbauth.oauth.device import DeviceAuthorization, ask_for_code
from cbauth.oauth.directory import Directory
from cbauth.oauth.endpoint import TokenEndpoint, TokenError
from cbauth.oauth.flow import Authorization, denial
from cbauth.oauth.local import CallbackServer
from cbauth.oauth.login import Keep, Login
from cbauth.oauth.request import Answer, AuthorizationRequest
from cbauth.oauth.revocation import revoke
from cbauth.oauth.targets import Target
from cbauth.oauth.userinfo import RefusedError, account_in, ask_user_info
from cbauth.secrets import Secret

__all__ = ["Desk"]

_log = logging.getLogger("cbauth.oauth")

T = TypeVar("T")


class Tell(Protocol):
    """Publishes an event about a target."""

    def __call__(self, name: str, target: Target, *, error: str | None = None, until: float | None = None) -> None: ...


class Desk:
    """The logins on their way. ``keep`` stores one; ``timeout`` is how many seconds each has."""

    def __init__(
        self,
        directory: Directory,
        keep: Keep,
        tell: Tell,
        timeout: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None] | None,
    ) -> None:
        self._directory = directory
        self._keep = keep
        self._tell = tell
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._logins: dict[str, Login] = {}
        self._pending: dict[str, tuple[float, AuthorizationRequest]] = {}
        self._accepted: dict[str, AuthorizationRequest] = {}
        self._closed = 0
        self._server: CallbackServer | None = None

    # a login as an object

    def begin(self, target: Target) -> Authorization:
        """Start a login with a browser."""
        target.require()
        closed = self._closed
        endpoints = self._directory.endpoints(target, "authorization", "token")
        self._cancel(target)
        login = Authorization(
            lambda redirect_uri: AuthorizationRequest(target, endpoints, redirect_uri),
            target.client.redirect_uris,
            name=target.id,
            profile_id=target.profile_id,
            expires_at=self._clock() + self._timeout,
            seconds=self._timeout,
            redeem=self._redeem,
            keep=self._keep,
            ended=lambda end: self._ended(target, end),
        )
        self._started(target, login, closed)
        return login

    def begin_device(self, target: Target) -> DeviceAuthorization:
        """Start a login with a code."""
        target.require()
        closed = self._closed
        endpoints = self._directory.endpoints(target, "device_authorization", "token")
        url = endpoints.device_authorization
        if url is None:
            raise LoginError(
                "no_device_flow",
                f"{target.provider_name} offers no login with a code; use `{target.command}`",
                profile_id=target.profile_id,
            )
        client = self._directory.client(target, endpoints)
        code = _without_frames(lambda: ask_for_code(url, client, target.client.scopes), target)
        self._cancel(target)
        seconds = min(code.life, self._timeout) if self._timeout > 0 else code.life
        login = DeviceAuthorization(
            code,
            lambda device_code: self._redeem_device(target, device_code),
            name=target.id,
            profile_id=target.profile_id,
            expires_at=self._clock() + seconds,
            seconds=seconds,
            keep=self._keep,
            ended=lambda end: self._ended(target, end),
            pause=self._sleep,
        )
        self._started(target, login, closed)
        return login

    def _started(self, target: Target, login: Login, closed: int) -> None:
        with self._lock:
            another = self._logins.get(target.id)  # begun at the same moment
            self._logins[target.id] = login
        self._tell("auth:started", target)
        login.start()
        if another is not None:
            another.cancel()
        if self._closed != closed:
            login.cancel()

    def _cancel(self, target: Target) -> None:
        with self._lock:
            login = self._logins.pop(target.id, None)
        if login is not None:
            login.cancel()

    def _ended(self, target: Target, end: Credential | LoginError) -> None:
        if isinstance(end, Credential):
            self._tell("auth:success", target, until=end.expires_at)
        else:
            self._tell("auth:failed", target, error=_words(end))

    # a login in pieces

    def authorization_url(self, target: Target) -> str:
        """The address of a login that somebody else will finish."""
        target.require()
        endpoints = self._directory.endpoints(target, "authorization", "token")
        server = self._server
        registered = target.client.redirect_uris
        redirect_uri = next((uri for uri in registered if server is not None and server.receives(uri)), None)
        redirect_uri = registered[0] if server is None or redirect_uri is None else server.redirect_uri
        request = AuthorizationRequest(target, endpoints, redirect_uri)
        now = monotonic()
        with self._lock:
            late = [entry[1] for entry in self._pending.values() if entry[0] <= now]
            self._pending = {state: entry for state, entry in self._pending.items() if entry[0] > now}
            self._pending[request.state] = now + self._timeout, request
        for one in late:
            self._ended(one.target, LoginError("timeout", "nobody has finished the login in time"))
        self._tell("auth:started", target)
        return request.url

    def start_local_server(self, redirect_uris: Sequence[str]) -> str:
        """Listen for the callbacks of such logins."""
        with self._lock:
            if self._server is None:
                self._server = CallbackServer(redirect_uris, self._objection, self._finish)
            return self._server.redirect_uri

    def stop_local_server(self) -> None:
        """Free the port."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.close()

    def handle_callback(self, url: Secret) -> Credential:
        """Finish the login that a callback belongs to."""
        state = _state_in(url)
        with self._lock:
            logins = [login for login in self._logins.values() if isinstance(login, Authorization)]
        for login in logins:
            if login.owns(state):
                return login.complete(url.reveal())
        request = self._request(state)
        answer = request.pasted(url)
        self._take(request)
        return self._redeemed(request, answer)

    def exchange_code(self, target: Target, code: Secret, state: str) -> Credential:
        """Finish a login with what its callback held."""
        request = self._request(state)
        if request.target.id != target.id:
            raise LoginError("wrong_callback", f"that belongs to a login with {request.target.id}")
        self._take(request)
        return self._redeemed(request, Answer(code, "", ""))

    def _request(self, state: str) -> AuthorizationRequest:
        now = monotonic()
        with self._lock:
            pending = [request for until, request in self._pending.values() if until > now]
        for request in pending:
            if request.owns(state):
                return request
        raise LoginError(
            "wrong_callback", "its state is not that of a login that waits here: start the login again", profile_id=None
        )

    def _take(self, request: AuthorizationRequest) -> None:
        """From here on the request is answered: its code is good for one exchange."""
        with self._lock:
            if self._pending.pop(request.state, None) is None:
                raise LoginError("already_answered", "this login has had its answer")

    def _objection(self, params: Mapping[str, str]) -> str | None:
        """Why the server does not take a callback; if it does, the request is answered."""
        try:
            request = self._request(params.get("state", ""))
            why = request.objection(params)
            if why is None:
                self._take(request)
                self._accepted[request.state] = request
        except LoginError as error:
            return error.description
        return why

    def _finish(self, params: Mapping[str, str]) -> None:
        """Redeem what the server has received."""
        with suppress(CbauthError):  # which was told
            self._redeemed(self._accepted.pop(params["state"]), Answer.of(params))

    def _redeemed(self, request: AuthorizationRequest, answer: Answer) -> Credential:
        target = request.target
        denied = denial(answer, target.profile_id)
        try:
            if denied is not None:
                raise denied
            credential = self._redeem(request, answer.code)
            self._keep(credential)
        except CbauthError as error:
            failure = error if isinstance(error, LoginError) else LoginError("failed", str(error))
        else:
            self._ended(target, credential)
            return credential
        self._ended(target, failure)
        raise LoginError(failure.error, failure.description, profile_id=target.profile_id)

    # tokens

    def _redeem(self, request: AuthorizationRequest, code: Secret) -> Credential:
        """The login that a code stands for, not stored yet."""
        target = request.target
        endpoint = _without_frames(lambda: self._directory.token_endpoint(target), target)
        return self._credential(
            target,
            _without_frames(
                lambda: endpoint.exchange(code.reveal(), request.verifier, request.redirect_uri, target.client.scopes),
                target,
            ),
        )

    def _redeem_device(self, target: Target, device_code: Secret) -> Credential:
        endpoint: TokenEndpoint = self._directory.token_endpoint(target)
        return self._credential(target, endpoint.device(device_code.reveal(), target.client.scopes))

    def _credential(self, target: Target, tokens: TokenResponse) -> Credential:
        now = self._clock()
        return Credential(
            key=target.key,
            id=target.id,
            provider_id=target.provider_id,
            account=_account(target, account_in(tokens.extra)),
            scopes=tokens.scopes,
            access_token=Secret(tokens.access_token),
            refresh_token=Secret(tokens.refresh_token) if tokens.refresh_token else None,
            expires_at=None if tokens.lifetime is None else now + tokens.lifetime,
            lifetime=tokens.lifetime,
            received_at=now,
            extra=tokens.extra,
        )

    # user info and revocation

    def user_info(
        self, target: Target, token: Callable[[], str], renew: Callable[[str, Secret], None] | None
    ) -> dict[str, Any]:
        """What the provider says about the user; a token that it refuses is refreshed once, if it can be."""
        url = self._directory.endpoints(target, "userinfo").userinfo
        if url is None:
            raise AuthError(f"{target.provider_name} has no user info endpoint", profile_id=target.profile_id)
        first = Secret(token())
        try:
            return ask_user_info(url, first)
        except RefusedError:
            if renew is None:
                raise
        renew(target.id, first)
        return ask_user_info(url, Secret(token()))

    def revoke(self, target: Target, credential: Credential) -> str:
        """Have the provider forget a login; what went wrong, or ``""``."""
        try:
            endpoints = self._directory.endpoints(target, "revocation")
            if endpoints.revocation is None:
                return "it has no revocation endpoint"
            client = self._directory.client(target, endpoints)
        except CbauthError as error:
            return getattr(error, "description", "") or str(error)
        if credential.refresh_token is not None:
            return revoke(endpoints.revocation, client, credential.refresh_token, "refresh_token")
        return revoke(endpoints.revocation, client, credential.access_token, "access_token")

    def close(self) -> None:
        """End everything that is on its way."""
        self.stop_local_server()
        with self._lock:
            self._closed += 1
            logins, self._logins = tuple(self._logins.values()), {}
            pending, self._pending = tuple(self._pending.values()), {}
        for login in logins:
            login.cancel()
        for _, request in pending:
            self._ended(request.target, LoginError("cancelled", "the login was cancelled"))


def _without_frames(ask: Callable[[], T], target: Target) -> T:
    """What ``ask`` gives; an error of it without the frames that held a code or a secret."""
    try:
        return ask()
    except TokenError as error:
        failure: CbauthError = LoginError(error.error, error.description, profile_id=target.profile_id)
    except LoginError as error:
        failure = LoginError(error.error, error.description, profile_id=target.profile_id)
    except CbauthError as error:
        failure = error.with_traceback(None)
    raise failure


def _account(target: Target, named: str | None) -> str | None:
    """Whose login it is: what the file says, unless the provider names somebody else. Any text may be in the file."""
    wanted = target.account
    if wanted is None or named is None or "@" not in wanted or "@" not in named:
        return wanted or named
    if wanted.casefold() != named.casefold():
        _log.warning("profile %s is for %s, but the provider says that this is %s", target.id, wanted, named)
        return named
    return wanted


def _words(error: LoginError) -> str:
    return f"{error.error}: {error.description}" if error.description else error.error


def _state_in(url: Secret) -> str:
    try:
        return parse_qs(urlsplit(url.reveal().strip()).query).get("state", [""])[0]
    except ValueError:
        return ""
