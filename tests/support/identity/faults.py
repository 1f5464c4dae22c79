"""What can go wrong with an answer. Order it with ``IdentityProvider.fail``.

Those with ``processed=True`` let the provider do its work first: the code is used, the refresh token rotated, and all
that the client sees of it is the fault.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Fault", "body", "cut", "delay", "error", "hang", "html", "lost", "redirect", "status", "truncated"]

HTML = b"<!DOCTYPE html><html><body><h1>Sorry</h1><p>Back soon.</p></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One answer that goes wrong."""

    kind: Literal["answer", "truncated", "delay", "cut"]
    processed: bool = False
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    seconds: float = 0.0


def body(value: Any, *, status: int = 200, processed: bool = False) -> Fault:
    """An answer of one's own, as JSON: ``body([])``, ``body({"access_token": "…"})``."""
    headers = {"content-type": "application/json"}
    return Fault(kind="answer", status=status, headers=headers, body=json.dumps(value), processed=processed)


def error(name: str, description: str = "", *, status: int = 400) -> Fault:
    """An error of RFC 6749 or 8628: ``error("slow_down")``, ``error("invalid_grant")``."""
    return body({"error": name} | ({"error_description": description} if description else {}), status=status)


def status(code: int, *, retry_after: str | float | None = None, processed: bool = False) -> Fault:
    """A bare status with a plain text; with ``Retry-After`` if given (seconds, or a date as text)."""
    headers = {"content-type": "text/plain"} | ({} if retry_after is None else {"retry-after": str(retry_after)})
    return Fault(kind="answer", status=code, headers=headers, body="No.\n", processed=processed)


def html(code: int = 200, *, processed: bool = False) -> Fault:
    """The page of a proxy in the way."""
    headers = {"content-type": "text/html; charset=utf-8"}
    return Fault(kind="answer", status=code, headers=headers, body=HTML.decode(), processed=processed)


def redirect(location: str, code: int = 307, *, processed: bool = False) -> Fault:
    """A redirect, which nobody should follow with a secret in hand."""
    return Fault(kind="answer", status=code, headers={"location": location}, processed=processed)


def truncated(*, processed: bool = False) -> Fault:
    """The first half of a JSON answer; of the true one, if it was processed."""
    return Fault(kind="truncated", processed=processed)


def cut(*, processed: bool = False) -> Fault:
    """No answer: the connection ends."""
    return Fault(kind="cut", processed=processed)


def lost() -> Fault:
    """The provider does all it is asked for; its answer never arrives."""
    return cut(processed=True)


def hang(seconds: float, *, processed: bool = False) -> Fault:
    """Silence for so many seconds (or until ``reset``), then the end of the connection."""
    return Fault(kind="cut", seconds=seconds, processed=processed)


def delay(seconds: float) -> Fault:
    """A good answer, that many seconds late (or at ``reset``)."""
    return Fault(kind="delay", seconds=seconds, processed=True)
