"""Failures as a client library raises them: a status code, headers, a body."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["AnswerError"]


class AnswerError(Exception):
    """An HTTP error that any client might raise."""

    def __init__(self, status_code: int, headers: Mapping[str, str] | None = None, body: str = "") -> None:
        super().__init__(f"HTTP {status_code}")
        self.status_code = status_code
        self.headers = dict(headers or {})
        self.body = body
