"""A program that calls a model through cbauth: a plain HTTP client, and the loop that users write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from cbauth.errors import UnavailableError
from cbauth.failover.lease import Lease
from cbauth.toolkit import Toolkit

__all__ = ["Answered", "ask"]

ROUTE = "chat"
TIMEOUT = 5.0
"""Seconds."""


class RefusedError(Exception):
    """An answer that is none: its status code, headers and body are what cbauth classifies."""

    def __init__(self, status_code: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"HTTP {status_code}")
        self.status_code = status_code
        self.headers = headers
        self.body = body


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How one call went: who answered (``None``: nobody), who failed on the way, and why it went there."""

    profile_id: str | None
    reason: str
    failed: tuple[str, ...]

    @property
    def tries(self) -> int:
        """How many requests it took."""
        return len(self.failed) + (self.profile_id is not None)


def ask(toolkit: Toolkit, session: str | None = None) -> Answered:
    """Make one call; whoever is able to answer does."""
    asked: list[Lease] = []
    try:
        for attempt in toolkit.attempts(ROUTE, session=session):
            with attempt as lease:
                asked.append(lease)
                complete(lease)
    except UnavailableError:
        return Answered(profile_id=None, reason="", failed=tuple(lease.profile_id for lease in asked))
    *failed, answered = asked
    return Answered(
        profile_id=answered.profile_id, reason=answered.reason, failed=tuple(lease.profile_id for lease in failed)
    )


def complete(lease: Lease) -> str:
    """Send one chat completion as the lease says: its URL, its headers, its model."""
    url = urlsplit(f"{lease.base_url}/chat/completions")
    body = json.dumps({"model": lease.model, "messages": [{"role": "user", "content": "Say hello."}]})
    connection = HTTPConnection(url.netloc, timeout=TIMEOUT)
    try:
        connection.request("POST", url.path, body, {**lease.headers, "Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise RefusedError(response.status, dict(response.headers), content)
    text: str = json.loads(content)["choices"][0]["message"]["content"]
    return text
