"""What is wrong with a text that is not YAML, said without quoting it.

The parser stops where it can go on no longer; what has to be mended is often further up. So a quote or bracket that
swallows lines it cannot mean to is looked for first, and reported where it opens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cbauth.config.diagnostics import Diagnostic
from cbauth.config.document.text import Lines

__all__ = ["explain"]

NO_COLON = "could not find expected ':'"
# What the parsers say of the line after one without a colon, which they take for a text that goes on.
_AFTER_NO_COLON = ("mapping values are not allowed", "<block mapping start>")

_PLAIN_LINE = ("this line has no `key: value`", "add the colon and a space after it")
# (what the parser says, code, message, help). The first that fits counts.
_SAYINGS = (
    (
        "mapping values are not allowed",
        "CBA104",
        "a second `key: value` on one line, or a line that is indented too far",
        "put the key on its own line with its neighbours' indentation, or the value in quotes",
    ),
    ("found a tab character", "CBA107", "a tab is used for indentation", "indent with spaces"),
    ("found character '\\t'", "CBA107", "a tab is used for indentation", "indent with spaces"),
    (
        "that cannot start any token",
        "CBA104",
        "a value cannot begin with this character",
        "put the value in quotes",
    ),
    (NO_COLON, "CBA104", *_PLAIN_LINE),
    (
        "expected ',' or",
        "CBA104",
        "a comma or the closing bracket is missing before this place",
        "separate the entries with commas",
    ),
    ("undefined tag handle", "CBA104", "a tag that is not declared", "write the value without `!`"),
    (
        "escape",
        "CBA104",
        "an unknown or incomplete escape in a double-quoted text",
        "use single quotes, or write the backslash twice",
    ),
    (
        "expected <block end>",
        "CBA104",
        "this does not fit the lines above",
        "align it with its neighbours; a text that goes on after a quote needs quotes around all of it",
    ),
    (
        "did not find expected key",
        "CBA104",
        "this does not fit the lines above",
        "align it with its neighbours; a text that goes on after a quote needs quotes around all of it",
    ),
    (
        "did not find expected '-'",
        "CBA104",
        "this does not fit the list above",
        "align it with its neighbours, or begin it with `- `",
    ),
    (
        "found unexpected ':'",
        "CBA104",
        "a colon within a word in brackets",
        "put the value in quotes",
    ),
    (
        "sequence entries are not allowed",
        "CBA104",
        "a list entry cannot begin here",
        "put `- ` on a line of its own",
    ),
    (
        "node content",
        "CBA104",
        "a value is expected here",
        "take the bracket or comma away, or put the value in quotes",
    ),
    (
        "<document start>",
        "CBA104",
        "this does not belong to the lines above",
        "begin all top-level keys in the first column",
    ),
    ("incompatible YAML document", "CBA104", "this version of YAML is not known", "delete the `%YAML` line"),
    (
        "expected alphabetic or numeric",
        "CBA104",
        "an anchor (`&`) or alias (`*`) needs a name",
        "put a value that begins with this character in quotes",
    ),
    (
        "block scalar",
        "CBA104",
        "`|` and `>` begin a text on the following lines",
        "end the line after it, or put the value in quotes",
    ),
)
# What may stand before a value: list dashes and keys. Bounded, so that no text makes it slow.
_KEY = r"""(?:[^\s"'#\[\]{},][^#\n]{0,200}?|"[^"\n]{0,200}"|'[^'\n]{0,200}')[ ]{0,8}:[ ]+"""
_HEAD = re.compile(rf"[ ]*(?:[-?][ ]+)*(?:{_KEY})*")
_PAIRS = {"[": "]", "{": "}"}


def explain(error: Any, lines: Lines, path: str | None) -> Diagnostic:
    """The diagnostic for a parser's error."""
    said = f"{getattr(error, 'context', None) or ''} {getattr(error, 'problem', None) or ''}"
    marks = [getattr(error, "problem_mark", None), getattr(error, "context_mark", None)]
    if NO_COLON in said:
        marks.reverse()
    offset = next((mark.index for mark in marks if mark is not None), 0)
    opening = unclosed(lines.text, offset)
    if opening is not None:
        quote = lines.text[opening] in "\"'"
        return _at(
            lines,
            path,
            opening,
            "CBA105" if quote else "CBA106",
            "this quote is not closed" if quote else "this bracket is not closed",
            f"add the closing `{_PAIRS.get(lines.text[opening], lines.text[opening])}`",
        )
    if lines.text[offset : offset + 1] in ("]", "}") and "expected <block end>" in said:
        return _at(lines, path, offset, "CBA104", "this bracket closes nothing", "take it away: it is one too many")
    if any(fragment in said for fragment in _AFTER_NO_COLON):
        plain = _plain_line_above(lines, offset)
        if plain is not None:
            return _at(lines, path, plain, "CBA104", *_PLAIN_LINE)
    star = max(offset - 1, 0)
    if "expected alphabetic or numeric" in said and lines.text[star : star + 1] == "*":
        message = "an alias (`*`) needs a name"
        return _at(lines, path, star, "CBA104", message, 'put the star in quotes where it is meant: `"*"`')
    for fragment, code, message, help_text in _SAYINGS:
        if fragment in said:
            return _at(lines, path, offset, code, message, help_text)
    return _at(lines, path, offset, "CBA104", "this is not valid YAML", "put values with special characters in quotes")


def _plain_line_above(lines: Lines, offset: int) -> int | None:
    """The offset of words above the line of ``offset`` that should be a ``key: value``, as its neighbour is."""
    number, column = lines.position(offset)
    line = lines.line(number)
    indent = _indent(line, 0)
    if _HAS_COLON.search(line[: column - 1]):
        return None
    plain = None
    for above, words in _above(lines, number):
        here = _indent(words, 0)
        if here < indent:  # what holds them: with a text of its own, they may be more of it
            return plain if words.endswith(":") else None
        if here > indent or _HAS_COLON.search(words) or not words[here].isalnum():
            return None
        plain = lines.start(above) + here
    return plain


_HAS_COLON = re.compile(r":(?:\s|$)")


def _above(lines: Lines, number: int) -> Iterator[tuple[int, str]]:
    """The lines above ``number``, the nearest first, without comments and those that hold nothing else."""
    for above in range(number - 1, 0, -1):
        words = re.split(r"(?:^|\s)#", lines.line(above), maxsplit=1)[0].rstrip()
        if words.strip():
            yield above, words


def unclosed(text: str, until: int) -> int | None:
    """The offset of the first quote or bracket before ``until`` that goes on into lines it cannot mean to.

    A line indented no further than the one where the quote or bracket opens belongs to something else, unless it begins
    with the closing bracket.
    """
    text = text.replace("\r\n", " \n").replace("\r", "\n")
    at = 0
    while at < len(text) and at <= until:
        head = _HEAD.match(text, at)
        value = head.end() if head is not None else at
        indent = _indent(text, at)
        if text[value : value + 1] in ('"', "'"):
            end = _quote_end(text, value, indent)
        elif text[value : value + 1] in ("[", "{"):
            wrong, end = _flow_end(text, value, indent)
            if wrong is not None:
                return wrong
        elif text[value : value + 1] in ("|", ">"):
            end = _block_end(text, value, indent)
        else:
            end = value
        if end is None:
            return value
        at = text.find("\n", end) + 1 or len(text)
    return None


def _quote_end(text: str, start: int, indent: int) -> int | None:
    """Just after the closing quote; ``None`` when it runs into something else first."""
    quote, at = text[start], start + 1
    while at < len(text):
        char = text[at]
        if char == quote:
            if quote == "'" and text.startswith("''", at):
                at += 2
                continue
            return at + 1
        if char == "\\" and quote == '"':
            at += 2
            continue
        at += 1
        if char == "\n" and _foreign(text, at, indent):
            return None
    return None


def _flow_end(text: str, start: int, indent: int) -> tuple[int | None, int]:
    """The offset of what is not closed (or ``None``), and where the outermost bracket ends."""
    open_at = [start]
    at = start + 1
    while at < len(text) and open_at:
        char = text[at]
        if char in "\"'" and text[at - 1] in " \t\n[{,:":
            end = _quote_end(text, at, indent)
            if end is None:
                return at, at
            at = end
            continue
        if char == "#" and text[at - 1] in " \t\n":
            at = text.find("\n", at)
            if at < 0:
                break
            continue
        if char in "[{":
            open_at.append(at)
        elif char in "]}":
            if _PAIRS[text[open_at[-1]]] != char:
                return open_at[-1], at
            open_at.pop()
        at += 1
        if char == "\n" and _foreign(text, at, indent, but="]}"):
            return open_at[-1], at
    return (open_at[-1] if open_at else None), at


def _block_end(text: str, start: int, indent: int) -> int:
    """Where the text that ``|`` or ``>`` begins ends: before the first line that is indented no further."""
    at = text.find("\n", start) + 1 or len(text)
    while at < len(text) and not _foreign(text, at, indent):
        at = text.find("\n", at) + 1 or len(text)
    return max(at - 1, start)


def _foreign(text: str, at: int, indent: int, but: str = "") -> bool:
    """Whether a line begins at ``at`` that holds something (not ``but``), indented no further than ``indent``."""
    here = _indent(text, at)
    return here <= indent and at + here < len(text) and text[at + here] not in "\n" + but


def _indent(text: str, at: int) -> int:
    end = at
    while text[end : end + 1] == " ":
        end += 1
    return end - at


def _at(lines: Lines, path: str | None, offset: int, code: str, message: str, help_text: str) -> Diagnostic:
    offset = min(offset, len(lines.text))
    line, column = lines.position(offset)
    return Diagnostic(
        code=code,
        message=message,
        help=help_text,
        path=path,
        line=line,
        column=column,
        end_line=line,
        end_column=column + 1,
    )
