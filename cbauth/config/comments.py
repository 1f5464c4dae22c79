"""Comments: where they stand, and the secrets in them. Their words are never shown."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from cbauth.config.diagnostics import Diagnostic
from cbauth.config.document import Document, Node, scalars
from cbauth.config.privacy import looks_secret

__all__ = ["comments", "secrets_in_comments"]

_ANY = re.compile(r"(?:^|(?<=[ \t]))#[^\r\n]*", re.MULTILINE)


def comments(document: Document, root: Node) -> Iterator[re.Match[str]]:
    """Every comment: what has the form of one and does not begin in a key or value."""
    spans = sorted({(node.start, node.end) for _, node, _ in scalars(root) if node.end > node.start})
    starts = [start for start, _ in spans]
    found = _ANY.search(document.lines.text)
    while found is not None:
        before = bisect_right(starts, found.start()) - 1
        within = before >= 0 and spans[before][1] > found.start()
        if not within:
            yield found
        found = _ANY.search(document.lines.text, spans[before][1] if within else found.end())


def secrets_in_comments(document: Document, root: Node) -> Iterator[Diagnostic]:
    """One finding for each comment that holds a key or token: a file's readers read its comments, too."""
    for found in comments(document, root):
        if looks_secret(found[0]):
            span = document.lines.span(*found.span())
            yield Diagnostic(
                code="CBA301",
                message="this comment holds what looks like a secret",
                help="take it out, and replace it where it was issued",
                path=document.path,
                **span._asdict(),
            )
