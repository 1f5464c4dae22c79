"""The way to a Redis server: connections, the commands that the store needs, and what errors mean.

Laws:

1. A command is sent once, or twice when the first connection turns out to have been closed while it lay idle.
2. Every trouble is one of two exceptions: ``AwayError`` (time helps) or ``RefusedError`` (somebody has to act).
3. No text made here holds a password.
4. All keys of a namespace share one hash slot, so that they live on one node of a cluster; its ``MOVED`` is followed.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from redis.client import PubSub
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    RedisError,
    TimeoutError,
)

from cbauth.errors import StoreError
from cbauth.stores.redis.address import TIMEOUT, Address
from cbauth.stores.redis.scripts import FORGET, NAMES_LIFE, SWAP, SWAP_SHA

__all__ = ["AwayError", "Link", "RefusedError", "Row", "ticks"]

AT_ONCE = 256
"""Records that are read with one command."""
MOST_HEADS = 4096
MOST_IDLE = 2


def ticks() -> float:
    """Seconds that go on evenly, whatever is done to the clock; through sleep as well, where the system can tell."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class AwayError(Exception):
    """The server cannot be used now."""


class RefusedError(StoreError):
    """The server does not let us in, or the address is wrong: time alone does not help."""


class Row(NamedTuple):
    """A record as the server holds it: its version (0: there is none) and its body (empty: removed)."""

    version: int
    body: str


