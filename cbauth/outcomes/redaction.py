"""Texts that strangers wrote, made fit to be shown: no secret, one line, no control characters.

Providers echo what they were sent: "Incorrect API key provided: sk-abc***". Every expression here takes time linear in
the text: each repetition is bounded, or starts only where a word starts. Most texts hold nothing to hide, so each
expression runs only where a cheap look says that it may find something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["REDACTED", "brief", "redact"]

REDACTED = "[redacted]"
SHORTEST = 4
"""Secrets shorter than this are replaced only where they stand alone: inside words they would hit every other text."""
LONGEST = 4096
MESSAGE = 300
REMEMBERED = 256

_clean: set[str] = set()
"""Texts that were looked through and held nothing to hide: the same words cost nothing the next time."""

# Invisible characters go without a trace, since they can be put into a key to hide it; all others leave a blank.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]+")
_CONTROL = re.compile(
    r"(?:\x1b\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff])+"
)

# A name that says what follows is a secret: x-api-key: …, "password": "…", ?key=…, API key provided: …
_NAME_ENDS = (
    *("key", "keys", "provided", "token", "secret", "authorization", "cookie", "password", "passwd", "credential"),
    *("credentials", "sig", "signature", "code", "auth"),
)
_SEPARATOR = re.compile("[:=]")
_NAMED = re.compile(
    r"""(?P<name>(?<![A-Za-z0-9])(?:
        (?:x[-_])?(?:goog[-_])?api[-_\ ]?keys?(?:\ provided)?
      | (?:access|refresh|id|auth|session|bearer|security)[-_\ ]?token
      | (?:client[-_\ ]?)?secret | (?:secret|private)[-_\ ]?(?:access[-_\ ]?)?key
      | (?:proxy-)?authorization | (?:set-)?cookie | password | passwd | credentials?
      | (?<=[?&])(?:sig|signature|code|auth)
      | x-amz-(?:security-token|signature|credential)
      | token | key
    )["']?\s{0,8}[:=]\s{0,8})(?P<value>["']?\s{0,8}(?:bearer\s{1,8}|basic\s{1,8})?[^\s"'&<>,;)}\]]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_VAGUE = ("key", "token", "authorization", "credential")
"""Names that also stand in sentences ("invalid token: expired"), where a plain word after them is no secret."""
_SCHEME = re.compile(r"(?<![A-Za-z0-9])((?:bearer|basic)\s{1,8})([^\s\"'<>,;]{4,})", re.IGNORECASE)

