"""From parser events to a tree of nodes, within limits.

Laws:

1. The work is bounded by the length of the text and by ``MOST_NODES``: aliases and merges are counted by what they
   stand for, never followed to be counted.
2. No recursion: depth costs no stack.
3. Nothing of the text enters a message but key names that may be shown.
4. Whatever can be read on past a problem is read on, so that one run reports all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from cbauth.config.diagnostics import MOST, Diagnostic, Path, Place, key_text
from cbauth.config.document.doubts import Doubt, doubt
from cbauth.config.document.nodes import MAPPING, NO_PAIRS, SCALAR, SEQUENCE, Node
from cbauth.config.document.scalars import LONGEST_WORD, SPECIAL, TooLongError, resolve
from cbauth.config.document.text import FORBIDDEN, HALF, Lines
from cbauth.config.limits import MOST_DEPTH, MOST_NODES
from cbauth.config.privacy import names_allowed, presentable, quoted

__all__ = ["Composer"]

_AS_TEXT = re.compile(r"(?:&\S+\s+)?!(?:\s|\Z)")
# What libyaml takes and the pure parser does not: tags of another form, or with a tab after them; a comment or tab
# right after `|`, which the specification does not allow.
_SLIPS = re.compile(r"(?:&\S+\s+)?!(?!(?:[\w-]*!)?[^!\s]*(?:[ \r\n]|\Z))|[|>][-+0-9]*[#\t]", re.ASCII)
_PROPERTIES = frozenset("&!")
_SUSPECT = frozenset("&!|>")
_COUNTS = frozenset("0123456789")
_COUNT = re.compile(r"0|[1-9][0-9]{0,17}")
_UNPLAIN = SPECIAL | _PROPERTIES
_node = tuple.__new__  # half the time of calling the class, which does the same


class StoppedError(Exception):
    """The document cannot be read any further; the reason has been reported."""


class SlipError(ValueError):
    """The parser took something that is not YAML."""


class _Frame:
    """A collection under construction."""

    __slots__ = ("anchor", "end", "flow", "items", "key", "mapping", "merges", "pairs", "size", "start")

    def __init__(self, start: int, *, anchor: str | None, flow: bool, mapping: bool) -> None:
        self.start = start
        self.end = start
        self.anchor = anchor
        self.flow = flow
        self.mapping = mapping
        self.items: list[Node] = []
        self.pairs: dict[str, tuple[Node, Node]] = {}
        self.key: Node | None = None
        self.merges: tuple[Node, ...] = ()
        self.size = 1

    @property
    def place(self) -> str | int | None:
        """The key or position of what comes next; ``None`` where a key is still to come."""
        if not self.mapping:
            return len(self.items)
        return self.key.data if self.key is not None and isinstance(self.key.data, str) else None


_NOWHERE = _Frame(0, anchor=None, flow=False, mapping=False)


class Composer:
    """Builds the tree of the first document.

    ``problems`` holds what was wrong on the way, ``nulls`` says whether any value is ``null``, ``doubtful`` by its
    offset what versions of YAML read differently, ``dropped`` mappings of one entry that were left out of the tree.
    """

    def __init__(self, lines: Lines, path: str | None, stand_ins: Mapping[int, str] = MappingProxyType({})) -> None:
        self._stand_ins = stand_ins  # of characters in scalars, and what they stand for
        self.problems: list[Diagnostic] = []
        self.lines = lines
        self.path = path
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, int] | _Frame] = {}  # a frame: what it marks is not finished
        self._root: Node | None = None
        self._documents = 0
        self.nulls = False
        self.doubtful: dict[int, Doubt] = {}
        self.dropped: list[tuple[Path, Node]] = []

    def compose(self, events: Iterable[Any]) -> Node | None:
        """The root, ``None`` for an empty document. Raises ``StoppedError`` and whatever ``events`` raises."""
        plain = self._plain
        for event in events:
            kind = type(event)
            if kind is ScalarEvent:
                if not plain(event):
                    self._scalar(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._begin(event, kind is MappingStartEvent)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._finish(event)
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentStartEvent:
                self._documents += 1
                if self._documents > 1:
                    start = event.start_mark.index
                    self._report("CBA113", start, start + 3, "a second document begins here", "keep one per file")
                    break
        return self._root

    def _plain(self, event: Any) -> bool:
        """Take in a plain word that is nothing but a text, or a number, as nearly all scalars are; false for others."""
        text: str = event.value
        if not text or event.style or event.anchor or event.tag or (self._stand_ins and not text.isascii()):
            return False
        start = event.start_mark.index
        first = self.lines.text[start : start + 1]
        value: str | int = text
        if first in _UNPLAIN and (len(text) <= LONGEST_WORD or not first.isalpha()):
            if first not in _COUNTS or _COUNT.fullmatch(text) is None:
                return False
            value = int(text)
        frame = self._stack[-1] if self._stack else _NOWHERE
        if not frame.mapping or frame.size >= MOST_NODES:
            return False
        node = _node(Node, (SCALAR, value, start, event.end_mark.index, (), NO_PAIRS))
        key = frame.key
        if key is None:
            frame.key = node
        else:
            name = key.data
            if type(name) is not str or name in frame.pairs or name == "<<":
                return False
            frame.pairs[name] = (key, node)
            frame.key = None
            frame.end = node.end
        frame.size += 1
        return True

    def _scalar(self, event: Any) -> None:
        text: str = event.value
        if self._stand_ins and not text.isascii():
            text = text.translate(self._stand_ins)
        start, end = event.start_mark.index, event.end_mark.index
        first = self.lines.text[start : start + 1]
        value: Any = text
        if not event.style and event.implicit[0]:
            if not text or first in _PROPERTIES:
                return self._bare(event, text, start, end)
            if first in SPECIAL and (len(text) <= LONGEST_WORD or not first.isalpha()):
                value = self._resolved(text, start, end)
        elif not event.style or event.tag or (first in _PROPERTIES and _AS_TEXT.match(self.lines.text, start)):
            self._mind_slips(first, start)
            value = self._tagged(text, start, end)
        elif event.style in "|>":
            self._mind_slips(first, start)
            end = self._trimmed(start, end)
        elif event.style == '"' and FORBIDDEN.search(text):
            value = self._unescaped(text, start, end)
        self._leaf(event.anchor, value, start, end)

    def _bare(self, event: Any, text: str, start: int, end: int) -> None:
        """A plain scalar with an anchor, or of nothing."""
        first = self.lines.text[start : start + 1]
        self._mind_slips(first, start)
        value: Any = text
        # libyaml does not tell of the tag `!`
        if start == end or first not in _PROPERTIES or not _AS_TEXT.match(self.lines.text, start):
            if not text:
                start, end = self._place_of_nothing(start, end)
            value = self._resolved(text, start, end)
        else:
            value = self._tagged(text, start, end)
        self._leaf(event.anchor, value, start, end)

    def _resolved(self, text: str, start: int, end: int) -> Any:
        """What a plain scalar means."""
        value: Any = text
        try:
            value = resolve(text)
        except TooLongError:
            self._report("CBA118", start, end, "this number has more than 64 digits", "write a shorter one")
        if (unsure := doubt(text)) is not None:
            self.doubtful[start] = unsure
        return value

    def _mind_slips(self, first: str, start: int) -> None:
        if first in _SUSPECT and _SLIPS.match(self.lines.text, start):
            raise SlipError

    def _leaf(self, anchor: str | None, value: Any, start: int, end: int) -> None:
        if value is None:
            self.nulls = True
        node = _node(Node, (SCALAR, value, start, end, (), NO_PAIRS))
        if anchor:
            self._anchors[anchor] = (node, 1)
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        if frame.mapping and frame.key is None and frame.size < MOST_NODES:  # most of what there is: a key
            frame.size += 1
            frame.key = node
        else:
            self._add(node, 1)

    def _tagged(self, text: str, start: int, end: int) -> str:
        """The value of a scalar with a tag, which has none: whatever the tag says is not heard."""
        self._report("CBA112", start, end, "tags are not allowed", "write the value without `!`; a text in quotes")
        return text

    def _unescaped(self, text: str, start: int, end: int) -> str:
        """The value of a text in which an escape stands for a forbidden character; halves of one stay escapes."""
        halves = HALF.search(text) is not None
        help_text = "write the character itself, or one escape such as `\\U0001F600`" if halves else "take it out"
        self._report("CBA110", start, end, "an escape stands for a character that is not allowed", help_text)
        return text.encode("utf-8", "backslashreplace").decode("utf-8") if halves else text

    def _begin(self, event: Any, mapping: bool) -> None:
        start = event.start_mark.index
        first = self.lines.text[start : start + 1]
        self._mind_slips(first, start)
        if len(self._stack) >= MOST_DEPTH:
            message = f"nested more than {MOST_DEPTH} levels deep"
            self._report("CBA114", start, start + 1, message, "make it flatter", path=self._here()[:1])
            raise StoppedError
        if event.tag or (first in _PROPERTIES and _AS_TEXT.match(self.lines.text, start)):
            self._report("CBA112", start, start + 1, "tags are not allowed", "write the value without `!`")
        frame = _Frame(start, anchor=event.anchor, flow=bool(event.flow_style), mapping=mapping)
        if event.anchor:
            self._anchors[event.anchor] = frame
        self._stack.append(frame)

    def _finish(self, event: Any) -> None:
        frame = self._stack.pop()
        end = event.end_mark.index if frame.flow else frame.end
        if frame.mapping:
            for source in frame.merges:
                self._merge(frame, source)
            data: Any = {name: pair[1].data for name, pair in frame.pairs.items()}
            node = _node(Node, (MAPPING, data, frame.start, end, (), frame.pairs))
        else:
            data = [item.data for item in frame.items]
            node = _node(Node, (SEQUENCE, data, frame.start, end, frame.items, NO_PAIRS))
        if frame.anchor and self._anchors[frame.anchor] is frame:
            self._anchors[frame.anchor] = (node, frame.size)
        self._add(node, frame.size)

    def _alias(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        marked = self._anchors.get(event.anchor)
        if marked is None:
            self._report("CBA108", start, end, "this alias refers to nothing", "mark a value above with `&`")
            raise StoppedError
        if isinstance(marked, _Frame):
            self._report("CBA116", start, end, "this alias stands for a value that contains it", "write the value out")
            raise StoppedError
        node, size = marked
        self._add(node, size, end)

    def _add(self, node: Node, size: int, end: int | None = None) -> None:
        """Give a finished node to the collection around it."""
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        frame.size += size
        frame.end = node.end if end is None else end
        if frame.size > MOST_NODES:
            self._too_much(frame)
        if not frame.mapping:
            frame.items.append(node)
        elif frame.key is None:
            frame.key = node
        else:
            key, frame.key = frame.key, None
            self._pair(frame, key, node)

    def _pair(self, frame: _Frame, key: Node, value: Node) -> None:
        name = key.data
        if type(name) is not str:
            if key.kind != SCALAR:
                self._report("CBA119", key.start, key.end, "a key has to be a word", "write `name: value`")
                return
            name = self.lines.text[key.start : key.end]
            known = len(self._here(name)) == len(self._stack) and presentable(name)
            spelling = f'put it in quotes: `"{name}"`' if known else "put it in quotes"
            self._report("CBA119", key.start, key.end, "this key is not text", spelling)
        if name == "<<" and self.lines.text.startswith("<<", key.start):
            frame.merges += tuple(self._mergeable(value))
        elif name in frame.pairs:
            self._twice(name, frame.pairs[name][0], key)
            self._drop(name, key, value)
        else:
            frame.pairs[name] = (key, value)

    def _mergeable(self, value: Node) -> list[Node]:
        sources = value.items if value.kind == SEQUENCE else [value]
        if all(source.kind == MAPPING for source in sources):
            return list(sources)
        self._report("CBA117", value.start, value.end, "`<<` takes a mapping or a list of mappings", "name an anchor")
        return []

    def _merge(self, frame: _Frame, source: Node) -> None:
        """Take over the keys of ``source`` that are not given explicitly or by an earlier merge.

        The size of ``source`` has been counted with the alias that names it (law 1).
        """
        for name, pair in source.pairs.items():
            frame.pairs.setdefault(name, pair)

    def _twice(self, name: str, first: Node, second: Node) -> None:
        line = self.lines.position(first.start)[0]
        again = self.lines.position(second.start)[0]
        where = f" on line {line}" if line == again else f": on line {line} and again on line {again}"
        path = self._here(name)
        shown = quoted(name, "this key") if len(path) == len(self._stack) else "this key"
        span = self.lines.span(first.start, first.end)
        self._report(
            "CBA111",
            second.start,
            second.end,
            f"{shown} is given twice{where}",
            "keep one of them",
            path=path,
            related=(Place(message="first given here", path=self.path, **span._asdict()),),
        )

    def _drop(self, name: str, key: Node, value: Node) -> None:
        """Remember an entry that is left out, if it is known what may be shown of it."""
        path = self._here(name)
        if len(path) == len(self._stack) and len(self.dropped) < MOST:
            self.dropped.append((path[:-1], Node(MAPPING, None, key.start, value.end, (), {name: (key, value)})))

    def _here(self, name: str | None = None) -> Path:
        """The path of what is under construction, ``name`` in its last place; no further than names may be shown."""
        places = [frame.place for frame in self._stack]
        if name is not None:
            places[-1] = name
        path: Path = ()
        for place in places:
            if place is None or (isinstance(place, str) and not names_allowed(path)):
                break
            path = (*path, place)
        return path

    def _too_much(self, frame: _Frame) -> None:
        message = f"more than {MOST_NODES} values once aliases and merges are followed"
        self._report("CBA115", frame.start, frame.start + 1, message, "write them out", path=self._here()[:1])
        raise StoppedError

    def _place_of_nothing(self, start: int, end: int) -> tuple[int, int]:
        """Just after the colon: where a value that was left out would begin. Parsers differ here."""
        key = self._stack[-1].key if self._stack else None
        if key is None:
            return start, end
        colon = self.lines.text.find(":", key.end, start)
        return (colon + 1, colon + 1) if colon >= 0 else (start, end)

    def _trimmed(self, start: int, end: int) -> int:
        text = self.lines.text
        while end > start and text[end - 1] in " \t\r\n":
            end -= 1
        return end

    def _report(
        self,
        code: str,
        start: int,
        end: int,
        message: str,
        help_text: str,
        *,
        path: Path | None = None,
        related: tuple[Place, ...] = (),
    ) -> None:
        if len(self.problems) >= MOST:
            return
        self.problems.append(
            Diagnostic(
                code=code,
                message=message,
                help=help_text,
                path=self.path,
                key=key_text(self._here() if path is None else path),
                related=related,
                **self.lines.span(start, end)._asdict(),
            )
        )
