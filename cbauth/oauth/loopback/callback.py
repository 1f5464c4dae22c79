"""What a callback is: the one kind of HTTP request that a login waits for. No I/O.

Laws:

1. Only ``GET`` with the exact path and the exact ``Host``, well-formed as RFC 9112 has it and without a body, no
   parameter twice, and either ``code`` or ``error``, is a callback. Nothing is repaired, nothing guessed.
2. A request that cannot become one is refused as soon as that is sure, in time linear in its length.
3. No error holds anything that was received.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

from cbauth.errors import ConfigError

__all__ = ["Head", "Place", "RequestError"]

LONGEST_LINE = 8192
"""Bytes of the request line; a server should understand 8000 (RFC 9112 section 3)."""
LONGEST_HEAD = 32768
"""Bytes of the whole request: a browser sends the cookies of every program that it met on this host."""
MOST_FIELDS = 100
MOST_PARAMETERS = 32

_URI = re.compile(r"(http://(127\.0\.0\.1|localhost))(?::([0-9]{1,5}))?((/[!-\"$->@-~]*)?(?:\?[!-\"$-~]*)?)")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.[01]")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)")
_NEVER_IN_A_HEAD = re.compile(rb"[^\t\r\n -~\x80-\xff]|(?<!\r)\n|\r(?!\n|\Z)")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class RequestError(Exception):
    """A request that is not the login's callback: the status of its answer, and why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(status, why)
        self.status = status
        self.why = why


class Head:
    """The request line and the header fields of a request, while they come in."""

    __slots__ = ("_received",)

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """The head, once it is complete; what follows it is dropped. Raises ``RequestError`` as early as it can."""
        start = max(0, len(self._received) - 3)
        self._received += data
        end = self._received.find(b"\r\n\r\n", start)
        length = len(self._received) if end < 0 else end
        if _NEVER_IN_A_HEAD.search(self._received, start, length):
            raise RequestError(HTTPStatus.BAD_REQUEST, "a byte that no request holds")
        line_length = self._received.find(b"\r\n", 0, LONGEST_LINE + 2)
        if line_length < 0 and length > LONGEST_LINE:
            raise RequestError(HTTPStatus.REQUEST_URI_TOO_LONG, "the request line is too long")
        if line_length >= start and not _REQUEST_LINE.fullmatch(self._received, 0, line_length):
            raise RequestError(HTTPStatus.BAD_REQUEST, "no request line of HTTP/1")
        if length > LONGEST_HEAD:
            raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the header is too long")
        return None if end < 0 else bytes(self._received[:end])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a redirect URI leads: ``before`` and ``after`` its port (0: any), and the path in it."""

    before: str
    host: str
    port: int
    path: str
    after: str

    @classmethod
    def of(cls, uri: str) -> Place:
        """Take a redirect URI apart, none of its bytes changed. Raises ``ConfigError`` if it leads elsewhere."""
        found = _URI.fullmatch(uri)
        if found is None or int(found[3] or 0) > 65535:
            raise ConfigError(
                f"redirect_uri {uri!r}: a login can return to http://127.0.0.1 or http://localhost only,"
                " with or without a port and a path"
            )
        return cls(before=found[1], host=found[2], port=int(found[3] or 0), path=found[5] or "/", after=found[4])

    @property
    def uri(self) -> str:
        """The redirect URI, with the port."""
        return f"{self.before}:{self.port}{self.after}"

    def callback(self, head: bytes) -> dict[str, str]:
        """The parameters of the callback that ``head`` is. Raises ``RequestError`` for any other request."""
        line, *lines = head.split(b"\r\n")
        request = _REQUEST_LINE.fullmatch(line)
        if request is None:
            raise RequestError(HTTPStatus.BAD_REQUEST, "no request line of HTTP/1")
        fields = _fields(lines)
        # Another name that leads to this machine is a page that rebound its own name to get at the callback.
        hosts = fields.get(b"host", [])
        port = self.port or 80
        expected = {f"{self.host}:{port}".encode()} | ({self.host.encode()} if port == 80 else set())
        if len(hosts) != 1 or hosts[0] not in expected:
            raise RequestError(HTTPStatus.BAD_REQUEST, "it asks another host")
        if request[1] != b"GET":
            raise RequestError(HTTPStatus.METHOD_NOT_ALLOWED, "the method is not GET")
        if b"transfer-encoding" in fields or fields.get(b"content-length", [b"0"]) != [b"0"]:
            raise RequestError(HTTPStatus.BAD_REQUEST, "it has a body")
        path, _, query = request[2].decode("ascii").partition("#")[0].partition("?")
        if path != self.path:
            raise RequestError(HTTPStatus.NOT_FOUND, "the path is another")
        params = _parameters(query)
        if bool(params.get("code")) == bool(params.get("error")):
            raise RequestError(HTTPStatus.BAD_REQUEST, "it has neither a code nor an error, or both")
        return params


def _fields(lines: list[bytes]) -> dict[bytes, list[bytes]]:
    """The header fields, each with all of its values."""
    if len(lines) > MOST_FIELDS:
        raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "there are too many header fields")
    fields: dict[bytes, list[bytes]] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise RequestError(HTTPStatus.BAD_REQUEST, "a header field is malformed")
        fields.setdefault(field[1].lower(), []).append(field[2].strip(b" \t"))
    return fields


def _parameters(query: str) -> dict[str, str]:
    """What a query says, if every escape in it is sound and no name comes twice (RFC 6749 section 3.1)."""
    if _BROKEN_ESCAPE.search(query):
        raise RequestError(HTTPStatus.BAD_REQUEST, "an escape in the query is broken")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise RequestError(HTTPStatus.BAD_REQUEST, "the query is too long or not UTF-8") from None
    params = dict(pairs)
    if len(params) < len(pairs):
        raise RequestError(HTTPStatus.BAD_REQUEST, "a parameter comes twice")
    if any(_CONTROL.search(text) for pair in pairs for text in pair):
        raise RequestError(HTTPStatus.BAD_REQUEST, "a parameter holds a control character")
    return params
