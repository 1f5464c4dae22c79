"""The authorization request and the callback that answers it (RFC 6749 section 4.1, RFC 7636, RFC 9207). No I/O.

Laws:

1. Each request has a verifier and a ``state`` of its own, and the ``redirect_uri`` of the exchange is the one that was
   sent, byte for byte.
2. A callback is this request's only if its ``state`` is, and its ``iss`` is that of the server that was asked; both are
   compared in constant time, before anything is done with the code (RFC 9700 sections 4.4 and 4.7). That holds for what
   a person pastes as well, however it is wrapped and by whichever name of this machine it begins.
3. What the file adds to a request can replace none of what protects it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hmac import compare_digest
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from requests_oauthlib import OAuth2Session

from cbauth.errors import ConfigError, LoginError
from cbauth.oauth.discovery import Endpoints
from cbauth.oauth.loopback.callback import Place, RequestError
from cbauth.oauth.pkce import generate_pkce, generate_state
from cbauth.oauth.targets import Target
from cbauth.plan import PROTECTED_PARAMETERS
from cbauth.secrets import Secret

__all__ = ["Answer", "AuthorizationRequest"]

_LOOPBACK = re.compile(r"^(?:127\.0\.0\.1|localhost|\[::1\])(?=:[0-9]+$|$)")
_ENDS = ".,;"
_WRAPPERS = "\"'`<>()[]\u201c\u201d\u2018\u2019\u00ab\u00bb"


class Answer(NamedTuple):
    """What a callback says: a code, or an error."""

    code: Secret
    error: str
    description: str

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Answer:
        """The answer in the parameters of a callback."""
        return cls(Secret(params.get("code", "")), params.get("error", ""), params.get("error_description", ""))


class AuthorizationRequest:
    """One request: the URL to open, and the judge of what comes back. Raises ``ConfigError``, ``LoginError``."""

    __slots__ = ("_issuer", "_names_issuer", "_pkce", "_state", "redirect_uri", "target", "url")

    def __init__(self, target: Target, endpoints: Endpoints, redirect_uri: str) -> None:
        if endpoints.authorization is None:
            raise LoginError(
                "no_authorization_endpoint",
                f"{target.provider_name} has no page to log in at; try `{target.command} --device`",
                profile_id=target.profile_id,
            )
        client = target.client
        taken = sorted(PROTECTED_PARAMETERS & set(client.extra_params))
        if taken:
            raise ConfigError(f"extra_params of provider {target.provider_id} must not set {', '.join(taken)}")
        self.target = target
        Place.of(redirect_uri)  # which leads to this machine
        self.redirect_uri = redirect_uri
        self._pkce = generate_pkce()
        self._state = generate_state()
        self._issuer = endpoints.issuer
        self._names_issuer = endpoints.names_issuer
        hint = {"login_hint": target.account} if target.account else {}
        self.url = _url(
            client.client_id or "",
            endpoints.authorization,
            redirect_uri,
            client.scopes,
            {
                **hint,
                **client.extra_params,
                "state": self._state,
                "code_challenge": self._pkce.challenge,
                "code_challenge_method": self._pkce.method,
            },
        )

    def __repr__(self) -> str:
        return f"<AuthorizationRequest for {self.target.id}>"

    @property
    def state(self) -> str:
        """What ties the callback to this request."""
        return self._state

    @property
    def verifier(self) -> str:
        """What proves at the exchange that whoever asked is who redeems."""
        return self._pkce.verifier

    def owns(self, state: str) -> bool:
        """Whether a callback with this ``state`` is this request's; compared in constant time."""
        return _same(state, self._state)

    def objection(self, params: Mapping[str, str]) -> str | None:
        """Why a callback is not this request's, with none of its values; ``None`` when it is."""
        if not self.owns(params.get("state", "")):
            return "its state is not that of this login"
        issuer = params.get("iss")
        if issuer is None:
            return "it does not name its issuer, although the provider promises to" if self._names_issuer else None
        if self._issuer is not None and not _same(issuer, self._issuer):
            return "it comes from another issuer"
        return None

    def pasted(self, url: Secret) -> Answer:
        """The answer in the address that a person has copied. Raises ``LoginError``: the login goes on."""
        found, bare = self._read(Secret(url.reveal().strip())), _unwrapped(url)
        if isinstance(found, str):
            found = self._read(bare)
        if isinstance(found, Answer):
            return found
        if self._leads_to_sign_in(bare):
            found = "this is an address of the sign-in page: paste the one that the browser shows after signing in"
        else:
            found += "; copy the whole address of the page that the login ended on"
        raise LoginError("wrong_callback", found, profile_id=self.target.profile_id)

    def _leads_to_sign_in(self, url: Secret) -> bool:
        """Whether an address is one of the server on which a person signs in."""
        try:
            return urlsplit(url.reveal())[:2] == urlsplit(self.url)[:2]
        except ValueError:
            return False

    def _read(self, url: Secret) -> Answer | str:
        """The answer in an address, or what is wrong with it."""
        place = Place.of(self.redirect_uri)
        try:
            parts = urlsplit(url.reveal())
            # A name of this machine is as good as another in what a person brings: no page can have rebound it.
            host = _LOOPBACK.sub(place.host, parts.netloc).encode("ascii")
            target = urlunsplit(("", "", parts.path or "/", parts.query, "")).encode("ascii")
        except ValueError:
            return "that is no address"
        if parts.scheme != "http":
            return f"that address does not begin with {place.before}"
        try:
            params = place.callback(b"GET " + target + b" HTTP/1.1\r\nHost: " + host)
        except RequestError as error:
            return f"that is not where this login ends: {error.why}"
        why = self.objection(params)
        return Answer.of(params) if why is None else f"that belongs to another login: {why}"


def _url(client_id: str, endpoint: str, redirect_uri: str, scopes: tuple[str, ...], params: Mapping[str, str]) -> str:
    """The address to open. oauthlib takes https only, so plain http (to this machine) is put back afterwards."""
    parts = urlsplit(endpoint)
    with OAuth2Session(client_id, redirect_uri=redirect_uri, scope=list(scopes) or None) as session:
        url, _ = session.authorization_url(urlunsplit(parts._replace(scheme="https")), **params)
    return urlunsplit(urlsplit(url)._replace(scheme=parts.scheme))


def _unwrapped(url: Secret) -> Secret:
    """An address without what it stood in: quotes, brackets, the end of a sentence."""
    return Secret(url.reveal().strip().rstrip(_ENDS).strip(_WRAPPERS).rstrip(_ENDS))


def _same(one: str, other: str) -> bool:
    return compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
