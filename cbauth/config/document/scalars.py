"""What a plain scalar means: the core schema of YAML 1.2.2, section 10.3.

Dates stay text, ``yes`` and ``010`` and ``1:30`` are not special, and ``0o17`` and ``0x1F`` are numbers.
"""

from __future__ import annotations

import re

__all__ = ["LONGEST_NUMBER", "LONGEST_WORD", "SPECIAL", "TooLongError", "resolve"]

LONGEST_NUMBER = 64
"""Digits. Python refuses to read integers of more than 4300, and takes quadratic time before that."""

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_OTHER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")


SPECIAL = frozenset("~nNtTfFyYoO+-.0123456789")
"""What a plain scalar begins with that may be anything but a text, or doubtful."""

LONGEST_WORD = len("false")
"""No plain scalar of letters that is longer is anything but a text."""


class TooLongError(ValueError):
    """A number of more digits than anybody needs."""


def resolve(text: str) -> Scalar:
    """The value of a plain (unquoted, untagged) scalar. Raises ``TooLongError``."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if len(text) <= LONGEST_NUMBER:
        if _DECIMAL.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        return int(text, 0) if _OTHER.fullmatch(text) else text
    if _FLOAT.fullmatch(text) or _OTHER.fullmatch(text):
        raise TooLongError
    return text
