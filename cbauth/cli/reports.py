"""How ``cbauth validate`` tells what it found: for people, for scripts, for GitHub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from cbauth.cli.console import Paint
from cbauth.cli.snippet import Snippets
from cbauth.config.diagnostics import ERROR, Diagnostic, counts, printable
from cbauth.config.loading import Checked

__all__ = ["REPORTERS", "Result"]

MOST_SHOWN = 100
"""People read no more than this many diagnostics at a time; the rest is counted. Machine formats get them all."""


@dataclass(frozen=True, slots=True)
class Result:
    """One file: its name, what was checked (``None`` when it could not be read), and what was found."""

    name: str
    checked: Checked | None
    diagnostics: Sequence[Diagnostic] = field(default=())

    def __post_init__(self) -> None:
        if self.checked is not None:
            object.__setattr__(self, "diagnostics", self.checked.diagnostics)


def text(results: Sequence[Result], paint: Paint) -> str:
    """Each diagnostic with its lines of the file, secrets masked, then a summary."""
    blocks: list[str] = []
    total = 0
    for result in results:
        total += len(result.diagnostics)
        snippets = Snippets(result.checked.document if result.checked is not None else None)
        for diagnostic in result.diagnostics[: max(MOST_SHOWN - len(blocks), 0)]:
            blocks.append("\n".join(_block(diagnostic, snippets, paint)) + "\n\n")
    if total > len(blocks):
        blocks.append(f"... and {total - len(blocks)} more\n\n")
    return "".join(blocks) + _summary(results, paint) + "\n"


def _block(diagnostic: Diagnostic, snippets: Snippets, paint: Paint) -> Iterator[str]:
    severity = diagnostic.severity
    yield f"{paint(severity, f'{severity}[{diagnostic.code}]')}: {paint('strong', diagnostic.message)}"
    gutter = " " * max(len(str(diagnostic.line or "")), 1)
    yield f"{gutter}{paint('place', '-->')} {_place(diagnostic.path, diagnostic.line, diagnostic.column)}"
    shown = snippets.of(diagnostic)
    if shown is not None:
        line, caret = shown
        bar = paint("place", "|")
        yield f"{gutter} {bar}"
        yield f"{paint('place', str(diagnostic.line))} {bar} {line}".rstrip()
        yield f"{gutter} {bar} {paint(severity, caret)}"
    for related in diagnostic.related:
        place = _place(related.path, related.line, related.column)
        yield f"{gutter} {paint('place', '=')} note: {related.message}: {place}"
    if diagnostic.help:
        yield f"{gutter} {paint('place', '=')} help: {diagnostic.help}"


def _place(path: str | None, line: int | None, column: int | None) -> str:
    return f"{printable(path or '')}:{line}:{column}"


def _summary(results: Sequence[Result], paint: Paint) -> str:
    errors, warnings = _totals(results)
    files = f"{len(results)} file" + ("" if len(results) == 1 else "s")
    if not errors and not warnings:
        return f"{paint('good', 'ok')}: {files} checked, nothing to mend"
    found = [_number(errors, "error"), _number(warnings, "warning")]
    return f"{' and '.join(word for word in found if word)} in {files}"


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}" if count else ""


def _totals(results: Sequence[Result]) -> tuple[int, int]:
    return counts(diagnostic for result in results for diagnostic in result.diagnostics)


def concise(results: Sequence[Result], paint: Paint) -> str:
    """One line for each diagnostic."""
    return "".join(f"{diagnostic}\n" for result in results for diagnostic in result.diagnostics)


def as_json(results: Sequence[Result], paint: Paint) -> str:
    """One JSON object for all files, in ASCII."""
    errors, warnings = _totals(results)
    report = {
        "format_version": 1,
        "errors": errors,
        "warnings": warnings,
        "diagnostics": [_record(diagnostic) for result in results for diagnostic in result.diagnostics],
    }
    return json.dumps(report, indent=2) + "\n"


_FIELDS = ("code", "severity", "message", "path", "line", "column", "end_line", "end_column", "key", "help")


def _record(diagnostic: Diagnostic) -> dict[str, object]:
    record: dict[str, object] = {name: getattr(diagnostic, name) for name in _FIELDS}
    return {**record, "related": [asdict(place) for place in diagnostic.related]}


def github(results: Sequence[Result], paint: Paint) -> str:
    """Workflow commands that become annotations of a pull request."""
    return "".join(f"{_annotation(diagnostic)}\n" for result in results for diagnostic in result.diagnostics)


def _annotation(diagnostic: Diagnostic) -> str:
    properties = {
        "file": diagnostic.path,
        "line": diagnostic.line,
        "endLine": diagnostic.end_line,
        "col": diagnostic.column,
        "endColumn": diagnostic.end_column if diagnostic.end_line == diagnostic.line else None,
        "title": diagnostic.code,
    }
    given = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in properties.items() if value is not None)
    message = diagnostic.message + (f"\n{diagnostic.help}" if diagnostic.help else "")
    return f"::{'error' if diagnostic.severity == ERROR else 'warning'} {given}::{_escaped(message)}"


def _escaped(value: str, more: str = "") -> str:
    """As GitHub's own toolkit escapes: whatever could end the command or begin another."""
    return "".join(f"%{ord(char):02X}" if char in "%\r\n" + more else char for char in value)


Reporter = Callable[[Sequence[Result], Paint], str]
REPORTERS: Mapping[str, Reporter] = {"text": text, "concise": concise, "json": as_json, "github": github}
