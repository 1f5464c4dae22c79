"""A mapping given in Python, made plain: the types that a YAML file has, and nothing shared with the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cbauth.config.diagnostics import Finding, Path
from cbauth.config.limits import MOST_DEPTH, MOST_NODES

__all__ = ["plain"]


class _TooMuchError(Exception):
    """The mapping is nested too deeply, contains itself, or is far too large."""


def plain(value: Any) -> tuple[Any, list[Finding]]:
    """``value`` as dicts, lists, texts, numbers, truth values and ``None``; and what cannot be made so.

    Any ``Mapping`` counts as a mapping; lists and tuples as lists; subclasses of text and numbers as what they are.
    """
    findings: list[Finding] = []
    budget = [MOST_NODES]
    try:
        return _plain(value, (), findings, budget), findings
    except _TooMuchError:
        message = f"nested more than {MOST_DEPTH} levels deep, or more than {MOST_NODES} values"
        return None, [Finding("CBA114", (), message, "make it smaller; it must not contain itself")]


def _plain(value: Any, path: Path, findings: list[Finding], budget: list[int]) -> Any:
    budget[0] -= 1
    if budget[0] < 0 or len(path) > MOST_DEPTH:
        raise _TooMuchError
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float():
            return float(value)
        case Mapping():
            return {
                name: _plain(item, (*path, name), findings, budget)
                for key, item in value.items()
                if (name := _key(key, path, findings)) is not None
            }
        case list() | tuple():
            return [_plain(item, (*path, place), findings, budget) for place, item in enumerate(value)]
    findings.append(
        Finding(
            "CBA203", path, f"a {type(value).__name__} cannot stand here", "give text, a number, a list or a mapping"
        )
    )
    return None


def _key(key: Any, path: Path, findings: list[Finding]) -> str | None:
    if isinstance(key, str):
        return str.__str__(key)
    findings.append(Finding("CBA119", path, f"a key here is not text but {type(key).__name__}", "use text as keys"))
    return None
