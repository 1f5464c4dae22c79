"""The tree of a document: plain values that know their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from cbauth.config.diagnostics import Path

__all__ = ["MAPPING", "SCALAR", "SEQUENCE", "Node", "find", "scalars"]

SCALAR = "scalar"
SEQUENCE = "sequence"
MAPPING = "mapping"

_NO_PAIRS: Mapping[str, Any] = MappingProxyType({})


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
    pairs: Mapping[str, tuple[Node, Node]] = _NO_PAIRS


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

    What is aliased comes once for each path.
    """
    stack: list[tuple[Path, Node]] = [(at, root)]
    while stack:
        path, node = stack.pop()
        if node.kind == SCALAR:
            yield path, node, False
            continue
        stack.extend(((*path, i), item) for i, item in enumerate(node.items))
        for name, (key, value) in node.pairs.items():
            yield (*path, name), key, True
            stack.append(((*path, name), value))
