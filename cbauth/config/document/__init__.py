"""A text as a tree in which every key knows its line; hostile input stops here.

This is the only room that knows ruamel.yaml, and it uses its parser's events alone: no tag is ever resolved, no object
built. libyaml does the work where it is installed, the pure parser otherwise; the pure one also says what is wrong with
a text that is not YAML, so that the answer is the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cbauth.config.diagnostics import Diagnostic, Finding, Path, Place, Span, key_text
from cbauth.config.document.composer import Composer, StoppedError
from cbauth.config.document.doubts import Doubt
from cbauth.config.document.nodes import SCALAR, Node, find, scalars
from cbauth.config.document.pure import PureScanner
from cbauth.config.document.syntax import explain
from cbauth.config.document.text import MOST_BYTES, Lines, clean, decode

__all__ = ["MOST_BYTES", "Document", "Lines", "Node", "parse", "scalars"]


# What the parsers raise: the pure one reads numbers in escapes without a care.
FAULTS = (YAMLError, ValueError, OverflowError)


# What libyaml stumbles over is read again by the pure parser, which sees further ahead and says better what is wrong;
# but only when it is short, for a mebibyte takes that one seconds.
MOST_SECOND_READING = 256 * 1024


class Document:
    """One YAML document, its text and what was wrong with it.

    ``root`` is ``None`` when the document is empty or could not be read; ``readable`` tells the two apart. ``nulls``
    says whether there is any ``null`` in it; ``doubtful`` has, by offset, the scalars that versions of YAML read
    differently; ``dropped`` what is not in the tree, such as the second of two equal keys.
    """

    __slots__ = ("doubtful", "dropped", "lines", "nulls", "path", "problems", "readable", "root")

    def __init__(
        self,
        lines: Lines,
        path: str | None,
        problems: list[Diagnostic],
        *,
        readable: bool,
        root: Node | None = None,
        nulls: bool = True,
        doubtful: Mapping[int, Doubt] = MappingProxyType({}),
        dropped: Sequence[tuple[Path, Node]] = (),
    ) -> None:
        self.lines = lines
        self.path = path
        self.problems = problems
        self.readable = readable
        self.root = root
        self.nulls = nulls
        self.doubtful = doubtful
        self.dropped = dropped

    @property
    def data(self) -> Any:
        """The document as plain Python data."""
        return None if self.root is None else self.root.data

    def span(self, path: Path, *, at_key: bool = False) -> Span:
        """Where the value at ``path`` is, or its key; for a path that does not exist, the key of what would hold it."""
        if self.root is None:
            return Span(1, 1, 1, 1)
        key, value = find(self.root, path)
        node = key if at_key and key is not None else value
        if node is self.root:
            return Span(*self.lines.position(self.root.start), *self.lines.position(self.root.start))
        return self.lines.span(node.start, node.end)

    def written(self, path: Path) -> str | None:
        """The scalar at ``path`` as it stands in the text."""
        node = None if self.root is None else find(self.root, path)[1]
        return self.lines.text[node.start : node.end] if node is not None and node.kind == SCALAR else None

    def place(self, finding: Finding) -> Diagnostic:
        """The finding with its place."""
        return Diagnostic(
            code=finding.code,
            message=finding.message,
            severity=finding.severity,
            path=self.path,
            key=key_text(finding.path),
            help=finding.help,
            related=tuple(
                Place(message=message, path=self.path, **self.span(path, at_key=True)._asdict())
                for message, path in finding.related
            ),
            **self.span(finding.path, at_key=finding.at_key)._asdict(),
        )


def parse(source: str | bytes, path: str | None = None) -> Document:
    """Read a document. Never raises for what it reads: everything wrong with it is in ``problems``."""
    text, problem = decode(source, path) if isinstance(source, bytes) else (source, None)
    if problem is None and isinstance(source, str) and len(source) > MOST_BYTES:
        text, problem = decode(b" " * (MOST_BYTES + 1), path)
    if problem is not None:
        return Document(Lines(text), path, [problem], readable=False)
    text, problems = clean(text.removeprefix("\ufeff"), path)
    lines = Lines(text)
    given, stand_ins = _for_libyaml(text)
    composer = Composer(lines, path, stand_ins)
    readable = True
    root = None
    try:
        root = composer.compose(_events(given, pure=False))
    except (StoppedError, *FAULTS) as error:
        if len(text) <= MOST_SECOND_READING:
            composer = Composer(lines, path)
            root, readable = _compose_slowly(composer, error)
        else:
            readable = False
            if not isinstance(error, StoppedError):
                composer.problems.append(explain(error, lines, path))
    problems += composer.problems
    return Document(
        lines,
        path,
        problems,
        readable=readable,
        root=root,
        nulls=composer.nulls or root is None,
        doubtful=composer.doubtful,
        dropped=composer.dropped,
    )


def _compose_slowly(composer: Composer, first: Exception) -> tuple[Node | None, bool]:
    """The same with the pure parser, whose errors are the ones that are told, or else the ``first``."""
    try:
        return composer.compose(_events(composer.lines.text, pure=True)), True
    except StoppedError:
        return None, False
    except YAMLError as error:
        first = error
    except FAULTS:
        pass
    composer.problems.append(explain(first, composer.lines, composer.path))
    return None, False


def _events(text: str, *, pure: bool) -> Iterator[Any]:
    parser = YAML(typ="safe", pure=pure)
    if pure:
        parser.Scanner = PureScanner
    return iter(parser.parse(text))


# libyaml keeps to YAML 1.1 where a plain scalar in brackets has a colon or a question mark: it refuses `{a: env:B}`. So
# these are given to it as characters that mean nothing, one for one, and the scalars get them back.
_COLON_WITHIN = re.compile(r"""(?<=[^\s"'\]}]):(?=[^\s,\[\]{}])""")
_QUESTION_WITHIN = re.compile(r"(?<=[^\s,\[\]{}])\?")
_COLON, _QUESTION = "\ue000", "\ue001"
_BACK: Mapping[int, str] = {ord(_COLON): ":", ord(_QUESTION): "?"}


def _for_libyaml(text: str) -> tuple[str, Mapping[int, str]]:
    """The text with stand-ins where it may need them, and the table that takes them back."""
    if ("[" not in text and "{" not in text) or _COLON in text or _QUESTION in text:
        return text, {}
    text = _COLON_WITHIN.sub(_COLON, text)
    return (_QUESTION_WITHIN.sub(_QUESTION, text) if "?" in text else text), _BACK
