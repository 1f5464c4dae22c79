"""Plain scalars that YAML 1.1 and YAML 1.2 read differently.

cbauth reads by YAML 1.2 (``scalars``); editors, templating and other programs may read by YAML 1.1 (its type
repository: bool, int, float, timestamp). Where the two disagree nobody can see what is meant.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Doubt", "doubt"]

_TRUE = frozenset({"yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"no", "No", "NO", "off", "Off", "OFF"})
_OCTAL = re.compile(r"([-+]?)0([0-7_]+)")
_ZEROS = re.compile(r"[-+]?0[0-9]+")
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){1,3}(?:\.[0-9_]*)?")
_PARTED = re.compile(r"[-+]?(?=[0-9._]*_)[0-9][0-9_]*(?:\.[0-9_]*)?")
_BINARY = re.compile(r"[-+]?0b[01_]+")
_OCTAL_1_2 = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"[-+]?0x(?=[0-9a-fA-F_]*_)[0-9a-fA-F_]+")
_EXPONENT = re.compile(r"[-+]?(?:[0-9]+[eE][-+]?[0-9]+|(?:[0-9]+\.[0-9]*|\.[0-9]+)[eE][0-9]+)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}.*)?")
LONGEST = 64


class Doubt(NamedTuple):
    """What versions 1.1 and 1.2 of YAML make of a scalar, in words, and numbers or truth values that may be meant."""

    older: str
    newer: str
    meant: tuple[str, ...] = ()


def doubt(text: str) -> Doubt | None:
    """What is doubtful about a plain scalar, ``None`` when both versions agree."""
    if text in _TRUE:
        return Doubt("true", "a text", ("true",))
    if text in _FALSE:
        return Doubt("false", "a text", ("false",))
    if text[:1] not in "+-.0123456789" or not text or len(text) > LONGEST:
        return None
    if text[0] in "123456789" and text.isdecimal():
        return None
    return _number(text)


def _number(text: str) -> Doubt | None:
    plain = text.replace("_", "")
    if (octal := _OCTAL.fullmatch(text)) and octal[2].strip("_"):
        older = int(octal[1] + plain.lstrip("+-"), 8)
        if "_" in text:
            return Doubt(f"{older}", "a text", (f"{older}",))
        return Doubt(f"{older}", f"{int(text)}", (f"{int(text)}", f"{older}")) if older != int(text) else None
    if _ZEROS.fullmatch(text):
        return Doubt("a text", f"{int(text)}", (f"{int(text)}",))
    if _SIXTIES.fullmatch(text):
        return Doubt("a number in base 60", "a text", _in_base_60(plain))
    if _PARTED.fullmatch(text) and plain.strip("+-."):
        return Doubt("a number", "a text", (plain,))
    if _BINARY.fullmatch(text):
        return Doubt("a number", "a text", (f"{int(plain, 2)}",) if plain.strip("+-") != "0b" else ())
    if _OCTAL_1_2.fullmatch(text):
        return Doubt("a text", "a number", (f"{int(text, 0)}",))
    if _HEXADECIMAL.fullmatch(text):
        return Doubt("a number", "a text", (f"{int(plain, 0)}",) if plain.strip("+-") != "0x" else ())
    if _EXPONENT.fullmatch(text):
        number = float(text)
        return Doubt("a text", "a number", (f"{number:.0f}",) if number.is_integer() and abs(number) < 1e15 else ())
    return Doubt("a date", "a text") if _DATE.fullmatch(text) else None


def _in_base_60(text: str) -> tuple[str, ...]:
    """The same as a duration, where it may be one: ``1:30`` is a minute and a half."""
    if not re.fullmatch(r"[0-9]{1,9}(?::[0-9]{1,2}){1,2}", text):
        return ()
    parts = [int(part) for part in text.split(":")]
    units = "hms"[-len(parts) :]
    words = "".join(f"{part}{unit}" for part, unit in zip(parts, units, strict=True) if part)
    return (words or "0s",)
