"""The format for people: what is wrong, the lines of the file with carets under it, what to do, and a summary.

Laws:

1. No line is wider than the terminal, but for the place, which stays in one piece so that it can be clicked.
2. What was found first in a file stands first; between two blocks there is one blank line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cbauth.cli.console import Paint
from cbauth.cli.reports.report import Report
from cbauth.config.diagnostics import Diagnostic, Place, named

if TYPE_CHECKING:
    from cbauth.cli.reports.snippet import Snippets

__all__ = ["text"]

NARROWEST = 20
WIDEST = 100
"""Where there is no terminal, lines of the file are cut here, and sentences are not."""


class _Mark(NamedTuple):
    """A row of carets or dashes, and what it means."""

    drawn: str
    label: str


class _Row(NamedTuple):
    """A line of the file and what is marked in it."""

    number: int
    line: str
    marks: list[_Mark]


def text(report: Report) -> str:
    """Each diagnostic with its lines of the file, secrets masked, then a summary."""
    blocks = []
    for result, shown in report.shown:
        if not shown:
            continue
        from cbauth.cli.reports.snippet import Snippets

        snippets = Snippets(result.checked.document if result.checked is not None else None)
        blocks += ["\n".join(_block(diagnostic, snippets, report)) + "\n" for diagnostic in shown]
    if report.rest:
        blocks.append(report.rest + "\n")
    return "\n".join((*blocks, "\n".join(_summary(report)) + "\n"))


def _block(diagnostic: Diagnostic, snippets: Snippets, report: Report) -> Iterator[str]:
    paint, severity = report.paint, diagnostic.severity
    head = f"{severity}[{diagnostic.code}]"
    first, *more = _wrapped(f"{head}: {diagnostic.message}", 4, report.width)
    yield f"{paint(severity, head)}: {paint('strong', first[len(head) + 2 :])}"
    yield from (f"    {paint('strong', line.lstrip())}" for line in more)
    places = [place for place in diagnostic.related if place.path == diagnostic.path and place.line is not None]
    marked: list[Diagnostic | Place] = [diagnostic, *places]
    gutter = " " * max(len(str(at.line)) for at in marked)
    yield f"{gutter}{paint('place', '-->')} {_place(diagnostic)}"
    room = max((WIDEST if report.width is None else report.width) - len(gutter) - 3, NARROWEST)
    rows = _rows(marked, snippets, room)
    if rows:
        yield f"{gutter} {paint('place', '|')}"
        yield from _drawn(rows, gutter, severity, paint)
    labelled = {label for row in rows for _, label in row.marks if label}
    for place in diagnostic.related:
        if place.message not in labelled:
            yield from _note("note", f"{place.message}: {_place(place)}", gutter, report)
    if diagnostic.help:
        yield from _note("help", diagnostic.help, gutter, report)


def _rows(marked: list[Diagnostic | Place], snippets: Snippets, room: int) -> list[_Row]:
    """The lines to show, in the order of the file, each with its marks; labels only where they fit."""
    rows = []
    for number in sorted({at.line for at in marked if at.line is not None}):
        here = [at for at in marked if at.line == number]
        shown = snippets.of(number, here, room)
        if shown is None:
            continue
        marks = []
        for at, drawn in zip(here, shown.marks, strict=True):
            if isinstance(at, Diagnostic):
                marks.append(_Mark(drawn, ""))
            elif drawn:
                fits = len(drawn) + 1 + len(at.message) <= room
                marks.append(_Mark(drawn.replace("^", "-"), at.message if fits else ""))
        rows.append(_Row(number, shown.line, marks))
    return rows


def _drawn(rows: list[_Row], gutter: str, severity: str, paint: Paint) -> Iterator[str]:
    bar = paint("place", "|")
    before = rows[0].number
    for number, line, marks in rows:
        if number > before + 1:
            yield paint("place", "...")
        yield f"{paint('place', f'{number:>{len(gutter)}}')} {bar} {line}".rstrip()
        for mark, label in marks:
            yield f"{gutter} {bar} {paint(severity if '^' in mark else 'place', f'{mark} {label}'.rstrip())}"
        before = number


def _note(word: str, sentence: str, gutter: str, report: Report) -> Iterator[str]:
    head = f"{gutter} = {word}: "
    first, *more = _wrapped(head + sentence, len(head), report.width)
    yield f"{gutter} {report.paint('place', '=')}{first[len(gutter) + 2 :]}"
    yield from more


def _wrapped(sentence: str, indent: int, width: int | None) -> list[str]:
    """The sentence in lines that fit."""
    if width is None or len(sentence) <= width:
        return [sentence]
    from textwrap import wrap

    return wrap(
        sentence,
        max(width, NARROWEST),
        subsequent_indent=" " * min(indent, width // 3),
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _place(at: Diagnostic | Place) -> str:
    return f"{named(at.path or '')}:{at.line}:{at.column}"


def _summary(report: Report) -> list[str]:
    errors, warnings = report.totals
    files = f"{len(report.results)} file" + ("" if len(report.results) == 1 else "s")
    if not errors and not warnings:
        return [f"{report.paint('good', 'ok')}: {files} checked, nothing to mend"]
    found = [_number(errors, "error"), _number(warnings, "warning")]
    return _wrapped(f"{' and '.join(word for word in found if word)} in {files}{report.unlinted}", 2, report.width)


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}" if count else ""
