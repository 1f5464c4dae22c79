"""The token endpoint: requests-oauthlib does the protocol, and what it does not look at is looked at here.

Laws:

1. Status and shape of an answer are judged before anything in it is believed.
2. Only ``invalid_grant`` (with GitHub ``bad_refresh_token``) says that a login is lost. Whatever else fails leaves it
   as it is.
3. A refresh asks for no scopes, so that it gives what there was (RFC 6749 section 6).
4. ``client_id`` is sent by public clients; confidential ones send their secret in a header, or in the body where the
   provider knows only that: it says so, or refuses the header (RFC 6749 section 2.3.1).
5. No text made here holds a token, a code or a secret.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import requests
from requests_oauthlib import OAuth2Session

from cbauth.core.tokens import TokenResponse, read_error, read_tokens
from cbauth.oauth.client import Client
from cbauth.oauth.transport import READ, harden
from cbauth.outcomes import classify
from cbauth.outcomes.redaction import brief, redact

__all__ = ["TokenEndpoint", "TokenError"]

LOST = frozenset({"invalid_grant", "bad_refresh_token"})
"""Codes for a grant that is refused: RFC 6749 section 5.2, and what GitHub says of refresh tokens."""
ACCEPT = {"Accept": "application/json"}


class TokenError(Exception):
    """A token endpoint gave no tokens. ``error`` is the provider's code, or one of ours.

    ``temporary``: asking again may help, after ``retry_after`` seconds if it says so. ``lost``: the grant is refused.
    """

    def __init__(
        self, error: str, description: str = "", *, temporary: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.temporary = temporary
        self.retry_after = retry_after

    @property
    def lost(self) -> bool:
        """Whether the login is gone."""
        return self.error in LOST

    def __str__(self) -> str:
        return f"{self.error} ({self.description})" if self.description else self.error


Fetch = Callable[[OAuth2Session, str, Client], object]
Learned = Callable[[Client], None]


class TokenEndpoint:
    """Exchanges codes, refreshes tokens, redeems device codes.

    ``read``: seconds to wait for bytes. ``learned`` is told how the client has to say who it is, if it took two tries.
    """

    def __init__(self, url: str, client: Client, *, read: float = READ, learned: Learned | None = None) -> None:
        self.url = url
        self._client = client
        self._read = read
        self._learned = learned

    def exchange(self, code: str, verifier: str, redirect_uri: str, asked: Sequence[str] = ()) -> TokenResponse:
        """Tokens for an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5). Raises ``TokenError``."""

        def fetch(session: OAuth2Session, url: str, client: Client) -> object:
            return session.fetch_token(
                url,
                code=code,
                code_verifier=verifier,
                auth=client.auth,
                include_client_id="client_id" in client.form,
                client_secret=client.form.get("client_secret"),
            )

        return self._ask(fetch, asked, (code, verifier), redirect_uri=redirect_uri)

    def refresh(self, refresh_token: str, asked: Sequence[str] = ()) -> TokenResponse:
        """New tokens for a refresh token (RFC 6749 section 6). Raises ``TokenError``."""

        def fetch(session: OAuth2Session, url: str, client: Client) -> object:
            return session.refresh_token(url, refresh_token=refresh_token, auth=client.auth, **client.form)

        return self._ask(fetch, asked, (refresh_token,))

    def device(self, device_code: str, asked: Sequence[str] = ()) -> TokenResponse:
        """Tokens for a device code, once it was approved (RFC 8628 section 3.4). Raises ``TokenError``."""

        def fetch(session: OAuth2Session, url: str, client: Client) -> object:
            form = {
                "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
                "device_code": device_code,
                **client.form,
            }
            return session.request("POST", url, data=form, auth=client.auth, headers=ACCEPT, withhold_token=True)

        return self._ask(fetch, asked, (device_code,))

    def _ask(self, fetch: Fetch, asked: Sequence[str], secrets: Sequence[str], **options: Any) -> TokenResponse:
        """Have ``fetch`` ask, as a client that says who it is in a way that the provider takes."""
        first, *others = self._client.ways
        try:
            return self._ask_as(first, fetch, asked, secrets, options)
        except TokenError as error:
            if error.error != "invalid_client" or not others:
                raise
        tokens = self._ask_as(others[0], fetch, asked, secrets, options)
        self._client = others[0]
        if self._learned is not None:
            self._learned(others[0])
        return tokens

    def _ask_as(
        self, client: Client, fetch: Fetch, asked: Sequence[str], secrets: Sequence[str], options: Mapping[str, Any]
    ) -> TokenResponse:
        """Have ``fetch`` ask, in a session of its own that forgets all afterwards."""
        answers: list[TokenResponse] = []

        def judge(response: requests.Response) -> requests.Response:
            tokens = _judged(response, asked, (*secrets, *client.secrets))
            answers.append(tokens)
            # What goes on to oauthlib is what it can read: it chokes on lifetimes that are no whole numbers.
            plain = requests.Response()
            plain.status_code = 200
            plain.raw = BytesIO(json.dumps({"access_token": tokens.access_token, "token_type": "Bearer"}).encode())
            return plain

        with OAuth2Session(client.id, **options) as session:
            session.register_compliance_hook("access_token_response", judge)
            session.register_compliance_hook("refresh_token_response", judge)
            try:
                answer = fetch(session, harden(session, self.url, self._read), client)
                if isinstance(answer, requests.Response):  # of a grant that requests-oauthlib has no method for
                    judge(answer)
            except requests.exceptions.TooManyRedirects:
                raise TokenError("redirected", "the token endpoint leads elsewhere; it must not") from None
            except requests.exceptions.Timeout:
                raise TokenError("timeout", "the token endpoint did not answer in time", temporary=True) from None
            except requests.exceptions.SSLError:
                raise TokenError("insecure", "the certificate of the token endpoint is not valid") from None
            except (requests.RequestException, OSError):
                raise TokenError("unreachable", "the token endpoint cannot be reached", temporary=True) from None
        return answers[0]


def _judged(response: requests.Response, asked: Sequence[str], secrets: Sequence[str]) -> TokenResponse:
    """The tokens in an answer. Raises ``TokenError``."""
    try:
        data = response.json()
    except (ValueError, RecursionError):
        data = None
    said = read_error(data)
    status = response.status_code
    if said is not None and status < 500 and status != 429:
        error, description = said
        waits = error in ("slow_down", "temporarily_unavailable", "authorization_pending")
        raise TokenError(brief(redact(error, secrets)), brief(redact(description, secrets)), temporary=waits)
    if status in (408, 429) or status >= 500:
        outcome = classify(response)
        raise TokenError("unavailable", f"HTTP {status}", temporary=True, retry_after=outcome.retry_after)
    if status != 200:
        raise TokenError("refused", f"HTTP {status}", temporary=status < 400)
    try:
        return read_tokens(data, asked)
    except ValueError as error:
        raise TokenError("not_understood", f"the answer of the token endpoint: {error}", temporary=True) from None
