"""The line of the file that a diagnostic speaks of, with everything masked that must not be shown.

Laws:

1. Only what ``privacy`` allows is shown; every other scalar becomes ``***``, whatever its length, and so do anchors,
   aliases, tags and the keys of `metadata`. Of comments only those to cbauth are shown, as far as they are of its form.
2. Everything shown is printable ASCII, one column wide: carets line up, and no terminal is told anything.
3. In a text that could not be parsed only the words of the format itself are shown.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple, Protocol

from cbauth.config.document import Document, Node, scalars
from cbauth.config.privacy import KNOWN_KEYS, harmless, names_allowed, presentable

__all__ = ["MASK", "Shown", "Snippets"]

MASK = "***"
CUT = "..."
WINDOW = 400
"""Characters of a line that are looked at on either side of the place; a line may be a mebibyte long."""

_TO_CBAUTH = re.compile(
    r"(?:#[ \t]*|\b)cbauth:[ \t]*(?:ignore[ \t]*(?:\[(?:[ \t,]*CBA[0-9]{3}\b)*[ \t,]*\]?[ \t]*)?)?", re.I
)
_STRUCTURE = frozenset(" \t[]{},:-?|>")
_OPENING = "[{(\"'?,-"
_CLOSING = "]})\"',:"


class Marked(Protocol):
    """Something with a place: a diagnostic, or a place that is related to one."""

    @property
    def column(self) -> int | None: ...
    @property
    def end_line(self) -> int | None: ...
    @property
    def end_column(self) -> int | None: ...


class Shown(NamedTuple):
    """A masked line and the rows of carets under it, one for each span."""

    line: str
    marks: tuple[str, ...]


class Piece(NamedTuple):
    """A stretch of a line, as offsets into it, and what is shown for it."""

    start: int
    end: int
    shown: str


class Mark(NamedTuple):
    """A scalar, as offsets into the text, and whether it may be shown."""

    start: int
    end: int
    show: bool


class Snippets:
    """The lines of one document, masked. The masks are worked out when the first line is asked for."""

    def __init__(self, document: Document | None) -> None:
        self._document = document
        self._marks: dict[int, list[Mark]] | None = None

    def of(self, number: int | None, spans: Sequence[Marked], room: int) -> Shown | None:
        """The masked line ``number``, no wider than ``room``, and the marks under it.

        The first of ``spans`` is always seen; others have no marks where they lie outside of what is shown. ``None``
        where there is no text to show.
        """
        document = self._document
        if document is None or number is None or not document.lines.text:
            return None
        column = spans[0].column or 1
        line = document.lines.line(number)
        begin, stop = max(column - 1 - WINDOW, 0), min(column - 1 + WINDOW, len(line))
        if document.root is None:
            pieces = _unparsed(line[begin:stop], begin)
        else:
            pieces = self._masked(document, document.root, number, line, begin, stop)
        ends = [span.end_column if span.end_line == number else None for span in spans]
        reach = [
            ((span.column or 1) - 1, stop if end is None else min(end - 1, stop))
            for span, end in zip(spans, ends, strict=True)
        ]
        return _drawn(pieces, reach, room, cut=(begin > 0, stop < len(line)))

    def _masked(self, document: Document, root: Node, number: int, line: str, begin: int, stop: int) -> list[Piece]:
        """The pieces of a line between ``begin`` and ``stop``."""
        if self._marks is None:
            self._marks = _marks(document, root)
        first = document.lines.start(number)
        marks = self._marks.get(number, [])
        pieces: list[Piece] = []
        at = begin
        for mark in marks[max(bisect_left(marks, (first + begin,)) - 1, 0) :]:
            start, end = max(mark.start - first, at), min(mark.end - first, stop)
            if start >= stop:
                break
            if not _between(line, at, start, pieces):
                return pieces
            if end > start:
                pieces.append(Piece(start, end, line[start:end] if mark.show else MASK))
            at = max(start, end)
        _between(line, at, stop, pieces)
        return pieces


def _marks(document: Document, root: Node) -> dict[int, list[Mark]]:
    """The scalars on each line, in their order."""
    marks: dict[int, list[Mark]] = defaultdict(list)
    trees = chain(scalars(root), *(scalars(node, at) for at, node in document.dropped))
    for path, node, is_key in trees:
        allowed = names_allowed(path[:-1]) and path[-2:-1] != ("metadata",) if is_key else harmless(path)
        show = allowed and presentable(document.lines.text[node.start : node.end])
        first, last = document.lines.position(node.start)[0], document.lines.position(node.end)[0]
        for line in range(first, last + 1):
            marks[line].append(Mark(node.start, node.end, show))
    for on_line in marks.values():
        on_line.sort()
    return marks


def _between(line: str, start: int, stop: int, pieces: list[Piece]) -> bool:
    """Add what stands between scalars: structure as it is, anything else masked. False where a comment begins."""
    at = start
    while at < stop:
        end = at + 1
        if line[at] in _STRUCTURE:
            pieces.append(Piece(at, end, line[at].replace("\t", " ")))
        elif line[at] == "#" and (at == 0 or line[at - 1] in " \t"):
            _comment(line, at, stop, pieces)
            return False
        else:
            while end < stop and line[end] not in _STRUCTURE:
                end += 1
            pieces.append(Piece(at, end, MASK))
        at = end
    return True


def _comment(line: str, at: int, stop: int, pieces: list[Piece]) -> None:
    """Add a comment to cbauth, as far as it is of its form; nothing of any other."""
    found = _TO_CBAUTH.search(line, at, stop)
    if found is not None:
        if found.start() > at:
            pieces += (Piece(at, at + 1, "#"), Piece(at + 1, found.start(), MASK))
        pieces.append(Piece(found.start(), found.end(), found[0].replace("\t", " ")))
        if found.end() < stop:
            pieces.append(Piece(found.end(), stop, MASK))


def _unparsed(text: str, begin: int) -> list[Piece]:
    """The pieces of a line of which nothing is known: the format's own words, brackets and quotes."""
    pieces: list[Piece] = []
    for found in re.finditer(r"\s|\S+", text):
        word, start, stop = found[0], begin + found.start(), begin + found.end()
        if word.isspace():
            pieces.append(Piece(start, stop, " "))
            continue
        if word.startswith("#"):
            break
        inner = word.lstrip(_OPENING)
        opened = stop - len(inner)
        inner = inner.rstrip(_CLOSING)
        closed = opened + len(inner)
        known = inner in KNOWN_KEYS and found.start() > 0  # the window may begin within a word
        pieces.append(Piece(start, opened, word[: opened - start]))
        pieces.append(Piece(opened, closed, inner if known or not inner else MASK))
        pieces.append(Piece(closed, stop, word[closed - start :]))
    return pieces


