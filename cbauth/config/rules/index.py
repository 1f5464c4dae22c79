"""Names and wildcards by what they match: who serves a model, and which pattern is broader than another.

Laws:

1. ``matching(name)`` gives what was put under every pattern that ``matches(pattern, name)``, in any order.
2. ``broader(pattern)`` gives what was put under every pattern that matches all that ``pattern`` does, itself included.
3. Names and ``prefix*`` cost one look-up per character asked for, however many there are. Of the wildcards with a
   star elsewhere at most ``MOST_STEPS`` are looked at, by all indexes of a file together; after that only the others
   are found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from cbauth.core.models import matches

__all__ = ["Budget", "Index"]

T = TypeVar("T")

MOST_STEPS = 200_000

_STAR = "\0"
"""Stands for a star when patterns are compared: no pattern holds it, so that only another star matches it."""


class Budget:
    """How many wildcards may still be looked at."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST_STEPS) -> None:
        self.left = left


class Index(Generic[T]):
    """Values under patterns, one for each."""

    __slots__ = ("_budget", "_names", "_others", "_prefixes")

    def __init__(self, budget: Budget) -> None:
        self._names: dict[str, T] = {}
        self._prefixes: dict[str, T] = {}
        self._others: dict[str, dict[str, T]] = {}
        self._budget = budget

    def put(self, pattern: str, value: T) -> T:
        """Put ``value`` under ``pattern``, unless there is one; gives what is there."""
        head, star, rest = pattern.partition("*")
        if not star:
            return self._names.setdefault(pattern, value)
        if not rest:
            return self._prefixes.setdefault(head, value)
        return self._others.setdefault(head, {}).setdefault(pattern, value)

    def matching(self, name: str) -> Iterator[tuple[str, T]]:
        """The patterns that match ``name``, with what is under them."""
        if name in self._names:
            yield name, self._names[name]
        prefixes, others = self._prefixes, self._others
        for end in range(len(name) + 1):
            head = name[:end]
            if head in prefixes:
                yield f"{head}*", prefixes[head]
            if head not in others:
                continue
            for pattern, value in others[head].items():
                self._budget.left -= 1
                if self._budget.left < 0:
                    break
                if matches(pattern, name):
                    yield pattern, value

    def broader(self, pattern: str) -> Iterator[tuple[str, T]]:
        """The patterns that match whatever ``pattern`` matches, with what is under them; ``pattern`` may be one."""
        return self.matching(pattern.replace("*", _STAR))
