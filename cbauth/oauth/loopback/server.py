"""The redirect of a login, received on this machine (RFC 8252 sections 7.3 and 8.3, RFC 9700 section 4).

Laws:

1. It listens on 127.0.0.1 alone, and nobody else can listen on the same port.
2. Only one kind of request is a callback: ``GET``, the exact path, the exact ``Host``, well-formed HTTP/1, no parameter
   twice, and either ``code`` or ``error``. Of those, only what ``check`` accepts counts. Everything else gets an error
   page and changes nothing.
3. At most one callback is ever accepted. Its page is sent before anybody learns of it, so it waits for no exchange.
4. No client can keep another waiting: connections are served side by side, each has a deadline and a size, and when
   there are too many the oldest makes room.
5. What a client sent is in no page, log, ``repr`` or error.
6. ``close()`` frees the port, ends the thread and forgets what was received.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import struct
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from http import HTTPStatus

from cbauth.errors import ConfigError, LoginError
from cbauth.oauth.loopback import pages
from cbauth.oauth.loopback.callback import Head, Place, RequestError

__all__ = ["Check", "Loopback"]

ADDRESS = "127.0.0.1"
REQUEST_TIMEOUT = 5.0
"""Seconds that a connection may stay open."""
MOST_CONNECTIONS = 64
"""Connections open at a time."""
CHUNK = 16384
"""Bytes read at a time."""
GLANCE = 0.25
"""Seconds between two looks of somebody who waits: on Windows, Ctrl-C is only noticed in between."""
BREATH = 0.05
"""Seconds to wait when the process may not open another file."""
PATIENCE = 5.0
"""Seconds that closing waits for the thread, which may be inside ``check``."""

Check = Callable[[Mapping[str, str]], str | None]
"""Gives ``None`` to accept a callback's parameters, or a short reason, with none of their values, to refuse them."""

_log = logging.getLogger("cbauth.oauth.loopback")


