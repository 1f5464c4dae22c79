"""Secrets wherever they stand: keys and tokens by their shape, credentials in URLs, authorization headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cbauth.config.diagnostics import Finding, Path
from cbauth.config.privacy import looks_secret
from cbauth.config.rules.shape import walk

__all__ = ["literal_secrets", "suspicious"]

_HINTS = (
    *("authorization", "bearer", "basic", "x-api", "x_api", "xapi", "x-goog", "x_goog", "xgoog", "cookie"),
    *("@", "token=", "secret=", "key=", "\\"),
)
"""One of these is in every text, in small letters, that the patterns below find; an escape may hide anything."""

_HEADERS = frozenset({"authorization", "proxyauthorization", "xapikey", "xgoogapikey", "cookie", "setcookie"})
_SCHEME = re.compile(r"(?i)(?:authorization\s*:\s*)?(?:bearer|basic)\s+(?=\S*[0-9=])[A-Za-z0-9._~+/=-]{8,}")
_USER = re.compile(r"(?i)[a-z][a-z0-9+.-]{0,20}://[^\s/?#@]*:[^\s/?#@]+@")
_PARAMETER = re.compile(r"(?i)[?&](?:api[-_]?key|access[-_]?token|client[-_]?secret|key|token)=[^\s&#]{8,}")
_REFERENCE = re.compile(r"(?:env|file|keyring|command):")
_NAME = r"(?:api[-_. ]?key|pass(?:word|wd|phrase)|secret|(?:secret|access|private)[-_. ]?key|token)"
_NAMED = re.compile(rf"(?:.*[-_. ])?{_NAME}|[a-z]*{_NAME}", re.IGNORECASE)
_GIVEN = tuple(
    re.compile(rf"""{word}["']?\s*:\s*["']?(?!{_REFERENCE.pattern}|\s)""")
    for word in ("key", "password", "passwd", "passphrase", "secret", "token")
)
"""One is in every text, in small letters, in which a key that names a secret has a text that is no reference.

Apart they are thirty times as fast as in one pattern: each begins with a word to look for.
"""
_PLACEHOLDER = re.compile(r"\$\{\w+\}|\*+|<[^<>]*>")

_REPLACE = "take it out, replace it where it was issued, and refer to the new one in `api_key`"


def suspicious(text: str) -> bool:
    """Whether ``literal_secrets`` could find anything in a file of this text."""
    if looks_secret(text):
        return True
    lower = text.casefold()  # as patterns that ignore case do
    return any(hint in lower for hint in _HINTS) or any(given.search(lower) for given in _GIVEN)


def literal_secrets(data: Any) -> Iterator[Finding]:
    """Texts and keys that are, or hold, a secret, whatever key they stand under; free keys (``x-…``) too."""
    for path, value, at_key in walk(data):
        if not isinstance(value, str):
            continue
        if not at_key and _is_header(path, value):
            yield Finding("CBA305", path, "this is an authorization header", _REPLACE)
        elif looks_secret(value):
            yield Finding("CBA301", path, "this looks like a secret", _REPLACE, at_key=at_key)
        elif "://" in value and (_USER.search(value) or _PARAMETER.search(value)):
            yield Finding("CBA302", path, "this URL carries a credential", _REPLACE, at_key=at_key)
        elif not at_key and _is_named(path, value):
            yield Finding("CBA301", path, "a secret stands under the key that names it", _REPLACE)


def _is_named(path: Path, value: str) -> bool:
    """Whether the key says that the text is a secret; the keys that take references have checks of their own."""
    match path:
        case ("profiles", str(), "api_key") | ("providers", str(), "oauth", "client_secret") | ("classify", *_):
            return False
        case (*_, str(key)) if _NAMED.fullmatch(key):
            text = value.strip()
            return text != "" and _REFERENCE.match(text) is None and _PLACEHOLDER.fullmatch(text) is None
    return False


def _is_header(path: Path, value: str) -> bool:
    if path[:1] == ("classify",):
        return False  # a rule has to repeat what providers say
    key = re.sub("[-_]", "", str(path[-1])).casefold() if path else ""
    if key in _HEADERS and value.strip():
        return _REFERENCE.match(value) is None
    return _SCHEME.fullmatch(value.strip()) is not None
