"""From a ``redis://`` URL to connections. Passwords stay in here."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from cbauth.errors import StoreError

__all__ = ["PREFIX", "TIMEOUT", "Address"]

PREFIX = "cbauth"
TIMEOUT = 1.0
"""Seconds for a connection, and for an answer: a change takes a fraction of a millisecond, and callers wait for it."""
ADVICE = "`state.store` has to be redis://HOST:PORT/DB or rediss://HOST:PORT/DB, or env:NAME that holds one"


class Address:
    """Where a Redis is and how to get in; ``shown`` is what may be shown of it.

    ``?prefix=`` begins the name of every key and channel; everything else of the query is redis-py's.

    Raises ``StoreError`` for a URL that is none.
    """

    __slots__ = ("_kwargs", "_pool_class", "prefix", "shown")

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            self.prefix = query.pop("prefix", PREFIX)
            plain = urlunsplit(parts._replace(query=urlencode(query)))
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            self.shown = f"{parts.scheme}://{host}:{parts.port or 6379}"
            pool = ConnectionPool.from_url(plain, **_settings(query))
            database = int(pool.connection_kwargs.get("db") or 0)
            pool.make_connection()  # connects to nobody yet, but looks at all of the query
        except (ValueError, TypeError, RedisError):
            raise StoreError(f"the Redis URL cannot be read: {ADVICE}") from None  # its text may hold the password
        database_given = parts.path.strip("/")
        if database_given and not database_given.isdecimal():
            raise StoreError(f"the Redis URL names no database by number: {ADVICE}")
        if not parts.hostname or parts.scheme not in ("redis", "rediss"):
            raise StoreError(f"the Redis URL names no host: {ADVICE}")
        self.shown += f"/{database}"
        self._pool_class = pool.connection_class
        self._kwargs = pool.connection_kwargs

    def pool(self, node: tuple[str, int] | None = None) -> ConnectionPool:
        """A pool of connections to this address, or to another ``node`` of the same cluster."""
        there = {} if node is None else {"host": node[0], "port": node[1]}
        return ConnectionPool(connection_class=self._pool_class, **{**self._kwargs, **there})

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"


def _settings(query: dict[str, str]) -> dict[str, Any]:
    """What every connection needs: texts, quick answers, and no second try that we do not know of."""
    settings: dict[str, Any] = {
        "protocol": 2,
        "decode_responses": True,
        "encoding_errors": "replace",
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": TIMEOUT,
        "socket_connect_timeout": TIMEOUT,
        "socket_keepalive": True,
    }
    return {name: value for name, value in settings.items() if name not in query}
