"""The spelling to use for plain scalars that may be read as another kind of value than was meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cbauth.config.diagnostics import IN_QUOTES, Finding, Path
from cbauth.config.document import Document, scalars
from cbauth.config.document.doubts import Doubt
from cbauth.config.privacy import harmless, is_free, names_allowed, presentable

__all__ = ["doubts", "spelled"]

_TRUTHS = {"enabled", "sticky"}
_NUMBERS = {"version", "priority", "weight", "status", "failure_threshold", "half_open_permits", "attempts"}
_NUMBERS |= {"factor", "jitter"}
_DURATIONS = {"sticky_ttl", "failure_decay", "open_for", "permit_timeout", "retry_after_cap", "max_wait", "base"}
_DURATIONS |= {"initial", "cap", "refresh_before"}


def doubts(document: Document) -> Iterator[Finding]:
    """One finding for each doubtful scalar that cbauth reads; what stands under free keys (``x-…``) is not read."""
    if document.root is None or not document.doubtful:
        return
    seen: set[int] = set()
    for path, node, is_key in scalars(document.root):
        found = document.doubtful.get(node.start)
        if found is None or node.start in seen or path[-2:] == ("breaker", "mode"):
            continue  # a breaker's mode may be `off`, and takes no truth value or number
        if any(map(is_free, path)):
            continue
        seen.add(node.start)
        text = document.lines.text[node.start : node.end]
        shown = presentable(text) and (names_allowed(path[:-1]) if is_key else harmless(path))
        yield _finding(path, text if shown else None, found, is_key)


def _finding(path: Path, text: str | None, found: Doubt, is_key: bool) -> Finding:
    field = path[-1] if path and not is_key else None
    what = f"`{text}`" if text is not None else "this value"
    older, newer = (found.older, found.newer) if text is not None else (_kind(found.older), _kind(found.newer))
    quotes = IN_QUOTES if text is None else _in_quotes(text)
    fitting = field in _TRUTHS or field in _NUMBERS or field in _DURATIONS
    spelling = " or ".join(f"`{word}`" for word in found.meant) if fitting else ""
    return Finding(
        "CBA121",
        path,
        f"YAML 1.1 reads {what} as {older}, YAML 1.2 as {newer}",
        f"write {spelling}" if spelling else _otherwise(field) or quotes,
        at_key=is_key,
    )


def spelled(finding: Finding, document: Document) -> Finding:
    """The finding; where it asks for quotes, with the spelling as the file has it (``4.10``, not ``4.1``)."""
    if finding.help != IN_QUOTES or finding.at_key:
        return finding
    text = document.written(finding.path)
    if text is None or not presentable(text) or not harmless(finding.path):
        return finding
    return replace(finding, help=_in_quotes(text))


def _in_quotes(text: str) -> str:
    return f'{IN_QUOTES}: `"{text}"`'


def _kind(word: str) -> str:
    """The word for a value that must not be shown."""
    if word in ("true", "false"):
        return "a truth value"
    return "another number" if word.lstrip("-").isdecimal() else word


def _otherwise(field: str | int | None) -> str | None:
    """The spelling where no text can be meant."""
    if field in _TRUTHS:
        return "write `true` or `false`"
    if field in _NUMBERS:
        return "write the number in plain digits"
    return "write a duration such as `30s`, `5m` or `1h30m`" if field in _DURATIONS else None
