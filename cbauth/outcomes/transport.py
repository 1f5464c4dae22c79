"""Failures without an answer: cancelled, timed out, or never got through.

They are known by the names of their classes, never by importing the libraries that define them.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from cbauth.outcomes.peeking import called, peek

__all__ = ["chain", "gave_up", "homes", "is_cancelled", "kind_of", "members"]

_STOPS = (KeyboardInterrupt, GeneratorExit, SystemExit)
_CANCELLED = frozenset({("asyncio", "CancelledError"), ("concurrent", "CancelledError"), ("trio", "Cancelled")})
_TIMEOUT = "timeout"
_NETWORK = "network"

# (top-level package, class) -> kind. "" says what a class of the name means in every package: the SDKs that one
# generator writes (openai, anthropic, groq and more) share their names. None says that the class tells nothing, so that
# a base class of it, such as OSError of requests, does not speak for it.
_CLASSES: dict[tuple[str, str], str | None] = {
    ("", "APITimeoutError"): _TIMEOUT,
    ("", "APIConnectionError"): _NETWORK,
    ("openai", "WebSocketConnectionClosedError"): _NETWORK,
    # httpx, and the names that its own core uses
    **{
        (package, name): kind
        for package in ("httpx", "httpx2", "httpcore", "httpcore2")
        for name, kind in {
            "TimeoutException": _TIMEOUT,
            "NetworkError": _NETWORK,
            "RemoteProtocolError": _NETWORK,
            "ProxyError": _NETWORK,
            "DecodingError": _NETWORK,
            "LocalProtocolError": None,  # the request itself cannot be sent: an illegal header, say
            "UnsupportedProtocol": None,
            "TransportError": _NETWORK,
        }.items()
    },
    ("requests", "ConnectTimeout"): _TIMEOUT,  # a ConnectionError, too
    ("requests", "Timeout"): _TIMEOUT,
    ("requests", "ConnectionError"): _NETWORK,
    ("requests", "ChunkedEncodingError"): _NETWORK,
    ("requests", "ContentDecodingError"): _NETWORK,
    ("requests", "RequestException"): None,
    ("urllib3", "NewConnectionError"): _NETWORK,
    ("urllib3", "TimeoutError"): _TIMEOUT,
    ("urllib3", "ProtocolError"): _NETWORK,
    ("urllib3", "ProxyError"): _NETWORK,
    ("urllib3", "SSLError"): _NETWORK,
    ("urllib3", "DecodeError"): _NETWORK,
    ("urllib3", "IncompleteRead"): _NETWORK,
    ("aiohttp", "ServerTimeoutError"): _TIMEOUT,
    ("aiohttp", "ClientConnectionError"): _NETWORK,
    ("aiohttp", "ClientPayloadError"): _NETWORK,
    ("http", "IncompleteRead"): _NETWORK,
    ("http", "BadStatusLine"): _NETWORK,
    ("http", "LineTooLong"): _NETWORK,
    ("asyncio", "IncompleteReadError"): _NETWORK,
    ("socket", "gaierror"): _NETWORK,
    ("socket", "herror"): _NETWORK,
    ("ssl", "SSLError"): _NETWORK,
    ("ssl", "CertificateError"): _NETWORK,
    ("websockets", "ConnectionClosed"): _NETWORK,
    ("botocore", "ConnectTimeoutError"): _TIMEOUT,
    ("botocore", "ReadTimeoutError"): _TIMEOUT,
    ("botocore", "ConnectionError"): _NETWORK,
    ("botocore", "HTTPClientError"): _NETWORK,
    ("botocore", "NoCredentialsError"): "auth",
    ("azure", "ServiceRequestTimeoutError"): _TIMEOUT,
    ("azure", "ServiceResponseTimeoutError"): _TIMEOUT,
    ("azure", "ServiceRequestError"): _NETWORK,
    ("azure", "ServiceResponseError"): _NETWORK,
    ("azure", "ClientAuthenticationError"): "auth",
    ("google", "TransportError"): _NETWORK,
    ("google", "RefreshError"): "auth",
    ("google", "DefaultCredentialsError"): "auth",
}
# They say that a library gave up; on what, their cause says.
_GAVE_UP = frozenset({("urllib3", "MaxRetryError"), ("requests", "RetryError"), ("urllib", "URLError")})

_ERRNOS = frozenset(
    getattr(errno, name)
    for name in ("ENETDOWN", "ENETUNREACH", "ENETRESET", "EHOSTDOWN", "EHOSTUNREACH", "ENOTCONN", "EADDRNOTAVAIL")
    if hasattr(errno, name)
)
_DEEPEST = 12


def homes(error: BaseException) -> tuple[tuple[str, str], ...]:
    """Package and name of each class that ``error`` is an instance of, the narrowest first."""
    cls: type = type(error)
    return _homes(cls)


@lru_cache(maxsize=256)
def _homes(cls: type[object]) -> tuple[tuple[str, str], ...]:
    modules = ((base.__dict__.get("__module__"), base.__name__) for base in cls.__mro__)
    return tuple((module.partition(".")[0], name) for module, name in modules if isinstance(module, str))


def is_cancelled(error: BaseException) -> bool:
    """Whether it is no failure at all: somebody asked for the end."""
    return isinstance(error, _STOPS) or not _CANCELLED.isdisjoint(homes(error))


def kind_of(error: BaseException) -> str | None:
    """What the class of ``error`` says; ``None`` if it says nothing."""
    if isinstance(error, TimeoutError):
        return _TIMEOUT
    for package, name in homes(error):
        for home in ((package, name), ("", name)):
            if home in _CLASSES:
                return _CLASSES[home]
    if isinstance(error, ConnectionError) or (isinstance(error, OSError) and error.errno in _ERRNOS):
        return _NETWORK
    return None


def gave_up(error: BaseException) -> bool:
    """Whether it only says that something failed to get through, so that whatever it was raised from says more."""
    return not _GAVE_UP.isdisjoint(homes(error))


def chain(error: BaseException) -> Iterator[BaseException]:
    """``error`` and what it was raised from, at most twelve.

    A cause counts only where somebody named it: ``raise … from``, the last attempt of a retry, the reason that urllib
    carries. What merely happened before, ``__context__``, would pass a bug in an ``except`` block for a dropped line.
    """
    seen: set[int] = set()
    waiting = [error]
    while waiting and len(seen) < _DEEPEST:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting.extend(cause for cause in _causes(one) if isinstance(cause, BaseException))


def members(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions of a group, at most twelve; empty if it is none."""
    return tuple(islice(error.exceptions, _DEEPEST)) if isinstance(error, BaseExceptionGroup) else ()


def _causes(error: BaseException) -> Iterator[object]:
    attempt = peek(error, "last_attempt")  # tenacity.RetryError holds the finished future of its last attempt
    if attempt is not None and peek(attempt, "failed") is True:
        yield called(attempt, "exception")
    yield peek(error, "reason")
    args = peek(error, "args")
    if isinstance(args, tuple) and args:
        yield args[0]
    if any(package == "google" for package, _ in homes(error)):
        yield peek(error, "cause")
    yield peek(error, "__cause__")
