"""What an error body says, whatever shape its provider gives it.

==========  =======================================================================================================
openai      ``{"error": {"message", "type", "code", "param"}}``; the SDK hands on the inner object
anthropic   ``{"type": "error", "error": {"type", "message", "details": {"error_code"}}}``
google      ``{"error": {"code": 429, "message", "status": "RESOURCE_EXHAUSTED", "details": […]}}``, at times in a list
xAI         ``{"code": "…", "error": "…"}``
OpenRouter  ``{"error": {"code": 429, "message", "metadata": {"raw", "headers", "limit_source"}}}``, also in a 200
Mistral     ``{"object": "error", "message", "type", "code"}``, ``{"message"}``, ``{"detail"}``
ollama      ``{"error": "…"}``
botocore    ``{"Error": {"Code", "Message"}, "ResponseMetadata": {…}}``
==========  =======================================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from cbauth.outcomes.answers import Answer, parsed
from cbauth.outcomes.peeking import TEXT, entry, peek, whole

__all__ = ["Complaint", "complaint", "encoded"]

_DETAILS = 16
_CODE = 64
# Where a body could not be decoded: cut off, or quoted in the message of an exception.
_QUOTED = re.compile(r"""["'](?:code|type|status|reason|error_code)["']\s{0,4}:\s{0,4}["']([\w.-]{2,64})["']""")
_TITLE = re.compile(r"<title>([^<]{1,200})", re.IGNORECASE)
_RPC = frozenset(
    {"INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND"}
    | {"ABORTED", "ALREADY_EXISTS", "RESOURCE_EXHAUSTED", "CANCELLED", "DATA_LOSS", "UNKNOWN", "INTERNAL"}
    | {"UNIMPLEMENTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
)
_WAITS = ("retry_after", "retryAfter", "retry_after_seconds", "retry_after_ms", "retryAfterMs", "resets_in_seconds")


@dataclass(slots=True, kw_only=True)
class Complaint:
    """An error body, taken apart.

    ``codes`` are its machine-readable words in lower case, the most telling first; ``number`` a status code in it.
    ``waits`` are hints by the name of their field, ``headers`` those that a gateway quotes from further upstream.
    ``protocol`` is the dialect that its shape suggests, ``sure`` whether no other dialect looks like that.
    """

    codes: list[str] = field(default_factory=list)
    number: int | None = None
    message: str = ""
    waits: list[tuple[str, object]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    protocol: str | None = None
    sure: bool = False


def complaint(answer: Answer) -> Complaint:
    """What the body of ``answer`` complains of; empty if it does not."""
    said = Complaint()
    body = answer.body
    for _ in range(3):  # a list around it, or JSON inside its message
        if isinstance(body, list):
            body = body[0] if body else None
        if not isinstance(body, Mapping):
            break
        _read(body, said)
        inner = parsed(said.message) if said.message[:1] in ("{", "[") else None
        if inner is None:
            break
        body = inner
    if isinstance(body, str):
        said.message = body[:TEXT]
    if not said.codes and answer.body is None:
        said.codes = [code.lower() for code in _QUOTED.findall(answer.text or answer.said)]
    if not said.message:
        said.message = _plain(answer.text)
    return said


def encoded(body: object) -> str:
    """A decoded body as JSON again, at most 8192 characters of it, to be searched."""
    if body is None:
        return ""
    import json

    parts: list[str] = []
    length = 0
    try:
        for part in json.JSONEncoder(ensure_ascii=False, default=lambda _: None, skipkeys=True).iterencode(body):
            parts.append(part)
            length += len(part)
            if length > TEXT:
                break
    except (ValueError, TypeError, RecursionError):
        pass  # what was written so far is all there is to search
    return "".join(parts)[:TEXT]


def _read(body: Mapping[object, object], said: Complaint) -> None:
    error = entry(body, "error")
    if error is None:
        error = entry(body, "Error")
    if isinstance(error, list):
        error = error[0] if error else None
    inner = error if isinstance(error, Mapping) else body
    metadata = entry(inner, "metadata")
    details = entry(inner, "details")

    said.codes += _codes(body, inner, metadata, details)
    number = next((n for n in (whole(entry(level, "code")) for level in (inner, body)) if n and 400 <= n <= 599), None)
    said.number = number if number is not None else said.number
    said.message = _message(body, error, inner, metadata) or said.message
    said.waits += [(name, value) for level in (inner, body, metadata) for name, value in _waits(level)]
    said.waits += [("retryDelay", delay) for delay in _delays(details)]
    _shape(body, error, inner, said)
    headers = entry(metadata, "headers")
    if isinstance(headers, Mapping):
        said.headers |= {str(k)[:100].lower(): str(v)[:200] for k, v in islice(headers.items(), 32)}


def _codes(*levels: object) -> list[str]:
    body, inner, metadata, details = levels
    found: list[object] = [entry(details, "error_code")]
    found += [entry(detail, "reason") for detail in _some(details)]
    found += [entry(entry(inner, "innererror"), "code"), entry(metadata, "limit_source"), entry(metadata, "error_type")]
    if entry(metadata, "flagged_input") is not None:
        found.append("flagged_input")  # OpenRouter's moderation has no code of its own
    for level in (inner, body) if inner is not body else (body,):
        found += [entry(level, name) for name in ("code", "Code", "type", "reason", "status")]
    found += [entry(one, "reason") for one in _some(entry(inner, "errors"))]
    return [code[:_CODE].lower() for code in found if isinstance(code, str) and code]


def _message(body: object, error: object, inner: object, metadata: object) -> str:
    told = error if isinstance(error, str) else None
    places = ((inner, "message"), (inner, "Message"), (body, "message"), (body, "detail"), (body, "error_description"))
    for level, name in places:
        text = entry(level, name)
        told = text if not told and isinstance(text, str) else told
    raw = entry(metadata, "raw")
    if isinstance(raw, str) and raw:  # OpenRouter: "Provider returned error", and here is which
        told = f"{told}: {raw}" if told else raw
    if not told:
        told = next((text for text in (entry(inner, "details"), entry(body, "msg")) if isinstance(text, str)), "")
    return told[:TEXT]


def _waits(level: object) -> Iterator[tuple[str, object]]:
    for name in _WAITS:
        value = entry(level, name)
        if value is not None:
            yield name, value


def _delays(details: object) -> Iterator[object]:
    """google.rpc.RetryInfo, as JSON or as the message object of the gRPC SDK."""
    for detail in _some(details):
        delay = entry(detail, "retryDelay")
        if delay is None:
            delay = peek(detail, "retry_delay")
        if delay is not None:
            yield delay


def _some(things: object) -> Iterable[object]:
    return islice(things, _DETAILS) if isinstance(things, (list, tuple)) else ()


def _shape(body: object, error: object, inner: object, said: Complaint) -> None:
    if entry(body, "type") == "error" and isinstance(entry(error, "type"), str):
        said.protocol, said.sure = "anthropic", True
    elif str(entry(inner, "status")) in _RPC:
        said.protocol, said.sure = "google", True
    elif said.protocol is None and (
        isinstance(error, (str, Mapping))
        or entry(body, "object") == "error"
        or entry(body, "documentation_url") is not None
    ):
        said.protocol = "openai"


def _plain(text: str) -> str:
    """What a page says in its title, or the text itself."""
    if text[:200].lstrip()[:1] == "<":
        title = _TITLE.search(text)
        return title[1].strip() if title else ""
    return text
