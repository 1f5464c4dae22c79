"""Comments that silence a warning: ``# cbauth: ignore[CBA303] reason``.

Laws:

1. A comment speaks of its own line, or, alone on its line, of the next line that is not a comment. Other words may
   stand before ``cbauth:``, and capitals do not count.
2. Only warnings can be silenced. A comment that silences nothing, or cannot, is itself a warning, and those about
   comments cannot be silenced. Those about the policy are asked for only where
   it was checked: in a file without errors.
3. Only a comment counts, never a text that looks like one. Its words are never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from cbauth.config.codes import CODES
from cbauth.config.comments import comments
from cbauth.config.diagnostics import ERROR, MOST, WARNING, Diagnostic, counts
from cbauth.config.document import Document, Node
from cbauth.config.suggest import Suggestions

__all__ = ["after_comments"]

# What begins a comment to cbauth; after other words only what can be nothing else.
_SIGN = re.compile(r"(?<![^ \t])#[ \t]*cbauth:|\bcbauth:(?=[ \t]*ignore[ \t]*(?:\[|CBA[0-9]))", re.IGNORECASE)
_BODY = re.compile(r"[ \t]*ignore[ \t]*\[([^\]\[\r\n]*)\][ \t:,;.-]*(.*)", re.IGNORECASE)
_CODE = re.compile(r"[^\s,]+")
POLICY = "CBA4"
_ABOUT_COMMENTS = re.compile("CBA13[0-9]")


class _Code(NamedTuple):
    """A code in a comment, the offset where it stands, and the line that it speaks of."""

    code: str
    start: int
    line: int


class _Comment(NamedTuple):
    """Where a comment begins, where in it the words to cbauth begin, what they say, and where they end."""

    comment: int
    start: int
    body: int
    end: int


class _Lines:
    """The line that each comment speaks of (law 1), for comments in the order of the text."""

    def __init__(self, document: Document) -> None:
        self._lines = document.lines
        self._next = 0  # after the last run of comments that was looked at

    def meant(self, offset: int) -> int:
        """The line that the comment at ``offset`` speaks of."""
        number, column = self._lines.position(offset)
        if self._lines.line(number)[: column - 1].strip():
            return number
        if number >= self._next:
            self._next = number + 1
            while self._next <= len(self._lines) and self._lines.line(self._next).lstrip().startswith("#"):
                self._next += 1
        return self._next


def after_comments(document: Document, root: Node, problems: Sequence[Diagnostic]) -> list[Diagnostic]:
    """What is left of ``problems`` when the comments have been heard, and what is wrong with the comments."""
    codes: list[_Code] = []
    told: list[Diagnostic] = []
    lines = _Lines(document)
    suggestions = Suggestions()
    for found in islice(_to_cbauth(document, root), MOST):
        told += _read(document, found, lines, codes, suggestions)
    silenced: set[int] = set()
    sound = counts(problems)[0] == 0
    last = document.lines.position(len(document.lines.text.rstrip()))[0]
    by_place: dict[tuple[str, int | None], list[int]] = {}
    for index, problem in enumerate(problems):
        by_place.setdefault((problem.code, problem.line), []).append(index)
    for code in codes:
        here = by_place.get((code.code, code.line), [])
        warnings = {index for index in here if problems[index].severity == WARNING}
        if any(problems[index].severity == ERROR for index in here):
            message = f"{code.code} is an error here and cannot be ignored"
            told.append(_told(document, code, "CBA134", message, "mend what it says, and take the comment away"))
        elif not warnings - silenced and (sound or not code.code.startswith(POLICY)):
            where = f"on line {code.line}" if code.line <= last else "after this comment"
            message = f"there is no {code.code} {where} that could be ignored"
            told.append(_told(document, code, "CBA131", message, "take it away"))
        silenced |= warnings
    return [problem for index, problem in enumerate(problems) if index not in silenced] + told


def _to_cbauth(document: Document, root: Node) -> Iterator[_Comment]:
    """What comments say to cbauth, each as far as the next such words on its line."""
    for comment in comments(document, root):
        signs = list(_SIGN.finditer(comment[0]))
        ends = [*(sign.start() for sign in signs[1:]), len(comment[0].rstrip())]
        at = comment.start()
        for sign, end in zip(signs, ends, strict=False):
            yield _Comment(at, at + sign.start(), at + sign.end(), at + end)


def _read(
    document: Document, found: _Comment, lines: _Lines, codes: list[_Code], suggestions: Suggestions
) -> Iterator[Diagnostic]:
    """Add the codes of a comment to ``codes``; tell what is wrong with it."""
    body = _BODY.fullmatch(document.lines.text, found.body, found.end)
    words = list(_CODE.finditer(body[1])) if body is not None else []
    whole = _Code("", found.start, document.lines.position(found.start)[0])
    if body is None or not words:
        form = "write `# cbauth: ignore[CBA303] reason`"
        yield _told(document, whole, "CBA130", "this comment is not understood", form, end=found.end)
        return
    line = lines.meant(found.comment)
    for word in words:
        code = _Code(word[0].upper(), body.start(1) + word.start(), line)
        if code.code not in CODES:
            help_text = suggestions.help(code.code, CODES, "codes are `CBA` and three digits")
            yield _told(document, code, "CBA132", "there is no such code", help_text, end=code.start + len(word[0]))
        elif _ABOUT_COMMENTS.fullmatch(code.code):
            yield _told(document, code, "CBA131", "what is said of comments cannot be ignored", "take it away")
        else:
            codes.append(code)
    if not body[2].strip():
        help_text = "say after the bracket why the warning does not apply"
        yield _told(document, whole, "CBA133", "this comment gives no reason", help_text, end=found.end)


def _told(
    document: Document, at: _Code, code: str, message: str, help_text: str | None, *, end: int | None = None
) -> Diagnostic:
    span = document.lines.span(at.start, at.start + len(at.code) if end is None else end)
    return Diagnostic(
        code=code, message=message, severity=WARNING, path=document.path, help=help_text, **span._asdict()
    )
