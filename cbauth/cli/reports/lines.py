"""The formats of a line, or a record, for each diagnostic: concise, JSON, GitHub's workflow commands."""

from __future__ import annotations

from dataclasses import asdict

from cbauth.cli.reports.report import Report
from cbauth.config.diagnostics import ERROR, Diagnostic, printable

__all__ = ["as_json", "concise", "github"]


def concise(report: Report) -> str:
    """One line for each diagnostic, and one for the rest of them."""
    lines = [str(diagnostic) for diagnostic in report.diagnostics]
    rest = report.rest and report.rest + report.unlinted
    return "".join(f"{line}\n" for line in (*lines, rest) if line)


def as_json(report: Report) -> str:
    """One JSON object for all files, in ASCII; ``errors`` and ``warnings`` count those that are not listed as well."""
    import json

    errors, warnings = report.totals
    whole = {
        "format_version": 1,
        "errors": errors,
        "warnings": warnings,
        "diagnostics": [_record(diagnostic) for diagnostic in report.diagnostics],
    }
    return json.dumps(whole, indent=2) + "\n"


_FIELDS = ("code", "severity", "message", "path", "line", "column", "end_line", "end_column", "key", "help")


def _record(diagnostic: Diagnostic) -> dict[str, object]:
    record: dict[str, object] = {name: getattr(diagnostic, name) for name in _FIELDS}
    return {**record, "related": [asdict(place) for place in diagnostic.related]}


def github(report: Report) -> str:
    """Workflow commands that become annotations of a pull request."""
    lines = [_annotation(diagnostic) for diagnostic in report.diagnostics]
    if report.rest:
        lines.append(f"::notice::{_escaped(report.rest)}")
    return "".join(f"{line}\n" for line in lines)


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
    """As GitHub's own toolkit escapes: whatever could end the command or begin another; nothing for a terminal."""
    return "".join(
        f"%{ord(char):02X}" if char in "%\r\n" + more else char if char.isprintable() else printable(char)
        for char in value
    )
