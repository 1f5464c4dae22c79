"""HTTP to a server on this machine, byte for byte, as no honest client would send it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

__all__ = ["Answer", "connect", "get", "read_all", "send"]

SOON = 10.0
"""Seconds after which a test gives up; nothing here should take a tenth of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back until the server hung up; the names of the headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def connect(uri: str) -> socket.socket:
    """A connection to the port that ``uri`` names."""
    return socket.create_connection(("127.0.0.1", urlsplit(uri).port or 80), SOON)


def read_all(connection: socket.socket) -> bytes:
    """Everything up to the end; a reset is an end too."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionError:
        pass
    return received


def send(uri: str, request: bytes) -> Answer | None:
    """Send these bytes and read the answer; ``None`` if the server hung up without a word."""
    with connect(uri) as connection:
        connection.sendall(request)
        received = read_all(connection)
    if not received:
        return None
    head, _, body = received.partition(b"\r\n\r\n")
    status, *fields = head.decode("ascii").split("\r\n")
    pairs = [field.split(": ", 1) for field in fields]
    return Answer(status=int(status.split(" ")[1]), headers={name.lower(): value for name, value in pairs}, body=body)


def get(uri: str, **params: str) -> Answer:
    """Ask for ``uri`` with these parameters, as a browser that was redirected there."""
    parts = urlsplit(uri)
    target = (parts.path or "/") + "?" + "&".join(filter(None, (parts.query, urlencode(params))))
    answer = send(uri, f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: text/html\r\n\r\n".encode())
    assert answer is not None
    return answer
