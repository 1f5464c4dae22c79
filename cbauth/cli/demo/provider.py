"""A provider on this machine: it speaks the OpenAI dialect, and can refuse, be overloaded, go down and come back.

What it says when it refuses has the shape of what OpenAI says (platform.openai.com/docs/guides/error-codes).
"""

from __future__ import annotations

import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Self

__all__ = ["Provider"]

HOST = "127.0.0.1"


class Provider:
    """Serves ``/v1/chat/completions`` on a free port for the keys it knows. A context manager that serves while open.

    While it is down its port stays taken, but nobody listens there: connections are refused, and no other program can
    answer in its place.
    """

    def __init__(self, keys: set[str]) -> None:
        self.keys = frozenset(keys)
        self.overloaded = False
        self.requests = 0
        self._limited: dict[str, float] = {}
        self._spent: set[str] = set()
        self._server = _Server(self, 0)
        self._thread: threading.Thread | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{HOST}:{self._server.server_port}"

    def limit(self, key: str, seconds: float) -> None:
        """Let ``key`` be over its rate limit for so many seconds."""
        self._limited[key] = time.monotonic() + seconds

    def limited_for(self, key: str) -> float:
        """For how many more seconds ``key`` is over its rate limit; 0 if it is not."""
        return max(self._limited.get(key, 0.0) - time.monotonic(), 0.0)

    def spend(self, key: str) -> None:
        """Let the account behind ``key`` be out of credit."""
        self._spent.add(key)

    def go_up(self) -> None:
        """Listen."""
        self._server.server_activate()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def go_down(self) -> None:
        """Close the listening socket."""
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
        self.go_down()
        self._server.server_close()

    def answer(self, key: str, request: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and body of the answer to a request."""
        self.requests += 1
        model = str(request.get("model"))
        if key not in self.keys:
            return 401, {}, _error("Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
        if self.overloaded:
            return 503, {}, _error("The engine is currently overloaded, please try again later.", "server_error", None)
        if key in self._spent:
            message = "You exceeded your current quota, please check your plan and billing details."
            return 429, {}, _error(message, "insufficient_quota", "insufficient_quota")
        if wait := self.limited_for(key):
            headers = {"retry-after": str(math.ceil(wait)), "retry-after-ms": str(math.ceil(wait * 1000))}
            message = f"Rate limit reached for {model}. Please try again in {wait:.1f}s."
            return 429, headers, _error(message, "requests", "rate_limit_exceeded")
        return 200, {}, _completion(model, self.requests)


def _error(message: str, kind: str, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _completion(model: str, number: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }


class _Server(ThreadingHTTPServer):
    """Bound to its port from the beginning; it listens once it is activated."""

    daemon_threads = True

    def __init__(self, provider: Provider, port: int) -> None:
        super().__init__((HOST, port), _Handler, bind_and_activate=False)
        self.provider = provider
        self.server_bind()

    def server_bind(self) -> None:
        """Bind, without asking anybody for the name of this machine as the base class does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever hung up had a reason."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Read the request, ask the provider, write its answer."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.path == "/v1/chat/completions":
            status, headers, body = self.server.provider.answer(key, request)
        else:
            status, headers, body = 404, {}, _error(f"Unknown path {self.path}.", "invalid_request_error", None)
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the timeline tells what happens."""
