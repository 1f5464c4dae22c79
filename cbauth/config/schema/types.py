"""The small grammars of a profiles.yaml: names, durations, secret references, URLs, stores.

Each parser takes whatever was written and returns the value or raises ``problem(…)``, which carries the finding's code,
sentence and help. No sentence repeats what was written, unless the field is harmless and the text may be shown.
"""

from __future__ import annotations

import json
import math
import re
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic_core import PydanticCustomError

from cbauth.config.diagnostics import IN_QUOTES
from cbauth.config.privacy import looks_secret, presentable
from cbauth.config.schema.keys import Grammar
from cbauth.plan import SecretRef

__all__ = [
    "Duration",
    "HttpUrl",
    "ModelName",
    "ModelPattern",
    "Name",
    "RedirectUris",
    "Scope",
    "SecretReference",
    "StateStore",
    "Text",
    "Version",
    "duration_text",
]

LONGEST_DURATION = 10 * 365 * 86400
LONGEST_TEXT = 4096
LONGEST_MODEL = 256
LONGEST_WRITTEN_DURATION = 256
MOST_ARGUMENTS = 64

_UNITS = (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
DURATION = "(?=.)" + "".join(rf"(?:[0-9]+(?:\.[0-9]+)?{unit})?" for unit, _ in _UNITS)
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
URL = r"[hH][tT][tT][pP][sS]?://[^\s#]+"

_NAME = re.compile(NAME)
_DURATION = re.compile("(?=.)" + "".join(rf"(?:([0-9]+(?:\.[0-9]+)?){unit})?" for unit, _ in _UNITS))
_VARIABLE = re.compile(VARIABLE)
_SCHEME = re.compile(r"(?i)(env|file|keyring|command)\s*:")
_BLANK = re.compile(r"[\x00-\x20\x7f]")
_CREDENTIAL_PARAMETER = re.compile(r"(?i)(api[-_]?)?key|(access[-_]?)?token|(client[-_]?)?secret|password|sig(nature)?")

NAME_HELP = "begin with a letter or digit; go on with letters, digits, `.`, `_` and `-`, at most 64 in all"
URL_HELP = "write `https://` and a host, without `#`"
SCOPE_HELP = "write a list with one scope in each entry"
DURATION_HELP = "write `500ms`, `30s`, `5m`, `1h`, `2d`, `1h30m`, or a number of seconds"
STORE_HELP = "write `sqlite`, `sqlite:PATH`, `memory`, `redis://HOST` or `rediss://HOST`"
FORMS = 'write `env:NAME`, `file:PATH`, `keyring:SERVICE/USER` or `command:["prog","arg"]`'


def problem(code: str, message: str, help_text: str | None = None) -> PydanticCustomError:
    """The error that becomes a finding with this code, sentence and help."""
    return PydanticCustomError(code, "{message}", {"message": message, "help": help_text})


def kind_of(value: object) -> str:
    """What a value is, in a person's words, never the value itself."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a truth value"
        case int():
            return "a number"
        case float():
            return "a number with a fraction" if math.isfinite(value) else "`.inf` or `.nan`"
        case str():
            return "text"
        case dict():
            return "a mapping"
    return "a list"


def parse_text(value: object) -> str:
    """Any text that is not empty nor too long. What may not stand in a file is seen before, in ``document``."""
    if type(value) is not str:
        raise wrong_kind("text", value)
    if not value.strip():
        raise problem("CBA208", "the text is empty", "write something, or leave the key out")
    if len(value) > LONGEST_TEXT:
        raise problem("CBA208", f"the text is longer than {LONGEST_TEXT} characters", "shorten it")
    return value


def wrong_kind(wanted: str, value: object) -> PydanticCustomError:
    """The error for a value of another kind than ``wanted``."""
    hint = IN_QUOTES if wanted == "text" and isinstance(value, bool | int | float) else None
    return problem("CBA203", f"{wanted} is expected here, not {kind_of(value)}", hint)


def parse_version(value: object) -> int:
    """The version of the format: the number 1, which ``true`` is not."""
    if type(value) is not int or value != 1:
        raise problem("CBA204", "this version of the format is not known", "write `version: 1`")
    return value


def parse_name(value: object) -> str:
    """A name of a provider, profile or route."""
    if type(value) is not str:
        raise wrong_kind("text", value)
    if _NAME.fullmatch(value) is None:
        shown = f"`{value}`" if presentable(value) else "this"
        raise problem(
            "CBA206",
            f"{shown} is not a valid name",
            NAME_HELP,
        )
    return value


def parse_duration(value: object) -> float:
    """A length of time in seconds, from text like ``1h30m`` or a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise problem("CBA203", f"a duration is expected here, not {kind_of(value)}", DURATION_HELP)
    if isinstance(value, str):
        found = _DURATION.fullmatch(value) if len(value) <= LONGEST_WRITTEN_DURATION else None
        if found is None:
            raise problem("CBA207", _not_a_duration(value), _duration_hint(value))
        seconds = sum(float(part) * unit for part, (_, unit) in zip(found.groups(), _UNITS, strict=True) if part)
    else:
        seconds = value
    if not 0 <= seconds <= LONGEST_DURATION:  # not a number, too, is on neither side
        raise problem("CBA207", "a duration is between 0 and ten years", DURATION_HELP)
    return float(seconds)


def _not_a_duration(value: str) -> str:
    return f"`{value}` is not a duration" if presentable(value) else "this is not a duration"


def _duration_hint(value: str) -> str:
    near = re.sub(r"\s+", "", value).lower()
    near = re.sub(r"(?<=[0-9])(?:seconds?|secs?)", "s", near)
    near = re.sub(r"(?<=[0-9])(?:minutes?|mins?)", "m", near)
    near = re.sub(r"(?<=[0-9])(?:hours?|hrs?)", "h", near)
    near = re.sub(r"(?<=[0-9])days?", "d", near)
    if re.fullmatch(r"[0-9]{1,9}", near):
        near += "s"
    if len(near) <= 16 and _DURATION.fullmatch(near):
        return f"did you mean `{near}`?"
    return DURATION_HELP


def duration_text(seconds: float) -> str:
    """The shortest way to write a duration: ``3600.0`` is ``1h``, ``5400`` is ``1h30m``."""
    left = round(seconds * 1000)
    text = ""
    for unit, length in _UNITS:
        count, left = divmod(left, round(length * 1000))
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_reference(value: object) -> SecretRef:
    """A reference to a secret: where it is to be found."""
    if type(value) is not str:
        raise problem("CBA203", f"a secret reference is expected here, not {kind_of(value)}", FORMS)
    if not value.strip():
        raise problem("CBA209", "this reference is empty", FORMS)
    scheme, colon, rest = value.partition(":")
    if not colon or scheme not in _REFERENCES:
        if _SCHEME.match(value):
            raise problem("CBA209", "the form of this reference is written in small letters, without blanks", FORMS)
        raise problem("CBA301", "a secret stands in the file", FORMS + "; and replace the secret where it was issued")
    if looks_secret(rest):
        raise problem("CBA301", f"a secret stands where `{scheme}:` names its place", FORMS)
    args, wanted = _REFERENCES[scheme](rest)
    if args is None or "\0" in "".join(args):
        raise problem("CBA209", f"this `{scheme}:` reference is not complete", wanted)
    return SecretRef(scheme, args)


Parsed = tuple[tuple[str, ...] | None, str]


def _env(rest: str) -> Parsed:
    return (rest,) if _VARIABLE.fullmatch(rest) else None, "write `env:` and the name of an environment variable"


def _file(rest: str) -> Parsed:
    return (rest,) if rest and rest == rest.strip() else None, "write `file:` and a path"


def _keyring(rest: str) -> Parsed:
    service, _, user = rest.rpartition("/")
    return (service, user) if service and user else None, "write `keyring:`, the service, a `/` and the user"


def _command(rest: str) -> Parsed:
    wanted = 'write `command:` and a JSON list of words, `command:["prog","arg"]`, with nothing between'
    try:
        words = json.loads(rest) if len(rest) <= LONGEST_TEXT else None
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not 1 <= len(words) <= MOST_ARGUMENTS:
        return None, wanted
    if not all(type(word) is str for word in words) or not words[0].strip():
        return None, wanted
    return tuple(words), wanted


_REFERENCES = {"env": _env, "file": _file, "keyring": _keyring, "command": _command}


def parse_url(value: object) -> str:
    """An absolute http or https URL without user, password or key in it."""
    url = parse_text(value)
    check_url(url, ("http", "https"), URL_HELP)
    return url


def check_url(url: str, schemes: tuple[str, ...], wanted: str, instead: str | None = None) -> None:
    """Raise the problem with ``url``, if there is one; ``instead`` says where a secret in it belongs."""
    if _BLANK.search(url):
        raise problem("CBA208", "a URL has no blanks", wanted)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise problem("CBA208", "this is not a URL", wanted) from None
    if "@" in parts.netloc:
        raise problem(
            "CBA302", "this URL carries a user or password", instead or "take it out; give the secret as a reference"
        )
    if any(_CREDENTIAL_PARAMETER.fullmatch(name) for name, _ in parse_qsl(parts.query)) or looks_secret(url):
        raise problem(
            "CBA302", "this URL carries a key", instead or "take it out; give the secret as a reference in `api_key`"
        )
    if parts.scheme not in schemes or not host:
        raise problem("CBA208", f"this is not a URL with {' or '.join(schemes)}", wanted)
    if "#" in url:
        help_text = "take it away; where the character itself is meant, write `%23`"
        raise problem("CBA208", "what stands after `#` in a URL is never sent", help_text)


def parse_redirect(value: object) -> tuple[str, ...]:
    """One redirect URI, or several of which the first with a free port is used."""
    written = value if isinstance(value, list) else [value]
    if not written:
        raise problem("CBA216", "the list of redirect URIs is empty", "leave the key out for a free loopback port")
    return tuple(parse_url(item) for item in written)


def parse_model(value: object) -> str:
    """A model's name, or with ``*`` a pattern of names."""
    model = parse_text(value)
    if len(model) > LONGEST_MODEL or model != model.strip() or any(ord(char) < 32 for char in model):
        raise problem(
            "CBA208",
            "this is not a model name",
            f"write at most {LONGEST_MODEL} characters, without blanks around them",
        )
    return model


def parse_model_name(value: object) -> str:
    """A model's name, without wildcards."""
    model = parse_model(value)
    if "*" in model:
        raise problem("CBA208", "one model is expected here, not a pattern", "write a name without `*`")
    return model


def parse_scope(value: object) -> str:
    """One OAuth scope (RFC 6749 section 3.3)."""
    scope = parse_text(value)
    if not all(" " < char <= "~" and char not in '"\\' for char in scope):
        raise problem("CBA208", "one scope is expected here", SCOPE_HELP)
    return scope


def parse_store(value: object) -> str:
    """Where health lives: ``memory``, ``sqlite``, ``sqlite:PATH`` or the URL of a Redis."""
    store = parse_text(value)
    wanted = STORE_HELP
    if store in ("memory", "sqlite"):
        return store
    if store.startswith("sqlite:"):
        path = store[7:]
        if path.startswith((":", "file:", "$")):
            raise problem("CBA208", "this is not a path", "write a path; for this process alone write `memory`")
        if path.strip(" /") and path == path.strip() and path.isprintable() and not path.endswith("/"):
            return store
    if store.startswith("env:"):
        if _VARIABLE.fullmatch(store, 4):
            return store
        raise problem("CBA209", "this `env:` reference is not complete", "write `env:` and a variable's name")
    if store.startswith(("redis:", "rediss:")):
        check_url(store, ("redis", "rediss"), wanted, instead="put the URL into a variable: `env:REDIS_URL`")
        database = store.partition("://")[2].partition("?")[0].partition("/")[2]
        if database and not database.isdecimal():
            raise problem("CBA208", "a Redis database is a number", "write `redis://HOST:PORT/0`")
        return store
    raise problem("CBA208", "this is not a store", wanted)


def _text(pattern: str, otherwise: str) -> dict[str, object]:
    """The JSON Schema of a text; of one that does not match, editors say ``otherwise`` instead of the pattern."""
    return {"type": "string", "pattern": f"^(?:{pattern})$", "patternErrorMessage": otherwise}


Version = Annotated[int, Grammar(parse_version, {"type": "integer", "const": 1})]
Name = Annotated[str, Grammar(parse_name, _text(NAME, NAME_HELP))]
Text = Annotated[str, Grammar(parse_text, {"type": "string", "minLength": 1})]
Duration = Annotated[
    float,
    Grammar(
        parse_duration,
        {
            **_text(DURATION, DURATION_HELP),
            "type": ["string", "number"],
            "minimum": 0,
            "maximum": LONGEST_DURATION,
        },
    ),
]
SecretReference = Annotated[
    SecretRef,
    Grammar(
        parse_reference,
        _text(rf'env:{VARIABLE}|file:\S(?:.*\S)?|keyring:.+/[^/]+|command:\[\s*".*\]', FORMS),
    ),
]
HttpUrl = Annotated[str, Grammar(parse_url, {**_text(URL, URL_HELP), "format": "uri"})]
RedirectUris = Annotated[
    tuple[str, ...],
    Grammar(
        parse_redirect,
        {
            **_text(URL, URL_HELP),
            "type": ["string", "array"],
            "format": "uri",
            "minItems": 1,
            "items": {**_text(URL, URL_HELP), "format": "uri"},
        },
    ),
]
ModelPattern = Annotated[str, Grammar(parse_model, {"type": "string", "minLength": 1, "maxLength": LONGEST_MODEL})]
ModelName = Annotated[
    str,
    Grammar(
        parse_model_name, {**_text(r"[^*]+", "write a name without `*`"), "minLength": 1, "maxLength": LONGEST_MODEL}
    ),
]
Scope = Annotated[str, Grammar(parse_scope, _text(r"[!#-\[\]-~]+", SCOPE_HELP))]
StateStore = Annotated[
    str,
    Grammar(parse_store, _text(rf"memory|sqlite(?::.+)?|rediss?://.+|env:{VARIABLE}", STORE_HELP)),
]
