"""Tuples of records that show themselves as tables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cbauth.display.html import candidates_html, status_html
from cbauth.display.snapshot import row
from cbauth.display.text import CANDIDATE_COLUMNS, STATUS_COLUMNS, candidate_cells, lined_up, status_cells

if TYPE_CHECKING:
    from cbauth.failover.records import Candidate, Status

__all__ = ["Candidates", "Statuses"]


class Statuses(tuple["Status", ...]):
    """Status records. A tuple; ``str`` and notebooks show a table."""

    __slots__ = ()

    def __str__(self) -> str:
        now = time.time()
        return lined_up(STATUS_COLUMNS, [status_cells(row(record), now) for record in self])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return status_html(map(row, self), time.time())


class Candidates(tuple["Candidate", ...]):
    """Candidates in their order. A tuple; ``str`` and notebooks show a table."""

    __slots__ = ()

    def __str__(self) -> str:
        now = time.time()
        return lined_up(CANDIDATE_COLUMNS, [candidate_cells(place, each, now) for place, each in enumerate(self, 1)])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return candidates_html(self, time.time())