# What the keys of providers begin with.
_DASHED = ("sk", "rk", "pk", "xai", "pplx", "nvapi", "csk", "glpat", "xoxb", "xoxp", "xoxa", "xapp", "tvly")
_UNDERSCORED = ("gsk", "hf", "ghp", "gho", "ghu", "ghs", "ghr", "github_pat", "r8", "fw", "tgp_v1", "key", "pypi")
_KEYS = re.compile(
    rf"""(?<![A-Za-z0-9])(?:
        (?:{"|".join(_DASHED)})-[A-Za-z0-9*._-]{{3,}}
      | (?:{"|".join(_UNDERSCORED)})_[A-Za-z0-9*_-]{{6,}}
      | AIza[A-Za-z0-9*_-]{{6,}} | ya29\.[A-Za-z0-9*._-]{{6,}} | AQ\.[A-Za-z0-9*_-]{{12,}}
      | (?:AKIA|ASIA)[A-Z0-9*]{{8,}}
      | eyJ[A-Za-z0-9_-]{{6,}}(?:\.[A-Za-z0-9_-]{{0,8192}}){{0,4}}
    )""",
    re.VERBOSE,
)
_PEM = re.compile(r"-----BEGIN [A-Z ]{0,40}KEY-----.*?(?:-----END [A-Z ]{0,40}KEY-----|$)")
_USERINFO = re.compile(r"(?<=://)[^\s/@\"'<>]{1,256}@")
_MASKED = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{1,64}\*{3,}[A-Za-z0-9_*-]{0,512}|\*{3,}[A-Za-z0-9_*-]{1,512}")
_OPAQUE = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{32,}")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` on one line, with ``[redacted]`` for all that is or looks like a key, a token or a password.

    ``secrets`` are known ones, such as the token that was sent: they go wherever they stand, percent-encoded too, and
    cut off where the text ends with an ellipsis.
    """
    secrets = tuple(secrets)
    if text in _clean:
        for secret in secrets:
            if secret in text:
                break
        else:
            return text
    known = _known(secrets, text)
    for secret in known:
        text = _without(text, secret)
    shown = _hidden(text, known)
    if shown == text and len(text) <= LONGEST and "%" not in text and not text.endswith("…"):
        if len(_clean) >= REMEMBERED:
            _clean.clear()
        _clean.add(text)
    return shown


def _hidden(text: str, known: list[str]) -> str:
    if not text.isprintable() or "  " in text:
        text = _CONTROL.sub(" ", _INVISIBLE.sub("", text)).strip()
        if not text.isprintable():  # characters for private use, of no meaning, or of one that is yet to come
            text = " ".join("".join(filter(str.isprintable, text)).split())
        for secret in known:
            text = _without(text, secret)
    lower = text.lower()
    if (":" in text or "=" in text) and _names_a_secret(lower):
        text = _NAMED.sub(_keep_name, text)
    if "bearer" in lower or "basic" in lower:
        text = _SCHEME.sub(_keep_scheme, text)
    if "-----BEGIN " in text:
        text = _PEM.sub(REDACTED, text)
    if "@" in text and "://" in text:
        text = _USERINFO.sub(f"{REDACTED}@", text)
    text = _KEYS.sub(REDACTED, text)
    if "***" in text:
        text = _MASKED.sub(REDACTED, text)
    return _OPAQUE.sub(_opaque, text)


def _names_a_secret(lower: str) -> bool:
    """Whether what stands before some colon or equals sign ends like the name of a secret."""
    for at in _SEPARATOR.finditer(lower):
        start = at.start()
        if lower[max(0, start - 32) : start].rstrip(" \"'").endswith(_NAME_ENDS):
            return True
    return False


def brief(text: str, secrets: Iterable[str] = ()) -> str:
    """``redact``, of at most 300 characters, cut at a blank: half a token would be half a secret."""
    if len(text) > LONGEST:
        text = (text[:LONGEST].rpartition(" ")[0] or text[:LONGEST]) + "…"
    text = redact(text, secrets)
    if len(text) <= MESSAGE:
        return text
    head, blank, _ = text[: MESSAGE - 1].rpartition(" ")
    return (head if blank and len(head) > MESSAGE // 2 else text[: MESSAGE - 1]) + "…"


def _known(secrets: Iterable[str], text: str) -> list[str]:
    """The secrets that ``text`` may hold, percent-encoded too; longest first: one may be a part of another."""
    disguised = "%" in text or "  " in text or text.endswith("…") or not text.isprintable()
    known = [s for s in secrets if isinstance(s, str) and s.strip() and (disguised or s in text)]
    if known and "%" in text:
        from urllib.parse import quote

        known += [quote(secret, safe="", errors="replace") for secret in known if not secret.isalnum()]
    return sorted(set(known), key=len, reverse=True) if len(known) > 1 else known


def _without(text: str, secret: str) -> str:
    if len(secret) < SHORTEST:
        return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", REDACTED, text)
    text = text.replace(secret, REDACTED)
    if text.endswith("…"):  # whoever cut the text may have cut through the secret
        for length in range(min(len(secret), len(text)) - 1, SHORTEST - 1, -1):
            if text.endswith(secret[:length] + "…"):
                return text[: -length - 1] + REDACTED
    return text


def _keep_name(found: re.Match[str]) -> str:
    value = found["value"].strip("\"' ")
    in_query = found.start() > 0 and found.string[found.start() - 1] in "?&"
    if value == REDACTED[:-1] or (not in_query and found["name"].lower().startswith(_VAGUE) and _is_plain(value)):
        return found[0]
    return found["name"] + REDACTED


def _keep_scheme(found: re.Match[str]) -> str:
    return found[0] if _is_plain(found[2]) or found[2].startswith(REDACTED) else found[1] + REDACTED


def _is_plain(value: str) -> bool:
    """Whether it is a word of a sentence ("basic authentication", "key: value") or a small number, not a secret."""
    word = value.strip(".…!?:()[]")
    if len(word) > len("authentication"):
        return False
    return not word or (word.isdecimal() and len(word) < 8) or (word.isalpha() and (word.islower() or word.istitle()))


def _opaque(found: re.Match[str]) -> str:
    """Long words of mixed letters and digits are taken for tokens; ids, model names and camel case are not."""
    word = found[0]
    mixed = any(c.isdigit() for c in word) and any(c.isupper() for c in word) and any(c.islower() for c in word)
    hexadecimal = all(c in "0123456789abcdefABCDEF" for c in word)
    return REDACTED if mixed or hexadecimal else word