class Loopback:
    """A server for one login's callback, in a daemon thread, from now until ``close()``.

    ``redirect_uris`` are the registered ones, ``http://127.0.0.1`` or ``http://localhost`` with any path: the first
    whose port is free is taken, one without a port takes any. ``check`` is called in the server's thread, for
    well-formed callbacks only, and never again after it accepted one. ``request_timeout`` (seconds) is for each
    connection.

    Raises ``LoginError`` with the error ``port_in_use`` when no port can be had, ``ConfigError`` for a URI that leads
    elsewhere.
    """

    def __init__(self, redirect_uris: Sequence[str], check: Check, *, request_timeout: float = REQUEST_TIMEOUT) -> None:
        self._check = check
        self._request_timeout = request_timeout
        self._news = threading.Condition()
        self._accepted: dict[str, str] | None = None
        self._done = False
        self._closed = False
        self._open: dict[socket.socket, _Connection] = {}  # the oldest first
        self._thread = threading.Thread(target=self._run, name="cbauth waits for a login", daemon=True)
        with ExitStack() as undo:
            self._listener, self._place = _listen([Place.of(uri) for uri in redirect_uris])
            undo.callback(self._listener.close)
            self._wake, self._woken = socket.socketpair()
            undo.callback(self._wake.close)
            undo.callback(self._woken.close)
            self._wake.setblocking(False)
            self._selector = selectors.DefaultSelector()
            undo.callback(self._selector.close)
            self._selector.register(self._listener, selectors.EVENT_READ)
            self._selector.register(self._woken, selectors.EVENT_READ)
            self._thread.start()
            undo.pop_all()  # the thread closes them from now on
        _running.add(self)

    def __repr__(self) -> str:
        return f"Loopback({self.redirect_uri!r})"

    @property
    def redirect_uri(self) -> str:
        """The URI to send, byte for byte as registered, with the real port."""
        return self._place.uri

    def wait(self, timeout: float) -> dict[str, str] | None:
        """The parameters of the accepted callback, handed out once.

        ``None`` after ``timeout`` seconds, after which one may wait again, and at once when it is closed or somebody
        else got them. An interrupt (Ctrl-C) closes it.
        """
        deadline = time.monotonic() + timeout
        try:
            with self._news:
                while not (self._done or self._closed):
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return None
                    self._news.wait(min(left, GLANCE))
                accepted, self._accepted = self._accepted, None
                return accepted
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Free the port and end the thread. May be called again, and from any thread."""
        self._forget()
        with suppress(OSError):  # full, or closed already: then it is awake
            self._wake.send(b"\0")
        try:
            if self._thread is not threading.current_thread():
                self._thread.join(PATIENCE)
        finally:
            self._listener.close()  # even if the thread hangs in somebody's `check`

    def _forget(self) -> None:
        with self._news:
            self._closed = True
            self._accepted = None
            self._news.notify_all()

    def _run(self) -> None:
        try:
            while not self._closed:
                for key, _ in self._selector.select(self._until_next_deadline()):
                    if isinstance(key.data, _Connection):
                        self._receive(key.data)
                    elif key.fileobj is self._listener:
                        self._admit()
                self._drop_late_ones()
        finally:
            self._give_up()

    def _give_up(self) -> None:
        """Close everything, in the thread that uses it."""
        self._forget()
        self._listener.close()
        for connection in tuple(self._open.values()):
            self._drop(connection)
        self._selector.close()
        self._wake.close()
        self._woken.close()

    def _until_next_deadline(self) -> float | None:
        oldest = next(iter(self._open.values()), None)
        return None if oldest is None else max(0.0, oldest.deadline - time.monotonic())

    def _drop_late_ones(self) -> None:
        now = time.monotonic()
        for connection in tuple(self._open.values()):
            if connection.deadline > now:
                break
            self._drop(connection)

    def _admit(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):  # it has hung up already
            return
        except OSError:
            if self._closed:
                return
            if self._open:
                self._drop(next(iter(self._open.values())))
            time.sleep(BREATH)
            return
        if len(self._open) >= MOST_CONNECTIONS:
            self._drop(next(iter(self._open.values())))
        sock.setblocking(False)
        self._open[sock] = connection = _Connection(sock, time.monotonic() + self._request_timeout)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _receive(self, connection: _Connection) -> None:
        if connection.sock not in self._open:  # dropped a moment ago, to make room
            return
        try:
            data = connection.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
        elif not connection.answered:
            self._answer(connection, data)

    def _answer(self, connection: _Connection, data: bytes) -> None:
        """Answer as soon as the request is complete or hopeless. What follows on the connection is thrown away."""
        params = None
        try:
            head = connection.head.feed(data)
            if head is None:
                return
            params = self._accept(self._place.callback(head))
            page = pages.GRANTED if "code" in params else pages.DENIED
        except RequestError as error:
            _log.debug("refused a request with %d: %s", error.status, error.why)
            page = pages.refusal(error.status)
        connection.answered = True
        connection.head = Head()
        with suppress(OSError):  # the client has gone
            # A page is far smaller than the buffer of a new connection, so it is never sent in part.
            connection.sock.send(page)
            connection.sock.shutdown(socket.SHUT_WR)
        if params is not None:
            with self._news:
                self._accepted, self._done = (None if self._closed else params), True
                self._news.notify_all()

    def _accept(self, params: dict[str, str]) -> dict[str, str]:
        """The parameters, if they are those of the one callback."""
        if self._done:
            raise RequestError(HTTPStatus.CONFLICT, "the login has had its callback")
        try:
            reason = self._check(params)
        except Exception as error:  # its text may hold anything
            _log.warning("a callback could not be checked, so it is refused: %s", type(error).__name__)
            raise RequestError(HTTPStatus.BAD_REQUEST, "it could not be checked") from None
        if reason is not None:
            _log.info("a callback is refused, the login goes on: %s", reason)
            raise RequestError(HTTPStatus.BAD_REQUEST, "it is not this login's")
        return params

    def _drop(self, connection: _Connection) -> None:
        """Hang up. One that got no answer is reset, so that nothing of it lingers on the port."""
        del self._open[connection.sock]
        with suppress(OSError, KeyError, ValueError):
            self._selector.unregister(connection.sock)
        with suppress(OSError):
            if connection.answered:
                connection.sock.recv(CHUNK)  # closing with something unread would tear the page away
            else:
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        connection.sock.close()

    def _after_fork_in_child(self) -> None:
        """Leave the login to the parent: a copy of its sockets here would keep the port."""
        self._news = threading.Condition()
        with suppress(OSError):  # not every system's selectors cross a fork
            self._selector.close()  # not unregister(), which would do it in the parent too
        for sock in (self._listener, self._wake, self._woken, *self._open):
            sock.close()
        self._open.clear()
        self._forget()


class _Connection:
    """A client, and its request as far as it has come."""

    __slots__ = ("answered", "deadline", "head", "sock")

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.sock = sock
        self.deadline = deadline
        self.head = Head()
        self.answered = False


def _listen(places: list[Place]) -> tuple[socket.socket, Place]:
    """Listen at the first of these that can be had."""
    if not places:
        raise ConfigError("redirect_uri: a login needs one to return to")
    taken = []
    for place in places:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if sys.platform == "win32":  # there, SO_REUSEADDR would let anybody take the port away
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:  # here, it only allows what is needed after a login: a port with nobody on it but closed connections
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind((ADDRESS, place.port))
            listener.listen(2 * MOST_CONNECTIONS)
            return listener, replace(place, port=listener.getsockname()[1])
        except OSError as error:
            listener.close()
            taken.append(f"port {place.port or '(any)'} of {ADDRESS} cannot be had: {error.strerror}")
        except BaseException:
            listener.close()
            raise
    raise LoginError(
        "port_in_use",
        "; ".join(taken) + ". Free it, name another registered redirect_uri (a list is tried in order), or log in"
        " with a code: `cbauth login PROFILE --device`",
    )


_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""``struct linger``: close without waiting for the other side."""

_running: weakref.WeakSet[Loopback] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for loopback in tuple(_running):
        loopback._after_fork_in_child()
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
