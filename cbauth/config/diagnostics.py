"""A problem with a configuration, said so that a person can mend it.

``Finding`` is what a check finds: a code, a key path and a sentence. ``Diagnostic`` is a finding with its place in the
text. Lines and columns count from 1, columns in characters; the end is the place just after the last character.
Messages never hold the value of a field that may hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from cbauth.config.privacy import CI_COMMANDS, presentable

__all__ = [
    "ERROR",
    "IN_QUOTES",
    "MOST",
    "WARNING",
    "Diagnostic",
    "Finding",
    "Path",
    "Place",
    "Span",
    "counts",
    "key_text",
    "named",
    "printable",
]

MOST = 10_000
"""No check finds more than this many problems: a hostile file must not fill the memory with them.

Ten thousand cost some tenths of a second and some mebibytes. How many are shown at a time is for those who show them.
"""

IN_QUOTES = "put it in quotes"
"""The help for a plain scalar where a text is wanted; with the text of the file at hand it gives the spelling."""

ERROR = "error"
WARNING = "warning"

Path = tuple[str | int, ...]
"""The keys and positions that lead to a value, from the root."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Span(NamedTuple):
    """A stretch of text, from the first character to just after the last one."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem at a key path. ``at_key`` points at the key itself, not at its value; ``related`` are other paths."""

    code: str
    path: Path
    message: str
    help: str | None = None
    severity: str = ERROR
    at_key: bool = False
    related: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Another place that has to do with a problem, and what it has to do with it."""

    message: str
    path: str | None = None
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """A problem at its place.

    ``path`` is the file (``None`` for a mapping), ``key`` the key path (``""`` for the whole), ``severity`` ``error``
    or ``warning``. The places are ``None`` for a mapping, which has no text.
    """

    code: str
    message: str
    severity: str = ERROR
    path: str | None = None
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    key: str = ""
    help: str | None = None
    related: tuple[Place, ...] = ()

    def __str__(self) -> str:
        path = None if self.path is None else named(self.path)
        where = ":".join(str(part) for part in (path, self.line, self.column) if part is not None) or self.key
        tail = f" ({self.help})" if self.help else ""
        return f"{where}: {self.severity} {self.code} {self.message}{tail}".removeprefix(": ")

    def __lt__(self, other: object) -> bool:
        """Sorted by file, then by place."""
        if not isinstance(other, Diagnostic):
            return NotImplemented
        return self._order() < other._order()

    def _order(self) -> tuple[Any, ...]:
        return (self.path or "", self.line or 0, self.column or 0, self.code, self.key, self.message)


def key_text(path: Path) -> str:
    """A key path as people write it: ``profiles.openai-team.models[0]``, ``profiles["gpt-4.1"].weight``.

    Keys that must not be shown are ``["***"]``.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not presentable(part):
            text += '["***"]'
        elif _BARE.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


def printable(text: str) -> str:
    """``text`` without anything that a terminal or a log would obey: a file's name may hold it."""
    return text if text.isprintable() else ascii(text)[1:-1]


def named(path: str) -> str:
    """A file's name as it may begin a line: without escapes, and never as what CI servers take for a command."""
    shown = printable(path)
    return f"./{shown}" if shown.lstrip().startswith(CI_COMMANDS) else shown


def counts(diagnostics: Iterable[Diagnostic]) -> tuple[int, int]:
    """How many errors and how many warnings."""
    errors = warnings = 0
    for diagnostic in diagnostics:
        if diagnostic.severity == ERROR:
            errors += 1
        else:
            warnings += 1
    return errors, warnings
