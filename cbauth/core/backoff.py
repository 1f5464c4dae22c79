"""How long to wait after the n-th failure.

Laws:

1. ``step(1) == min(base, cap)``, and a step is never longer than ``cap``.
2. A ladder whose factor is at least 1 never gets shorter: ``step(n) <= step(n + 1)``.
3. Jitter only lengthens: ``step(n) <= jittered(n, dice) <= step(n) * (1 + jitter)``.
4. Any ``n`` is answered: huge counts saturate at the cap and never overflow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

__all__ = ["Backoff"]

HIGHEST = 1_000_000
"""Higher counts answer as this one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """An exponential ladder. ``base`` and ``cap`` in seconds, ``jitter`` a share of the step (0.1: up to 10 % more)."""

    base: float
    factor: float
    cap: float
    jitter: float = 0.0
    _full: float = field(init=False, repr=False, compare=False)
    """The count from which on every step is the cap."""
    _first: float = field(init=False, repr=False, compare=False)
    """The first step, which is nearly all of them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_first", min(self.base, self.cap) if self.base > 0 else 0.0)
        full = math.inf
        if self.base > 0 and self.cap > 0 and self.factor > 1:  # two more than needed: logarithms are rounded
            full = 3.0 + max(0.0, (math.log(self.cap) - math.log(self.base)) / math.log(self.factor))
        object.__setattr__(self, "_full", full)

    def step(self, count: int) -> float:
        """Seconds for the ``count``-th failure in a row, counting from 1, without jitter."""
        if count <= 1 or self.base <= 0:
            return self._first
        if count >= self._full:
            return self.cap
        try:
            return min(self.base * self.factor ** (min(count, HIGHEST) - 1), self.cap)
        except OverflowError:  # beyond the largest float, so beyond any cap
            return self.cap

    def jittered(self, count: int, dice: float) -> float:
        """The step lengthened by chance; ``dice`` is a number in [0, 1)."""
        return self.step(count) * (1.0 + self.jitter * dice)
