"""A provider on this machine that people sign in to: one page with two buttons, no account, no password, no network.

It speaks what a login needs and no more: the authorization code grant with PKCE (RFC 6749, RFC 7636), refresh tokens
that are good once, revocation (RFC 7009), and discovery (RFC 8414). Everything is forgotten when it ends.
"""

from __future__ import annotations

import json
import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from cbauth.oauth.pkce import challenge_of
from cbauth.oauth.transport import is_loopback

__all__ = ["Acme"]

HOST = "127.0.0.1"
LARGEST = 20_000
"""Bytes of a form."""
MOST = 100
"""Pages that are open, codes and tokens that are good, each; the oldest is forgotten for a new one."""
LIFE = 3600
PATIENCE = 2.0
"""Seconds that closing waits for an answer on its way."""
WHO = "you@acme.example"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in to Acme</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"></head>
<body style="font: 16px system-ui, sans-serif; max-width: 32em; margin: 4em auto; padding: 0 1em">
<h1>Sign in to Acme</h1>
<p>This provider runs on your own machine, for this notebook alone. There is no password: you are {who}.</p>
<p><strong>{client}</strong> would like to call models in your name.</p>
<form method="post" action="/authorize"><input type="hidden" name="page" value="{page}">
<button id="allow" name="answer" value="allow" autofocus>Allow</button>
<button id="deny" name="answer" value="deny">Deny</button></form></body></html>
"""

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for. What was given for it is in no ``repr``."""

    client: str
    back: str
    state: str = field(repr=False)
    challenge: str = field(repr=False)


class Acme:
    """Listens on a free port from the beginning until ``close()``. A context manager.

    ``issuer`` goes into profiles.yaml; any ``client_id`` will do.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages: dict[str, Request] = {}
        self._codes: dict[str, Request] = {}
        self._refreshable: dict[str, str] = {}
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="cbauth Acme", daemon=True
        )
        self._thread.start()

    @property
    def issuer(self) -> str:
        """Where it is."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def close(self) -> None:
        """Listen no more, and leave no thread behind. Twice is fine."""
        self._server.shutdown()
        self._server.server_close()
        for thread in (self._thread, *self._server.answering):
            thread.join(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Acme at {self.issuer}>"

    # what it answers

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """The answer to a GET."""
        if path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
            return _json(200, self._description())
        if path != "/authorize":
            return _json(404, {"error": "not_found"})
        asked = Request(*(query.get(name, "") for name in ("client_id", "redirect_uri", "state", "code_challenge")))
        if not _is_here(asked.back) or not asked.client:
            return _json(
                400, {"error": "invalid_request", "error_description": "redirect_uri has to be on this machine"}
            )
        if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256" or not asked.challenge:
            return self._back(asked, error="invalid_request", error_description="a code with S256 is all there is here")
        page = PAGE.format(who=WHO, client=escape(asked.client), page=self._kept(self._pages, asked))
        headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
        return 200, {"Content-Type": "text/html; charset=utf-8", **headers}, page.encode()

    def post(self, path: str, form: Mapping[str, str]) -> Answer:
        """The answer to a POST."""
        if path == "/authorize":
            return self._answered(form)
        if path == "/token":
            return self._token(form)
        if path == "/revoke":
            with self._lock:
                self._refreshable.pop(form.get("token", ""), None)
            return _json(200, {})
        return _json(404, {"error": "not_found"})

    def _description(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _answered(self, form: Mapping[str, str]) -> Answer:
        """Somebody has pressed a button on a page, which is good once."""
        with self._lock:
            asked = self._pages.pop(form.get("page", ""), None)
        if asked is None:
            return _json(400, {"error": "invalid_request", "error_description": "this page is used up: sign in anew"})
        if form.get("answer") != "allow":
            return self._back(asked, error="access_denied")
        return self._back(asked, code=self._kept(self._codes, asked))

    def _token(self, form: Mapping[str, str]) -> Answer:
        kind, client = form.get("grant_type"), form.get("client_id", "")
        with self._lock:
            if kind == "authorization_code":
                asked = self._codes.pop(form.get("code", ""), None)
                good = asked is not None and asked == Request(
                    client, form.get("redirect_uri", ""), asked.state, challenge_of(form.get("code_verifier", ""))
                )
            elif kind == "refresh_token":
                good = self._refreshable.pop(form.get("refresh_token", ""), None) == client
            else:
                return _json(400, {"error": "unsupported_grant_type"})
        if not good:
            return _json(400, {"error": "invalid_grant"})
        return _json(
            200,
            {
                "access_token": secrets.token_urlsafe(32),
                "token_type": "Bearer",
                "expires_in": LIFE,
                "refresh_token": self._kept(self._refreshable, client),
                "id_token": ".".join(map(_encoded, ({"alg": "none"}, {"sub": WHO, "email": WHO}))) + ".",
            },
        )

    def _kept(self, place: dict[str, Any], what: object) -> str:
        """A new name for something, under which it is found once."""
        name = secrets.token_urlsafe(32)
        with self._lock:
            place[name] = what
            while len(place) > MOST:
                del place[next(iter(place))]
        return name

    def _back(self, asked: Request, **facts: str) -> Answer:
        """Send the browser back to whoever asked."""
        said = urlencode({**facts, "state": asked.state, "iss": self.issuer})
        return 303, {"Location": f"{asked.back}{'&' if '?' in asked.back else '?'}{said}"}, b""


def _is_here(url: str) -> bool:
    """Whether it leads to a program of this machine: nobody else is given a code."""
    try:
        return urlsplit(url).scheme == "http" and is_loopback(url) and url.isprintable()
    except ValueError:
        return False


def _encoded(part: Mapping[str, str]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def _json(status: int, body: Mapping[str, Any]) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


class _Server(ThreadingHTTPServer):
    def __init__(self, acme: Acme) -> None:
        super().__init__((HOST, 0), _Handler)
        self.acme = acme
        self.answering: list[threading.Thread] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread that the end of the process does not wait for."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self.answering = [thread, *(each for each in self.answering if each.is_alive())]
        thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever hung up had a reason."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        """Answer a page or a description."""
        parts = urlsplit(self.path)
        self._say(self.server.acme.get(parts.path, _first(parts.query)))

    def do_POST(self) -> None:
        """Answer a form."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            self._say(_json(413, {"error": "invalid_request"}))
            return
        form = self.rfile.read(int(length)).decode("utf-8", "replace")
        self._say(self.server.acme.post(urlsplit(self.path).path, _first(form)))

    def _say(self, answer: Answer) -> None:
        status, headers, body = answer
        self.send_response(status)
        for name, value in {**headers, "Cache-Control": "no-store", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: addresses hold codes."""


def _first(form: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(form, keep_blank_values=True).items()}
