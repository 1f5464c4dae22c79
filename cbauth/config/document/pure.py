"""ruamel.yaml's own scanner, made to read what libyaml reads.

It differs in four things: where tabs are white space (YAML 1.2.2 section 6.2 allows them between tokens and within
plain scalars, never as indentation), which characters an anchor's name may have, comments after a tab in the first line
of a block scalar, and blank lines at its beginning.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml.scanner import Scanner, ScannerError

__all__ = ["PureScanner"]

_END = "\0\r\n\x85\u2028\u2029"
_BREAKS = _END[1:]
_NAME = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-")
_AFTER_NAME = frozenset(_END + " \t?:,]}%@`")


class PureScanner(Scanner):
    """A scanner that agrees with libyaml."""

    def scan_to_next_token(self) -> None:
        """Skip white space, comments and line breaks; after a line break a key may begin."""
        reader = self.reader
        while True:
            blanks = " \t" if self.flow_level or not self.allow_simple_key else " "
            while reader.peek() in blanks:
                reader.forward()
            if reader.peek() == "#":
                while reader.peek() not in _END:
                    reader.forward()
            if not self.scan_line_break():
                return
            if not self.flow_level:
                self.allow_simple_key = True

    def scan_plain_spaces(self, indent: Any, start_mark: Any) -> list[str] | None:
        """What separates two words of a plain scalar; ``None`` where the document ends in between."""
        reader = self.reader
        length = 0
        while reader.peek(length) in " \t":
            length += 1
        blanks = reader.prefix(length)
        reader.forward(length)
        if reader.peek() not in _BREAKS:
            return [blanks] if blanks else []
        first = self.scan_line_break()
        self.allow_simple_key = True
        breaks: list[str] = []
        while not self._ends_document():
            if reader.peek() == " " or (reader.peek() == "\t" and reader.column >= indent):
                reader.forward()
            elif reader.peek() in _BREAKS:
                breaks.append(self.scan_line_break())
            else:
                return [*([first] if first != "\n" else [] if breaks else [" "]), *breaks]
        return None

    def scan_anchor(self, TokenClass: Any) -> Any:
        """An anchor or alias: letters, digits, `_` and `-`."""
        reader = self.reader
        start = reader.get_mark()
        reader.forward()
        length = 0
        while reader.peek(length) in _NAME:
            length += 1
        name = reader.prefix(length)
        reader.forward(length)
        if not name or reader.peek() not in _AFTER_NAME:
            raise ScannerError("while scanning an anchor", start, "expected alphabetic or numeric", reader.get_mark())
        return TokenClass(name, start, reader.get_mark())

    def scan_block_scalar_ignored_line(self, start_mark: Any) -> None:
        """What follows `|` or `>` on its line: a comment, after white space, or nothing."""
        reader = self.reader
        while reader.peek() in " \t":
            reader.forward()
        super().scan_block_scalar_ignored_line(start_mark)

    def scan_block_scalar_indentation(self) -> tuple[list[str], int, Any]:
        """The blank lines before a block scalar's text, the indentation of that, and where it begins."""
        reader = self.reader
        breaks: list[str] = []
        deepest = 0
        end = reader.get_mark()
        while reader.peek() == " " or reader.peek() in _BREAKS:
            if reader.peek() == " ":
                reader.forward()
                deepest = max(deepest, reader.column)
            else:
                breaks.append(self.scan_line_break())
                end = reader.get_mark()
        return breaks, deepest, end

    def _ends_document(self) -> bool:
        reader = self.reader
        return reader.column == 0 and reader.prefix(3) in ("---", "...") and reader.peek(3) in _END + " \t"
