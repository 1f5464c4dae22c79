"""The line of the file that a diagnostic speaks of, with everything masked that must not be shown.

Laws:

1. Only what ``privacy`` allows is shown; every other scalar becomes ``***``, whatever its length, and so do anchors,
   aliases and tags. Comments are left out.
2. Everything shown is printable ASCII, one column wide: carets line up, and no terminal is told anything.
3. In a text that could not be parsed only the words of the format itself are shown.
"""

from __future__ import annotations

import re
from collections import defaultdict

from cbauth.config.diagnostics import Diagnostic
from cbauth.config.document import Document, Node, scalars
from cbauth.config.privacy import KNOWN_KEYS, harmless, names_allowed, presentable

__all__ = ["MASK", "Snippets"]

MASK = "***"
WIDEST = 100

_STRUCTURE = frozenset(" \t[]{},:-?|>")
_OPENING = "[{(\"'?,-"
_CLOSING = "]})\"',:"


class Snippets:
    """The lines of one document, masked. The masks are worked out when the first line is asked for."""

    def __init__(self, document: Document | None) -> None:
        self._document = document
        self._spans: dict[int, list[tuple[int, int, bool]]] | None = None

    def of(self, diagnostic: Diagnostic) -> tuple[str, str] | None:
        """The masked line and the carets under it; ``None`` where there is no text to show."""
        document, number = self._document, diagnostic.line
        if document is None or number is None or diagnostic.column is None or not document.lines.text:
            return None
        source = document.lines.line(number)
        root = document.root
        pieces = _unparsed(source) if root is None else self._masked(document, root, number, source)
        shown, columns = _render(pieces, len(source))
        start = columns[min(diagnostic.column - 1, len(source))]
        same_line = diagnostic.end_line == number and diagnostic.end_column is not None
        stop = columns[min((diagnostic.end_column or 1) - 1, len(source))] if same_line else len(shown)
        return _cropped(shown, start, max(stop, start + 1))

    def _masked(self, document: Document, root: Node, number: int, source: str) -> list[tuple[int, int, str]]:
        """The pieces of a line: where each begins and ends in the source, and what is shown for it."""
        if self._spans is None:
            self._spans = _spans(document, root)
        first = document.lines.start(number)
        pieces: list[tuple[int, int, str]] = []
        at = 0
        for start, end, show in sorted(self._spans.get(number, ())):
            begin, stop = max(start - first, at), min(end - first, len(source))
            if not _between(source, at, begin, pieces):
                return pieces
            if stop > begin:
                pieces.append((begin, stop, source[begin:stop] if show else MASK))
            at = max(begin, stop)
        _between(source, at, len(source), pieces)
        return pieces


def _spans(document: Document, root: Node) -> dict[int, list[tuple[int, int, bool]]]:
    """For each line the scalars on it, as offsets into the text, and whether they may be shown."""
    spans: dict[int, list[tuple[int, int, bool]]] = defaultdict(list)
    for path, node, is_key in scalars(root):
        allowed = names_allowed(path[:-1]) if is_key else harmless(path)
        show = allowed and presentable(document.lines.text[node.start : node.end])
        for line in _lines_of(document, node):
            spans[line].append((node.start, node.end, show))
    return spans


def _lines_of(document: Document, node: Node) -> range:
    return range(document.lines.position(node.start)[0], document.lines.position(node.end)[0] + 1)


def _between(source: str, start: int, stop: int, pieces: list[tuple[int, int, str]]) -> bool:
    """Add what stands between scalars: structure as it is, anything else masked. False where a comment begins."""
    at = start
    while at < stop:
        end = at + 1
        if source[at] in _STRUCTURE:
            pieces.append((at, end, source[at].replace("\t", " ")))
        elif source[at] == "#" and (at == 0 or source[at - 1] in " \t"):
            return False
        else:
            while end < stop and source[end] not in _STRUCTURE:
                end += 1
            pieces.append((at, end, MASK))
        at = end
    return True


def _unparsed(source: str) -> list[tuple[int, int, str]]:
    """The pieces of a line of which nothing is known: the format's own words, brackets and quotes."""
    pieces: list[tuple[int, int, str]] = []
    for found in re.finditer(r"\s|\S+", source):
        word = found[0]
        if word.isspace():
            pieces.append((found.start(), found.end(), " "))
            continue
        if word.startswith("#"):
            break
        inner = word.lstrip(_OPENING)
        start = found.end() - len(inner)
        inner = inner.rstrip(_CLOSING)
        end = start + len(inner)
        pieces.append((found.start(), start, source[found.start() : start]))
        pieces.append((start, end, inner if not inner or inner in KNOWN_KEYS else MASK))
        pieces.append((end, found.end(), source[end : found.end()]))
    return pieces


def _render(pieces: list[tuple[int, int, str]], length: int) -> tuple[str, list[int]]:
    """The shown line, and for each column of the source the column at which it is shown."""
    shown = ""
    columns: list[int] = []
    for start, end, text in pieces:
        columns += [len(shown)] * (start - len(columns))
        exact = len(text) == end - start and text != MASK
        columns += [len(shown) + (i if exact else 0) for i in range(end - start)]
        shown += text
    columns += [len(shown)] * (length + 1 - len(columns))
    return shown.rstrip(), columns


def _cropped(shown: str, start: int, stop: int) -> tuple[str, str]:
    """A window of the line around the carets."""
    stop = max(min(stop, max(len(shown), start + 1)), start + 1)
    if len(shown) > WIDEST:
        left = max(0, min(start - WIDEST // 3, len(shown) - WIDEST))
        head, tail = "..." if left else "", "..." if left + WIDEST < len(shown) else ""
        shown = head + shown[left : left + WIDEST] + tail
        start, stop = start - left + len(head), min(stop - left, WIDEST) + len(head)
    return shown, " " * start + "^" * max(stop - start, 1)
