"""Who comes first: ranking, rotation and weights.

Laws:

1. Rank order is total and stable: higher priority first; at equal priority logins before keys; then file order.
2. ``priority`` takes the first that is admitted. ``round-robin`` and ``random`` share the calls among all that are
   admitted, whatever their priority, in proportion to their weights; weight 0 means "only when nothing else is left".
3. Over one turn of the wheel each member comes exactly as often as its weight says, spread evenly: at any moment it
   has had its share of the calls so far, give or take less than one.
4. A ``Roster`` answers as a fresh ranking of the same admissions would, at any moment and in any order of changes.
5. Same members, same admissions, same counter or dice: same answer.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

__all__ = ["Roster", "RotationPolicy", "rank_key", "wheel"]

LONGEST_WHEEL = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationPolicy:
    """How calls are spread: ``priority``, ``round-robin`` or ``random``. ``sticky_ttl`` is seconds."""

    strategy: str = "priority"
    sticky: bool = True
    sticky_ttl: float = 3600.0


def rank_key(priority: int, is_oauth: bool, order: int) -> tuple[int, bool, int]:
    """The sort key of law 1."""
    return (-priority, not is_oauth, order)


def wheel(weights: Sequence[int]) -> tuple[int, ...]:
    """The positions of one turn, smoothly interleaved: ``(2, 1)`` gives ``(0, 1, 0)``.

    The ``k``-th call of a member of weight ``w`` belongs between the slots ``k * total / w`` and
    ``(k + 1) * total / w``; of those whose time has come, the most urgent is served (Baruah, Cohen, Plaxton and Varvel,
    "Proportionate progress", 1996). Weights without a common divisor that add up to more than 10 000 are scaled down,
    none below 1.
    """
    if not any(weights):
        return tuple(range(len(weights)))
    divisor = math.gcd(*weights)
    parts = [w // divisor for w in weights]
    if (total := sum(parts)) > LONGEST_WHEEL:
        parts = [max(1, round(w * LONGEST_WHEEL / total)) if w else 0 for w in parts]
    if max(parts) == 1:
        return tuple(i for i, w in enumerate(parts) if w)
    total = sum(parts)
    early = [(0, i, 0) for i, w in enumerate(parts) if w]
    ready: list[tuple[int, float, int, int]] = []
    turn = []
    for slot in range(total):
        while early and early[0][0] <= slot:
            _, i, k = heapq.heappop(early)
            w = parts[i]
            heapq.heappush(ready, (-(-(k + 1) * total // w), (2 * k + 1) / w, i, k))
        _, _, i, k = heapq.heappop(ready)
        turn.append(i)
        if k + 1 < parts[i]:
            heapq.heappush(early, ((k + 1) * total // parts[i], i, k + 1))
    return tuple(turn)


class Roster:
    """The members that serve one request, in rank order, and which of them are refused until when.

    Kept up by whoever holds the lock; a healthy majority costs nothing, however long the list. ``refused`` and
    ``testing`` are small overlays over positions.
    """

    __slots__ = ("_cumulative", "_cursor", "_drawable", "_due", "_turn", "_weights", "refused", "size", "testing")

    def __init__(self, weights: Sequence[int]) -> None:
        self.size = len(weights)
        self.refused: dict[int, float] = {}
        self.testing: set[int] = set()
        self._weights = tuple(weights)
        self._due: list[tuple[float, int]] = []
        self._cursor = 0
        self._turn: tuple[int, ...] | None = None
        self._drawable: tuple[int, ...] = ()
        self._cumulative: tuple[int, ...] | None = None

    def refuse(self, position: int, until: float) -> None:
        """Nobody is admitted at ``position`` before ``until`` (epoch seconds)."""
        if self.refused.get(position) == until:
            return
        if self._turn is not None:
            self._forget_turn()
        self.testing.discard(position)
        self.refused[position] = until
        if len(self._due) > 2 * self.size:  # refusals that were lifted or moved leave theirs behind
            self._due = [(at, p) for p, at in self.refused.items()]
            heapq.heapify(self._due)
        else:
            heapq.heappush(self._due, (until, position))

    def free(self, position: int, *, testing: bool = False) -> None:
        """``position`` admits again, freely or (``testing``) as a half-open trial."""
        if testing:
            self.testing.add(position)
        else:
            self.testing.discard(position)
        if self.refused.pop(position, None) is not None:
            self._cursor = min(self._cursor, position)
            self._forget_turn()

    @property
    def expires(self) -> float:
        """The epoch second at which the first refusal runs out; infinity when there is none."""
        due = self._due
        while due and self.refused.get(due[0][1]) != due[0][0]:
            heapq.heappop(due)
        return due[0][0] if due else math.inf

    def due(self, now: float) -> list[int]:
        """The positions whose refusal has run out and which have to be judged again."""
        if not self._due or self._due[0][0] > now:
            return []
        out: dict[int, None] = {}
        while self.expires <= now:
            out[heapq.heappop(self._due)[1]] = None
        return list(out)

    def first(self) -> int | None:
        """The first admitted position in rank order."""
        cursor, refused = self._cursor, self.refused
        while cursor in refused:
            cursor += 1
        self._cursor = cursor
        return cursor if cursor < self.size else None

    def turn(self) -> tuple[int, ...]:
        """One turn of the wheel over the admitted positions."""
        if self._turn is None:
            admitted = [p for p in range(self.size) if p not in self.refused]
            self._turn = tuple(admitted[i] for i in wheel([self._weights[p] for p in admitted]))
        return self._turn

    def draw(self, dice: float) -> int | None:
        """An admitted position by weight; ``dice`` is a number in [0, 1)."""
        turn = self.turn()
        if not turn:
            return None
        if self._cumulative is None:
            self._drawable = tuple(sorted(set(turn)))
            weights = [self._weights[p] for p in self._drawable]
            self._cumulative = tuple(accumulate(weights if any(weights) else [1] * len(weights)))
        return self._drawable[bisect(self._cumulative, dice * self._cumulative[-1])]

    def _forget_turn(self) -> None:
        self._turn = None
        self._cumulative = None
