"""Values that are wrong wherever they stand: nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cbauth.config.diagnostics import Finding
from cbauth.config.privacy import is_free
from cbauth.config.rules.shape import walk

__all__ = ["nulls"]


def nulls(data: Any) -> Iterator[Finding]:
    """``null``, written or left out after a colon: no key takes it. Free ``x-…`` keys may."""
    for path, value, _ in walk(data):
        if value is None and not any(map(is_free, path)):
            yield Finding(
                "CBA203",
                path,
                "a value is expected here, not nothing" if path else "the file is empty",
                "write a value, `{}` or `[]`, or take the key away" if path else "write `version: 1` and `profiles:`",
            )
