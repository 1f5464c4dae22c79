"""What a store is: one verb, and reads that never wait.

``update(key, transition)`` reads the record, hands it to a pure transition and writes what comes back, all inside one
transaction; the transition may be run again on a fresher record. Reads come from what this process has already seen;
``generation`` grows whenever that changes, and ``changes`` says which keys it was.

Laws that every store keeps:

1. Updates of one key follow one another, over all threads and processes: none is lost.
2. A transition that gives back the very same object writes nothing, and ``generation`` stays. Its answer may be as old
   as the reads of this process are.
3. A transition that raises leaves everything as it was, and its exception passes.
4. An update made while another one of the same thread is under way (by a finalizer that the garbage collector runs, or
   by a signal handler) goes first; the other one's transition is then run again.
5. Two namespaces never meet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypeVar

from cbauth.core.health import Record

__all__ = ["Change", "Store", "Transition"]

R = TypeVar("R")
Transition = Callable[[Record | None], tuple[Record | None, R]]
"""From the record as it is to (the record as it shall be, an answer). Returning the very same object writes nothing."""


class Change(NamedTuple):
    """What another process did to a record, as this process saw it."""

    key: str
    before: Record | None
    after: Record | None


class Store(Protocol):
    """What the engine needs of a store. All methods may be called from any thread."""

    @property
    def generation(self) -> int:
        """Grows by one with every record that changes, here or (once seen) elsewhere. Cheap: read on every call."""

    @property
    def trouble(self) -> str:
        """Why changes stay in this process's memory for now, where others do not see them; empty when they do not."""

    def clock(self) -> float:
        """Epoch seconds as everybody who shares the store counts them."""

    def read(self, key: str, /) -> Record | None:
        """The record as this process last saw it. No I/O."""

    def keys(self) -> Iterable[str]:
        """The keys of all records this process has seen and that still exist."""

    def update(self, key: str, transition: Transition[R]) -> R:
        """Apply ``transition`` to the newest record, atomically over all threads and processes, and give its answer.

        A transition that returns ``None`` as the record removes it. Raises ``StoreError`` when nothing was written.
        """

    def changes(self, since: int) -> tuple[str, ...] | None:
        """The keys changed after ``generation`` was ``since``; ``None`` when that is too long ago to tell."""

    def watch(self) -> deque[Change]:
        """A bounded queue that gets what other processes change, once that is seen, while somebody holds it."""

    def refresh(self) -> None:
        """Look now at what others have written, instead of at the next glance."""

    def close(self) -> None:
        """Give back files and connections. Calling it twice is fine; an update that comes late is still recorded."""