def _drawn(pieces: list[Piece], reach: list[tuple[int, int]], room: int, cut: tuple[bool, bool]) -> Shown:
    """The line and its marks. ``cut``: whether there is more of the line on the left, on the right."""
    shown = "".join(piece.shown for piece in pieces)
    drawn = [_columns(pieces, start, max(end, start + 1), len(shown)) for start, end in reach]
    left, right = drawn[0]
    wide = max(len(shown.rstrip()), right)
    window = 0
    if wide + len(CUT) * sum(cut) > room:
        inner = room - 2 * len(CUT)
        before = min(inner // 3, max(inner - (right - left), 0))  # what is marked is seen whole, where that can be
        window = max(0, min(left - before, wide - inner))
        cut = (cut[0] or window > 0, cut[1] or window + inner < len(shown.rstrip()))
        shown, wide = shown[window : window + inner], inner
    shift = (len(CUT) if cut[0] else 0) - window
    marks = []
    for left, right in drawn:
        right = min(right, window + wide)
        marks.append(" " * (left + shift) + "^" * max(right - left, 1) if window <= left < window + wide else "")
    return Shown((CUT if cut[0] else "") + shown.rstrip() + (CUT if cut[1] else ""), tuple(marks))


def _columns(pieces: list[Piece], start: int, end: int, length: int) -> tuple[int, int]:
    """Where the characters from ``start`` to ``end`` are shown in a line of ``length``."""
    left = right = -1
    at = 0
    for piece in pieces:
        exact = len(piece.shown) == piece.end - piece.start and piece.shown != MASK
        if left < 0 and start < piece.end:
            left = at + (max(start - piece.start, 0) if exact else 0)
        if piece.start < end:
            right = at + (min(end - piece.start, len(piece.shown)) if exact else len(piece.shown))
        at += len(piece.shown)
    left = length if left < 0 else left
    return left, max(right, left + 1)
