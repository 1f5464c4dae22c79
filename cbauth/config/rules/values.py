"""Values that are wrong wherever they stand: nothing at all, and secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cbauth.config.diagnostics import Finding, Path
from cbauth.config.privacy import looks_secret

__all__ = ["literal_secrets", "nulls"]


def nulls(data: Any) -> Iterator[Finding]:
    """``null``, written or left out after a colon: no key takes it. Free ``x-…`` keys may."""
    for path, value, _ in _walk(data):
        if value is None and not any(isinstance(part, str) and part.startswith("x-") for part in path):
            yield Finding(
                "CBA203",
                path,
                "a value is expected here, not nothing" if path else "the file is empty",
                "write a value, `{}` or `[]`, or take the key away" if path else "write `version: 1` and `profiles:`",
            )


def literal_secrets(data: Any) -> Iterator[Finding]:
    """Texts and keys that have the published shape of a secret, whatever key they stand under."""
    for path, value, at_key in _walk(data):
        if isinstance(value, str) and looks_secret(value):
            yield Finding(
                "CBA301",
                path,
                "this looks like a secret",
                "take it out, replace it where it was issued, and refer to the new one in `api_key`",
                at_key=at_key,
            )


def _walk(data: Any) -> Iterator[tuple[Path, Any, bool]]:
    """Every scalar and every key with its path, and whether it is a key. Depth costs no stack."""
    stack: list[tuple[Path, Any]] = [((), data)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            for key, item in value.items():
                yield (*path, key), key, True
                stack.append(((*path, key), item))
        elif isinstance(value, list):
            stack.extend(((*path, place), item) for place, item in enumerate(value))
        else:
            yield path, value, False
