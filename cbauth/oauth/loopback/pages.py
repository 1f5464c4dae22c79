"""What the browser shows after a login. Nothing in a page comes from a request, and no page loads or runs anything."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from http import HTTPStatus

__all__ = ["DENIED", "GRANTED", "refusal"]

_STYLE = (
    "body{font:1.1em/1.5 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 1em;color-scheme:light dark}"
)
_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
        *(f"{directive} 'none'" for directive in ("base-uri", "form-action", "frame-ancestors")),
    )
)


def _answer(status: HTTPStatus, title: str, text: str) -> bytes:
    """A whole HTTP answer."""
    page = (
        "<!doctype html>\n"
        f'<html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>\n'
        f"<h1>{title}</h1>\n<p>{text}</p>\n"
    ).encode()
    if status == HTTPStatus.METHOD_NOT_ALLOWED:  # the method may be HEAD, whose answers have no body
        page = b""
    head = (
        f"HTTP/1.1 {status} {status.phrase}",
        *(["Allow: GET"] if status == HTTPStatus.METHOD_NOT_ALLOWED else []),
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(page)}",
        "Cache-Control: no-store",
        f"Content-Security-Policy: {_POLICY}",
        "Cross-Origin-Resource-Policy: same-origin",
        "Referrer-Policy: no-referrer",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + page


GRANTED = _answer(HTTPStatus.OK, "The login has arrived", "You can close this window and go back to where you started.")
DENIED = _answer(HTTPStatus.OK, "The login was not granted", "Where you started it, you can see why.")
_DONE = _answer(HTTPStatus.CONFLICT, "This login was answered before", "Nothing changes. You can close this window.")


def refusal(status: HTTPStatus) -> bytes:
    """The answer to a request that is refused with ``status``."""
    if status == HTTPStatus.CONFLICT:
        return _DONE
    return _answer(status, status.phrase, "The login does not wait for this. It goes on waiting.")
