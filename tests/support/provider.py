"""A provider on the loopback interface: it speaks three dialects and answers each key as it was told to.

Nothing in it sleeps. What it is asked is kept, in order, so that a test can say who was asked, for what, how often.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Self

from tests.support.dialects import completion, events, failure
from tests.support.replies import Cut, Drop, Hang, Ok, Raw, Reply

__all__ = ["Provider", "Request"]

HOST = "127.0.0.1"
_DIALECTS = (
    ("openai", re.compile(r"/v1/chat/completions")),
    ("anthropic", re.compile(r"/v1/messages")),
    ("google", re.compile(r"/v1beta/models/([\w.-]+):(?:generateContent|streamGenerateContent)")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client sent. ``key`` comes from whichever header the dialect carries it in."""

    key: str
    path: str
    dialect: str
    model: str
    stream: bool


class Provider:
    """A server with a script for each key; a key without one gets good answers. A context manager."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._hanging: list[Hang] = []
        self._scripts: dict[str, list[Reply]] = {}
        self._lock = threading.Lock()
        self._server = _Server(self, 0)
        self._thread: threading.Thread | None = None

    def says(self, key: str, *replies: Reply) -> None:
        """Answer ``key`` with these, one per request; the last one stays."""
        with self._lock:
            self._scripts[key] = list(replies)

    def base_url(self, dialect: str = "openai") -> str:
        """Where clients of a dialect find it."""
        return f"http://{HOST}:{self._server.server_port}" + ("/v1" if dialect == "openai" else "")

    @property
    def keys(self) -> list[str]:
        """The keys that it was asked with, in order."""
        return [request.key for request in self.requests]

    def go_up(self) -> None:
        """Listen, on the same port as before."""
        self._server.server_activate()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)
        self._thread.start()

    def go_down(self) -> None:
        """Close the listening socket: from now on connections are refused. The port stays taken."""
        if self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._thread = None
        port = self._server.server_port
        self._server.server_close()
        self._server = _Server(self, port)

    def __enter__(self) -> Self:
        self.go_up()
        return self

    def __exit__(self, *exc: object) -> None:
        for reply in self._hanging:
            reply.release.set()
        self.go_down()
        self._server.server_close()

    def reply_to(self, request: Request) -> Reply:
        """Keep the request; the next reply of its key's script."""
        with self._lock:
            self.requests.append(request)
            script = self._scripts.get(request.key, [Ok()])
            reply = script.pop(0) if len(script) > 1 else script[0]
            if isinstance(reply, Hang):
                self._hanging.append(reply)
                reply.reached.set()
            return reply


class _Server(ThreadingHTTPServer):
    """Bound to its port from the beginning; it listens once it is activated. Closing it waits for its answers."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, provider: Provider, port: int) -> None:
        super().__init__((HOST, port), _Handler, bind_and_activate=False)
        self.provider = provider
        self.server_bind()

    def server_bind(self) -> None:
        """Bind, without looking up the name of this machine."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that timed out has hung up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """List models, as all three dialects do."""
        models = [{"id": name, "object": "model", "created": 1, "owned_by": "acme"} for name in ("gpt-4o", "gpt-5")]
        self._send(Raw(200, json.dumps({"object": "list", "data": models}).encode()))

    def do_POST(self) -> None:
        """Read a request and act as the script of its key says."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = next(((name, m) for name, path in _DIALECTS if (m := path.match(self.path))), None)
        if found is None:
            self._send(Raw(404, b"{}"))
            return
        dialect, match = found
        request = Request(
            key=self._key(),
            path=self.path,
            dialect=dialect,
            model=body.get("model") or match.group(1),
            stream=bool(body.get("stream")) or "streamGenerateContent" in self.path,
        )
        reply = self.server.provider.reply_to(request)
        match reply:
            case Ok(text) if request.stream:
                self._stream(events(dialect, request.model, text))
                self._chunk(b"")
            case Ok(text):
                self._send(Raw(200, json.dumps(completion(dialect, request.model, text)).encode()))
            case Raw():
                self._send(reply)
            case Cut(text, error):
                self._stream(events(dialect, request.model, text, whole=False))
                if error is not None:
                    self._chunk(failure(dialect, error))
                    self._chunk(b"")
            case Hang():
                reply.release.wait()
            case Drop():
                pass
        self.close_connection = True

    def _key(self) -> str:
        for name in ("x-api-key", "x-goog-api-key"):
            if key := self.headers.get(name):
                return key
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _send(self, reply: Raw) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)

    def _stream(self, chunks: Iterable[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        for chunk in chunks:
            self._chunk(chunk)

    def _chunk(self, data: bytes) -> None:
        """One chunk (RFC 9112 section 7.1); an empty one ends the body."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""