class Link:
    """Commands to the server at ``address`` for one ``namespace``. ``writer`` names this process on the channel."""

    def __init__(self, address: Address, namespace: str, writer: str, clock: Callable[[], float]) -> None:
        self.address = address
        self.offset = clock() - ticks()
        """Epoch seconds by the server's clock, as far as it is known, minus ``ticks()``."""
        self._heads: dict[str, bytes] = {}
        self.resent = 0
        """How many commands were sent twice: the first one may have been carried out."""
        self._pool = address.pool()
        self._idle: deque[Any] = deque()
        self._closed = False
        base = f"{{{address.prefix}:{namespace}}}:"
        self._record = f"{base}record:"
        self._names = f"{base}names"
        self._channel = f"{base}changed:{writer}"
        self._channels = _all_but(f"{base}changed:", writer)

    # commands

    def swap(self, key: str, seen: int, body: str, life: float) -> tuple[bool, Row]:
        """Write a record if its version is still ``seen``, to live ``life`` seconds; else what is there instead."""
        asked = ticks()
        head = self._heads.get(key) or self._head(key)
        packed = head + _packed(seen or "", body, int(life * 1000))
        try:
            answer = self._send(packed)
        except NoScriptError:
            names = (f"{self._record}{key}", self._names, self._channel, key)
            answer = self._call("EVAL", SWAP, 2, *names, seen or "", body, int(life * 1000))
        clock, _, found = answer.partition(" ")
        self._heard(asked, int(clock) / 1e6)
        return (False, _row(found[1:])) if found.startswith("-") else (True, Row(int(found), body))

    def _head(self, key: str) -> bytes:
        """What all changes of a record begin with on the wire."""
        words = ("EVALSHA", SWAP_SHA, 2, f"{self._record}{key}", self._names, self._channel, key)
        if len(self._heads) >= MOST_HEADS:
            self._heads.clear()
        self._heads[key] = head = b"*%d\r\n%s" % (len(words) + 3, _packed(*words))
        return head

    def read(self, keys: Iterable[str]) -> dict[str, Row]:
        """The records with these names."""
        rows: dict[str, Row] = {}
        left = iter(keys)
        while some := tuple(islice(left, AT_ONCE)):
            rows |= zip(some, map(_row, self._call("MGET", *(f"{self._record}{key}" for key in some))), strict=True)
        return rows

    def read_all(self) -> dict[str, Row]:
        """All records of the namespace. The names of those that have expired are dropped."""
        rows = self.read(self._call("SMEMBERS", self._names))
        for key in [key for key, row in rows.items() if not row.version]:
            self._call("EVAL", FORGET, 2, self._names, f"{self._record}{key}", key)
            del rows[key]
        self._call("PEXPIRE", self._names, NAMES_LIFE)
        return rows

    def ask_time(self) -> None:
        """Learn the server's clock; also a sign that it lives."""
        asked = ticks()
        seconds, microseconds = self._call("TIME")
        self._heard(asked, int(seconds) + int(microseconds) / 1e6)

    def life(self) -> str:
        """What tells one life of the server from the next: it may have lost data in between. Empty: it does not say."""
        try:
            text = self._call("INFO", "server")
        except RefusedError:
            return ""
        return next((line for line in str(text).splitlines() if line.startswith("run_id:")), "")

    def subscribe(self) -> PubSub:
        """A subscription to the changes that others make; the caller closes it."""
        pool = self._pool
        ear = PubSub(pool)
        try:
            ear.psubscribe(*self._channels)
            left = len(self._channels)
            while left:  # what is published meanwhile is nothing to wait for: all records are read afterwards
                message = ear.get_message(timeout=TIMEOUT)
                if message is None:
                    raise TimeoutError
                left -= message["type"] == "psubscribe"
        except (RedisError, OSError) as error:
            with suppress(RedisError, OSError):
                ear.close()
                pool.disconnect()  # a handshake that broke off leaves its socket open
            raise self.trouble(error) from None
        return ear

    def close(self) -> None:
        """Keep no connection from now on. A command that comes later opens one for itself."""
        self._closed = True
        self.drop()

    def _keep(self, connection: Any) -> None:
        """Lay a connection by for the next command, if one more is of use."""
        if len(self._idle) < MOST_IDLE:
            self._idle.append(connection)
        else:
            with suppress(RedisError, OSError):
                connection.disconnect()
        if self._closed:  # asked last: it may have been closed a moment ago
            self.drop()

    def drop(self) -> None:
        """Close the connections that lie idle. The next command opens a new one."""
        while self._idle:
            with suppress(IndexError, RedisError, OSError):
                self._idle.pop().disconnect()

    # how

    def _call(self, *command: str | int) -> Any:
        """Send one command and give its answer. Raises ``AwayError``, ``RefusedError`` or ``NoScriptError``."""
        return self._send(b"*%d\r\n%s" % (len(command), _packed(*command)))

    def _send(self, packed: bytes) -> Any:
        for _ in range(3):
            try:
                connection, is_new = self._idle.pop(), False
            except IndexError:
                connection, is_new = self._pool.make_connection(), True
            try:
                if is_new:
                    connection.connect()
                connection.send_packed_command([packed], check_health=False)
                answer = connection.read_response()
            except NoScriptError:
                self._keep(connection)
                raise
            except MovedError as error:
                connection.disconnect()
                self.drop()
                self._pool = self.address.pool((error.host, error.port))
            except (RedisError, OSError) as error:
                connection.disconnect()
                if is_new or isinstance(error, TimeoutError):
                    raise self.trouble(error) from None
                self.resent += 1
                self.drop()  # the server closed one that lay idle: the others are closed as well
            except BaseException:  # interrupted: the answer may still be on its way
                connection.disconnect()
                raise
            else:
                self._keep(connection)
                return answer
        raise AwayError("it is moving between the nodes of its cluster")

    def trouble(self, error: Exception) -> AwayError | RefusedError:
        """What an error means, in words that show no more of the address than where it is."""
        where = f"Redis at {self.address.shown}"
        if isinstance(error, AuthenticationError | AuthorizationError):
            return RefusedError(f"{where} refuses the user or password: correct what `state.store` names")
        if isinstance(error, NoPermissionError):
            return RefusedError(
                f"{where} does not permit this user all that cbauth needs: EVAL, EVALSHA, GET, SET, MGET, EXISTS, SADD,"
                " SREM, SMEMBERS, PEXPIRE, TIME, PING, PUBLISH and PSUBSCRIBE, on the keys"
                f" ~{{{self.address.prefix}:* and all channels, &*"
            )
        self._pool = self.address.pool()  # a cluster may have chosen another node: ask the one that was named
        if isinstance(error, TimeoutError):
            return AwayError("it does not answer in time")
        said = str(error).splitlines()[0].partition(" script: ")[0] if str(error) else type(error).__name__
        return AwayError(said)

    def _heard(self, asked: float, clock: float) -> None:
        """Learn the server's clock from an answer, unless what we know is within the error of this measurement."""
        now = ticks()
        taken = now - asked
        offset = clock - (asked + now) / 2
        if abs(offset - self.offset) > taken:
            self.offset = offset


def _packed(*words: str | int) -> bytes:
    """Words as they go over the wire (https://redis.io/docs/latest/develop/reference/protocol-spec/, bulk strings).

    redis-py takes four times as long, which is as long as the server takes.
    """
    coded = [str(word).encode("utf-8", "surrogatepass") for word in words]
    return b"".join([b"$%d\r\n%s\r\n" % (len(word), word) for word in coded])


def _row(found: str | None) -> Row:
    version, _, body = (found or "").partition(" ")
    return Row(int(version), body) if version.isdecimal() else Row(0, "")


def _all_but(base: str, writer: str) -> list[str]:
    """Patterns for all channels but the writer's own, so that nobody is woken by what it has written itself."""
    escaped = "".join(f"\\{c}" if c in "*?[]^-\\" else c for c in base)
    return [f"{escaped}{writer[:n]}[^{writer[n]}]*" for n in range(len(writer))]
