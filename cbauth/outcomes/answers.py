"""What came back, pulled out of whatever was caught or returned: status, headers, body.

Exceptions and responses of requests, httpx, urllib3, urllib, aiohttp, openai, anthropic, the Google SDKs, botocore and
their like are known by their attributes; none of the libraries is imported. Nothing is read from a network: the body of
a stream that nobody has read stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from cbauth.outcomes.peeking import BODY, TEXT, called, decoded, entry, peek, shown, whole
from cbauth.outcomes.transport import homes

__all__ = ["Answer", "of_error", "of_response"]

# Frameworks whose HTTP errors are an answer that the caller is about to give, not one that it got.
_SERVERS = frozenset(
    {"bottle", "cherrypy", "django", "falcon", "fastapi", "flask", "litestar", "ninja", "quart", "rest_framework"}
    | {"robyn", "sanic", "starlette", "tornado", "webob", "werkzeug"}
)
# Whose `code` is an HTTP status; elsewhere it may be anything.
_CODED = frozenset({"google", "urllib", "httplib2", "ibm_cloud_sdk_core", "tencentcloud"})
_PROTOCOL_OF = {
    "anthropic": "anthropic",
    "google": "google",
    "ollama": "ollama",
    "openai": "openai",
    "groq": "openai",
    "litellm": "openai",
    "mistralai": "openai",
}
_PREFIXES = ("retry-after", "x-ratelimit", "ratelimit", "anthropic-ratelimit", "date")
_MOST_HEADERS = 256
_TEXTS = (str, bytes, bytearray)
_DATA = (str, bytes, bytearray, dict, list, Mapping)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known of an answer, each part perhaps missing. ``body`` is decoded JSON where it was JSON, else ``None``.

    ``headers`` are those that say when to come back, their names in lower case. ``text`` is the body as text and
    ``said`` the exception's own words, both bounded. ``protocol`` is the dialect of the SDK that raised it.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    text: str = ""
    said: str = ""
    protocol: str | None = None


def of_error(error: BaseException) -> Answer | None:
    """What an exception carries, or ``None`` if it carries neither a status nor a body."""
    places = homes(error)
    packages = {package for package, _ in places}
    if packages & _SERVERS or ("aiohttp", "HTTPException") in places:
        return None
    if ("urllib3", "ResponseError") in places:
        return _exhausted(error)
    response = next((r for r in (peek(error, name) for name in _RESPONSES) if r is not None), None)
    status = _status_of(error) if isinstance(response, Mapping) else _status_of(error, response)
    if status is None and packages & _CODED:
        status = _http(peek(error, "code"))
    body = _body_of_error(error, response, packages)
    if status is None and body is None:
        return None
    body, text = _opened(body)
    return Answer(
        status=status if status is not None else _http(entry(entry(body, "ResponseMetadata"), "HTTPStatusCode")),
        headers=_headers_of(response, error),
        body=body,
        text=text,
        said=shown(error),
        protocol=next((_PROTOCOL_OF[package] for package, _ in places if package in _PROTOCOL_OF), None),
    )


def of_response(thing: object) -> Answer | None:
    """What a response, a tuple ``(status, headers, body)`` or a mapping of these carries; ``None`` if it is none."""
    if isinstance(thing, tuple):
        parts = (*thing, None, None)
        status, headers, body = (_http(parts[0]), parts[1], parts[2]) if 1 <= len(thing) <= 3 else (None, None, None)
        known = status is not None or (len(thing) == 3 and thing[0] is None)
    elif isinstance(thing, Mapping):
        status, headers, known = _http(entry(thing, "status")), entry(thing, "headers"), True
        status = status if status is not None else _http(entry(thing, "status_code"))
        body = entry(thing, "body") if "body" in thing else thing
    elif isinstance(thing, _TEXTS):
        status, headers, body, known = None, None, thing, True
    else:
        status, headers, body = _status_of(thing), peek(thing, "headers"), _body_of_response(thing)
        known = status is not None
    if not known:
        return None
    body, text = _opened(body)
    return Answer(status=status, headers=_picked(headers), body=body, text=text)


_RESPONSES = ("response", "raw_response", "http_response", "http_res")


def _http(value: object) -> int | None:
    number = whole(value)
    return number if number is not None and 100 <= number <= 599 else None


def _status_of(*things: object) -> int | None:
    for thing in things:
        for name in ("status_code", "http_status", "status"):
            status = _http(peek(thing, name))
            if status is not None:
                return status
    return None


def _exhausted(error: BaseException) -> Answer | None:
    """What urllib3 says when it retried a status until it gave up: "too many 503 error responses"."""
    words = shown(error).split()
    status = _http(words[2]) if len(words) > 2 else None
    return None if status is None else Answer(status=status, said=" ".join(words))


def _body_of_error(error: BaseException, response: object, packages: set[str]) -> object:
    if isinstance(response, Mapping):  # botocore
        return response
    body = _data(peek(error, "body"))
    if body is None and "google" in packages:
        body = peek(error, "details")
        if body is not None and not isinstance(body, Mapping):  # google.api_core: what the REST body would have held
            reason = peek(error, "reason")
            body = {"error": {"message": peek(error, "message"), "details": body, "code": reason}}
    if body is None and "grpc" in packages:
        name = peek(called(error, "code"), "name")
        body = {"error": {"status": name, "message": called(error, "details")}} if isinstance(name, str) else None
    if body is None and response is not None:
        body = _body_of_response(response)
    if body is None and "ollama" in packages:
        body = {"error": peek(error, "error")}
    return body


def _body_of_response(response: object) -> object:
    """The body that is there already: asking for more would wait for the network."""
    for name in ("_content", "_body"):  # requests and urllib3 read the rest when asked by their public names
        kept = peek(response, name)
        if isinstance(kept, _TEXTS):
            return kept
        if kept is not None or (name == "_body" and peek(response, "_fp") is not None):
            return None
    for name in ("content", "body", "text"):
        body = _data(peek(response, name))
        if body is not None:
            return body
    return None


def _data(value: object) -> object:
    return value if isinstance(value, _DATA) else None


def _opened(body: object) -> tuple[object, str]:
    """The body as data, if it is JSON, and as text."""
    if isinstance(body, (dict, list, Mapping)):
        return body, ""
    text = decoded(body, BODY)
    return parsed(text), text[:TEXT]


def parsed(text: str) -> object:
    """``text`` as JSON, or ``None``. Of server-sent events, the one that tells of an error."""
    text = text.strip()
    if text.startswith(("data:", "event:")):
        lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
        text = next((line for line in lines if '"error"' in line), "")
    if not text.startswith(("{", "[")):
        return None
    import json

    try:
        data: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data


def _headers_of(*things: object) -> dict[str, str]:
    for thing in things:
        headers = peek(thing, "headers")
        if headers is None and isinstance(thing, Mapping):
            headers = entry(entry(thing, "ResponseMetadata"), "HTTPHeaders")
        picked = _picked(headers)
        if picked:
            return picked
    return {}


def _picked(headers: object) -> dict[str, str]:
    """Those headers that say when to come back; of a name that is there twice, the first."""
    picked: dict[str, str] = {}
    try:
        for name, value in islice(_pairs(headers), _MOST_HEADERS):
            word = name.lower() if type(name) is str else decoded(name, 100).lower()
            if not word.startswith(_PREFIXES) or word in picked:
                continue
            if isinstance(value, (list, tuple)) and value:
                value = value[0]
            picked[word] = str(value)[:200] if isinstance(value, (int, float)) else decoded(value, 200)
    except Exception:  # whatever it is, it holds no headers
        return picked
    return picked


def _pairs(headers: object) -> Iterable[tuple[object, object]]:
    pairs = headers.items() if isinstance(headers, Mapping) else called(headers, "items") or headers
    return pairs if isinstance(pairs, Iterable) and not isinstance(pairs, _TEXTS) else ()
