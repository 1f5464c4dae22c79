"""Reading plain data of which nothing is known yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["entries", "mapping"]


def mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    """The mapping under ``key``; empty when there is none or something else."""
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def entries(data: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and mapping of each entry under ``key`` that is one."""
    for name, value in mapping(data, key).items():
        if isinstance(value, dict):
            yield name, value
