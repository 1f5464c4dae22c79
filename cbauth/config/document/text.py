"""From bytes to text: decoding, lines and columns, and characters that have no business in a configuration."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from functools import cached_property

from cbauth.config.diagnostics import MOST, Diagnostic, Span

__all__ = ["MOST_BYTES", "Lines", "clean", "decode"]

MOST_BYTES = 1024 * 1024
"""1 MiB: no more is read."""

STAND_IN = "\N{REPLACEMENT CHARACTER}"

_BREAK = re.compile(r"\r\n|\n|\r")
# Controls (but tab, line feed and carriage return), C1 controls with NEL, soft hyphen, bidirectional and invisible
# characters, line and paragraph separators, surrogates and non-characters.
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]+"
)
HALF = re.compile("[\ud800-\udfff]")
"""What JSON writes two of where a character has a large number; YAML does not put them together."""

_OTHER_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Lines:
    """Where each line of a text begins. Lines end at LF, CRLF or CR only."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in _BREAK.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of the character at ``offset``."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        """The place of the characters from ``start`` to just before ``end``."""
        return Span(*self.position(start), *self.position(max(start, end)))

    def start(self, line: int) -> int:
        """The offset of the first character of ``line`` (from 1)."""
        return self._starts[line - 1]

    def line(self, number: int) -> str:
        """The text of a line (from 1), without its end."""
        stop = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[self._starts[number - 1] : stop].rstrip("\r\n")

    def __len__(self) -> int:
        return len(self._starts)


def decode(source: bytes, path: str | None) -> tuple[str, Diagnostic | None]:
    """The text of ``source``, or ``""`` and the reason why it is none."""
    if len(source) > MOST_BYTES:
        return "", _whole("CBA103", "the file is larger than 1 MiB", "split it, or take out what does not belong", path)
    if source.startswith(_OTHER_MARKS):
        return "", _whole("CBA102", "the file is UTF-16 or UTF-32", "save it as UTF-8", path)
    try:
        return source.removeprefix(codecs.BOM_UTF8).decode("utf-8"), None
    except UnicodeDecodeError as error:
        offset = error.start
    before = source.removeprefix(codecs.BOM_UTF8)[:offset].decode("utf-8", "replace")
    span = Lines(before).span(len(before), len(before))
    problem = Diagnostic(
        code="CBA102",
        message="the bytes from here on are not UTF-8 text",
        help="save the file as UTF-8",
        path=path,
        line=span.line,
        column=span.column,
        end_line=span.line,
        end_column=span.column + 1,
    )
    return "", problem


def clean(text: str, path: str | None) -> tuple[str, list[Diagnostic]]:
    """The text with forbidden characters replaced (places stay true), and a diagnostic for each line with one."""
    if text.replace("\n", "").isprintable() or FORBIDDEN.search(text) is None:  # the first is five times as fast
        return text, []
    lines = Lines(text)
    problems: list[Diagnostic] = []
    for found in FORBIDDEN.finditer(text):
        if len(problems) == MOST:
            break
        span = lines.span(found.start(), found.end())
        if problems and problems[-1].line == span.line:
            continue
        problems.append(
            Diagnostic(
                code="CBA110",
                message=f"the character U+{ord(found[0][0]):04X} is not allowed",
                help="delete it; in a quoted text write what is meant",
                path=path,
                line=span.line,
                column=span.column,
                end_line=span.end_line,
                end_column=span.end_column,
            )
        )
    return FORBIDDEN.sub(lambda found: STAND_IN * len(found[0]), text), problems


def _whole(code: str, message: str, help_text: str, path: str | None) -> Diagnostic:
    return Diagnostic(code=code, message=message, help=help_text, path=path, line=1, column=1, end_line=1, end_column=1)
