"""HTTP to identity providers, without the traps of doing it by default.

Laws:

1. Only https is spoken, and http to this very machine (RFC 8252 section 8.3); no environment variable changes that.
2. No redirect is followed: a token endpoint that redirects is not the token endpoint.
3. Connecting takes at most ``CONNECT`` seconds, waiting for bytes ``READ``, an answer as a whole ``WHOLE`` (or twice
   the wait for bytes, if that is less) and ``MOST`` bytes.
4. What libraries log about requests and answers, tokens and all, is dropped before anybody sees it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

from cbauth.errors import ConfigError

__all__ = ["READ", "Session", "allow", "harden", "is_loopback"]

CONNECT, READ, WHOLE = 5.0, 20.0, 30.0
MOST = 1024 * 1024
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Quiet(logging.Filter):
    """Drops what is logged for debugging."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG


for _name in ("requests_oauthlib", "requests_oauthlib.oauth2_session", "oauthlib", "oauthlib.oauth2.rfc6749"):
    logging.getLogger(_name).addFilter(_Quiet())


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this very machine."""
    return urlsplit(url).hostname in LOOPBACK


def allow(url: str, what: str) -> str:
    """``url``, if it may be used. Raises ``ConfigError`` for plain http to another machine, and for no URL at all."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise ConfigError(f"{what} is no URL: {url!r}") from None
    if not parts.hostname or parts.scheme not in ("http", "https") or not port_is_fine:
        raise ConfigError(f"{what} has to be an https URL, not {url!r}")
    if parts.username or parts.password:
        raise ConfigError(f"{what} must carry no user or password")
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigError(f"{what} has to begin with https: plain http is only for this machine, and it is {url!r}")
    return url


def harden(session: requests.Session, url: str, read: float = READ) -> str:
    """Make ``session`` keep the laws on its way to ``url``; gives the URL to ask it for.

    ``read``: seconds to wait for bytes.

    oauthlib takes no http URL at all, unless a variable in the environment switches its checks off for everybody. So it
    is given an https one, and where plain http is allowed the adapter speaks http.
    """
    parts = urlsplit(allow(url, "the endpoint"))
    session.max_redirects = 0
    session.auth = _no_netrc
    session.mount("https://", _Adapter(read))
    if parts.scheme == "https":
        return url
    session.mount(f"https://{parts.netloc}/", _Adapter(read, is_plain=True))
    return urlunsplit(parts._replace(scheme="https"))


class Session(requests.Session):
    """A session for everything but tokens: discovery, revocation, device codes, user info."""

    def ask(self, method: str, url: str, **options: Any) -> requests.Response:
        """The answer, read as a whole. Raises ``requests.RequestException``."""
        return self.request(method, harden(self, url), **options)


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Without an ``auth`` of its own, requests sends what it finds in ~/.netrc."""
    return request


class _Adapter(HTTPAdapter):
    def __init__(self, read: float, *, is_plain: bool = False) -> None:
        self._read = read
        self._is_plain = is_plain
        super().__init__()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        asked = request.url or ""
        if self._is_plain:
            request.url = urlunsplit(urlsplit(asked)._replace(scheme="http"))
            proxies = {}
        try:
            answer = super().send(request, True, (CONNECT, self._read), verify, cert, proxies)
        finally:
            request.url = asked
        answer.raw = _Bounded(answer.raw, min(WHOLE, 2 * self._read))
        return answer


class _Bounded:
    """A body that ends with an error where it grows too large or takes too long."""

    def __init__(self, raw: Any, whole: float) -> None:
        self._raw = raw
        self._whole = whole
        self._ends = time.monotonic() + whole

    def stream(self, amount: int, decode_content: bool | None = None) -> Iterator[bytes]:
        taken, whole = 0, False
        try:
            for chunk in self._raw.stream(min(amount, 65536), decode_content=decode_content):
                taken += len(chunk)
                if taken > MOST:
                    raise requests.exceptions.ContentDecodingError(f"the answer is larger than {MOST} bytes")
                if time.monotonic() > self._ends:
                    raise requests.exceptions.ReadTimeout(f"the answer took longer than {self._whole:g} s")
                yield chunk
            whole = True
        finally:
            if not whole:  # nobody else hangs up
                self._raw.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
