"""Reading plain data of which nothing is known yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cbauth.config.diagnostics import Path

__all__ = ["entries", "mapping", "walk"]


def mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    """The mapping under ``key``; empty when there is none or something else."""
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def entries(data: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and mapping of each entry under ``key`` that is one."""
    for name, value in mapping(data, key).items():
        if isinstance(value, dict):
            yield name, value


def walk(data: Any) -> Iterator[tuple[Path, Any, bool]]:
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
