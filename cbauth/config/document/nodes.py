"""The tree of a document: plain values that know their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cbauth.config.diagnostics import Path

__all__ = ["MAPPING", "NO_PAIRS", "SCALAR", "SEQUENCE", "Node", "find", "scalars"]

SCALAR = "scalar"
SEQUENCE = "sequence"
MAPPING = "mapping"

NO_PAIRS: dict[str, Any] = {}


class Node(NamedTuple):
    """A value with its place.

    ``data`` is the value as plain Python data, aliases and merges resolved. ``start`` and ``end`` are offsets into the
    text. A sequence's ``items`` are its nodes, a mapping's ``pairs`` the nodes of key and value by key.
    """

    kind: str
    data: Any
    start: int
    end: int
    items: Sequence[Node] = ()
    pairs: dict[str, tuple[Node, Node]] = NO_PAIRS


def find(root: Node, path: Path) -> tuple[Node | None, Node]:
    """The nodes of key and value at ``path``; as far as the path exists. The root and list items have no key node."""
    key: Node | None = None
    node = root
    for part in path:
        if node.kind == MAPPING and isinstance(part, str) and part in node.pairs:
            key, node = node.pairs[part]
        elif node.kind == SEQUENCE and isinstance(part, int) and part < len(node.items):
            key, node = None, node.items[part]
        else:
            break
    return key, node


def scalars(root: Node, at: Path = ()) -> Iterator[tuple[Path, Node, bool]]:
    """Every scalar with its path (``at`` is that of ``root``) and whether it is a key.

    In the order of the text; what is aliased comes once for each path.
    """
    stack: list[tuple[Path, Node, bool]] = [(at, root, False)]
    while stack:
        path, node, is_key = stack.pop()
        if node.kind == SCALAR:
            yield path, node, is_key
            continue
        stack.extend(((*path, i), item, False) for i, item in reversed(list(enumerate(node.items))))
        for name, (key, value) in reversed(node.pairs.items()):
            stack += (((*path, name), value, False), ((*path, name), key, True))
