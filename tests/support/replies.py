"""What a provider says, in the words of each dialect: values to script a ``tests.support.provider.Provider`` with.

The error bodies have the shape that the providers document: platform.openai.com/docs/guides/error-codes,
docs.anthropic.com/en/api/errors, ai.google.dev/gemini-api/docs/troubleshooting.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "DIALECTS",
    "Cut",
    "Drop",
    "Hang",
    "Ok",
    "Raw",
    "Reply",
    "bad_key",
    "bad_request",
    "garbage",
    "html_502",
    "model_not_found",
    "overloaded",
    "rate_limited",
    "refusal",
    "server_error",
    "spent",
]

DIALECTS = ("openai", "anthropic", "google")


@dataclass(frozen=True, slots=True)
class Ok:
    """A good answer, streamed if the request asks for a stream."""

    text: str = "Hello."


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer as it goes over the wire."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Drop:
    """No answer: the connection is closed after the request was read."""


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until ``release`` is set or the provider closes, and then none either. ``reached``: somebody asked."""

    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Cut:
    """A stream that begins well and ends badly: with ``error`` as an event of the dialect, or cut off without one."""

    text: str
    error: str | None = None


Reply = Ok | Raw | Drop | Hang | Cut


def refusal(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Raw:
    """An answer with a JSON body."""
    return Raw(status, json.dumps(body).encode(), headers or {})


def rate_limited(dialect: str = "openai", seconds: float = 20) -> Raw:
    """A rate limit that ends after ``seconds``, a whole number of them."""
    after = {"retry-after": f"{seconds:g}"}
    match dialect:
        case "anthropic":
            return refusal(429, _anthropic("rate_limit_error", "This request would exceed your rate limit."), after)
        case "google":
            return refusal(429, _google(429, "RESOURCE_EXHAUSTED", "Too many requests.", retry_delay=f"{seconds:g}s"))
    message = f"Rate limit reached for requests. Please try again in {seconds:g}s."
    return refusal(429, _openai(message, "requests", "rate_limit_exceeded"), after)


def spent(dialect: str = "openai") -> Raw:
    """An account without credit."""
    match dialect:
        case "anthropic":
            message = "Your credit balance is too low to access the Anthropic API."
            return refusal(400, _anthropic("invalid_request_error", message))
        case "google":
            message = "Your prepayment credits are depleted."
            return refusal(429, _google(429, "RESOURCE_EXHAUSTED", message))
    message = "You exceeded your current quota, please check your plan and billing details."
    return refusal(429, _openai(message, "insufficient_quota", "insufficient_quota"))


def bad_key(dialect: str = "openai") -> Raw:
    """A key that opens nothing."""
    match dialect:
        case "anthropic":
            return refusal(401, _anthropic("authentication_error", "invalid x-api-key"))
        case "google":
            message = "API key not valid. Please pass a valid API key."
            return refusal(400, _google(400, "INVALID_ARGUMENT", message, reason="API_KEY_INVALID"))
    return refusal(401, _openai("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"))


def overloaded(dialect: str = "openai") -> Raw:
    """Too many callers for the provider."""
    match dialect:
        case "anthropic":
            return refusal(529, _anthropic("overloaded_error", "Overloaded"))
        case "google":
            return refusal(503, _google(503, "UNAVAILABLE", "The model is overloaded."))
    return refusal(503, _openai("The engine is currently overloaded, please try again later.", "server_error", None))


def server_error(dialect: str = "openai") -> Raw:
    """A fault of the provider."""
    match dialect:
        case "anthropic":
            return refusal(500, _anthropic("api_error", "Internal server error"))
        case "google":
            return refusal(500, _google(500, "INTERNAL", "An internal error has occurred."))
    return refusal(500, _openai("The server had an error while processing your request.", "server_error", None))


def model_not_found(dialect: str = "openai") -> Raw:
    """A model that the provider does not have."""
    match dialect:
        case "anthropic":
            return refusal(404, _anthropic("not_found_error", "model: claude-9"))
        case "google":
            return refusal(404, _google(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta."))
    message = "The model `gpt-9` does not exist or you do not have access to it."
    return refusal(404, _openai(message, "invalid_request_error", "model_not_found"))


def bad_request(dialect: str = "openai") -> Raw:
    """A mistake of the caller."""
    match dialect:
        case "anthropic":
            return refusal(400, _anthropic("invalid_request_error", "messages: roles must alternate"))
        case "google":
            return refusal(400, _google(400, "INVALID_ARGUMENT", "Invalid value at 'contents'."))
    return refusal(400, _openai("Invalid type for 'messages[0].content'.", "invalid_request_error", "invalid_type"))


def html_502(dialect: str = "openai") -> Raw:
    """A proxy that finds nobody behind it, whatever the dialect."""
    return Raw(502, b"<html><head><title>502 Bad Gateway</title></head></html>", content_type="text/html")


def garbage(dialect: str = "openai") -> Raw:
    """A success whose body is none."""
    return Raw(200, b'{"id": "chatcmpl-1", "choi', content_type="application/json")


def _openai(message: str, kind: str, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def _google(
    code: int, status: str, message: str, *, reason: str | None = None, retry_delay: str | None = None
) -> dict[str, Any]:
    details: list[dict[str, Any]] = []
    if reason is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason})
    if retry_delay is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": retry_delay})
    return {"error": {"code": code, "message": message, "status": status, "details": details}}
