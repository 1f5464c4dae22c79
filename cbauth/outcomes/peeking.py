"""Looking at things that may be anything: an attribute may raise, a text may be endless, a number may be a word."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BODY", "TEXT", "called", "decoded", "entry", "peek", "shown", "whole"]

BODY = 65536
"""How many characters of a body are read, at most."""
TEXT = 8192
"""How many characters of a text are searched, at most."""


def peek(thing: object, name: str) -> object:
    """The attribute, or ``None`` if there is none to be had."""
    try:
        return getattr(thing, name, None)
    except Exception:  # a property may raise whatever it likes, as httpx.Response.text does before it is read
        return None


def called(thing: object, name: str) -> object:
    """What the method ``name`` returns, or ``None``."""
    method = peek(thing, name)
    try:
        return method() if callable(method) else None
    except Exception:
        return None


def entry(mapping: object, key: str) -> object:
    """The value, or ``None`` where there is no such key, or no mapping at all."""
    if type(mapping) is dict:
        return mapping.get(key)
    if mapping is None or type(mapping) is str:  # the usual cases, before the slow question
        return None
    try:
        return mapping.get(key) if isinstance(mapping, Mapping) else None
    except Exception:
        return None


def whole(value: object) -> int | None:
    """A whole number, also one that is spelled as text; ``None`` for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and len(value) <= 6 and value.isascii() and value.isdigit():
        return int(value)
    return None


def decoded(value: object, most: int = TEXT) -> str:
    """Text, or bytes read as text, of at most ``most`` characters; empty for anything else."""
    if isinstance(value, str):
        return value[:most]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value[:most]).decode("utf-8", "replace")
    return ""


def shown(error: object) -> str:
    """What ``str`` says, of at most 8192 characters; empty if it raises."""
    try:
        return str(error)[:TEXT]
    except Exception:
        return ""
