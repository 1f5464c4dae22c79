"""Characters that look like ASCII ones but are not, in keys, names and the words that cbauth compares.

Compatibility forms (full width, mathematical letters) are those of Unicode Standard Annex 15, NFKC; the others are a
choice of the ones that Unicode Technical Standard 39 lists as confusable with ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cbauth.config.diagnostics import Finding, Path
from cbauth.config.privacy import harmless, is_free, names_allowed, presentable

__all__ = ["lookalikes", "twin"]

_TWINS = {
    # Cyrillic, Greek, Latin beyond ASCII, Armenian
    **dict(zip("авеһіјӏкмнорԛѕтухѵԝԁбь", "abehijlkmhopqstyxvwd6b", strict=True)),
    **dict(zip("АВЕЅІЈКМНОРСТУХԌԚԜЗ", "ABESIJKMHOPCTYXGQW3", strict=True)),
    **dict(zip("сϲ", "cc", strict=True)),
    **dict(zip("αικνορτυχγηω", "aiknoptuxynw", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
    **dict(zip("ıɑɡɩʋǃ", "iagiv!", strict=True)),
    **dict(zip("օցհոսԁ", "oghnud", strict=True)),
    # dashes, quotes, spaces, and other marks that word processors put in
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u2032\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "),
    **dict.fromkeys("\u2236\ua789\u02d0", ":"),
    **dict.fromkeys("\u2044\u2215", "/"),
    **dict.fromkeys("\u2217\u066d", "*"),
    "\u2024": ".",
    "\u02cd": "_",
}
_FREE = frozenset({"metadata", "extra_params", "name", "account", "namespace", "match", "client_id"})
"""Keys whose values are a person's own words."""

_SECRETS = (("api_key",), ("client_secret",))
_REFERENCE = re.compile(r"\s*(?:env|file|keyring|command)\s*:")


def lookalikes(data: Any) -> Iterator[Finding]:
    """Keys and values in which every character that is not ASCII looks like one that is."""
    stack: list[tuple[Path, Any]] = [((), data)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            for key, item in value.items():
                inner = (*path, key)
                if is_free(key):
                    continue
                if not key.isascii() and names_allowed(path):
                    yield from _finding(inner, key, at_key=True)
                if key not in _FREE:
                    stack.append((inner, item))
        elif isinstance(value, list):
            stack.extend(((*path, place), item) for place, item in enumerate(value))
        elif isinstance(value, str) and not value.isascii():
            yield from _finding(path, value, at_key=False)


def _finding(path: Path, text: str, *, at_key: bool) -> Iterator[Finding]:
    twins = [char if char.isascii() else twin(char) for char in text]
    plain = "".join(char for char in twins if char is not None).strip("\"' ")
    if None in twins or (path[-1:] in _SECRETS and _REFERENCE.match(plain) is None):
        return  # a key of its own letters, or a secret
    shown = (at_key or harmless(path)) and presentable(plain)
    place, char = next((place, char) for place, char in enumerate(text, start=1) if not char.isascii())
    yield Finding(
        "CBA120",
        path,
        f"character {place} is U+{ord(char):04X}, which only looks like {_named(twins[place - 1])}"
        if shown
        else "a character here only looks like an ASCII one",
        f"did you mean `{plain}`?" if shown else "type it again with plain letters, quotes, dashes and spaces",
        at_key=at_key,
    )


def _named(char: str | None) -> str:
    return "a space" if char == " " else "a back-quote" if char == "`" else f"`{char}`"


def twin(char: str) -> str | None:
    """The ASCII character that ``char`` looks like."""
    from unicodedata import normalize

    plain = _TWINS.get(char) or normalize("NFKC", char)
    return plain if len(plain) == 1 and plain.isascii() else None
