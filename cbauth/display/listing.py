"""Tuples of records that show themselves as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from cbauth.display.html import candidates_html, status_html
from cbauth.display.snapshot import Row, row
from cbauth.display.text import (
    CANDIDATE_COLUMNS,
    STATUS_COLUMNS,
    candidate_cells,
    lined_up,
    nobody_text,
    status_cells,
)

if TYPE_CHECKING:
    from cbauth.failover.records import Candidate, Status
    from cbauth.plan import Provider

__all__ = ["Candidates", "Statuses"]


class Statuses(tuple["Status", ...]):
    """Status records. A tuple; ``str`` and notebooks show a table. ``providers`` are those of the plan, by id."""

    _providers: Mapping[str, Provider]

    def __new__(cls, records: Iterable[Status], providers: Mapping[str, Provider] | None = None) -> Statuses:
        """Of these records."""
        made = super().__new__(cls, records)
        made._providers = providers or {}
        return made

    @overload
    def __getitem__(self, place: SupportsIndex) -> Status: ...
    @overload
    def __getitem__(self, place: slice) -> Statuses: ...
    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return Statuses(found, self._providers) if isinstance(place, slice) else found

    def __str__(self) -> str:
        return lined_up(STATUS_COLUMNS, [status_cells(each) for each in self._rows()])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return status_html(self._rows())

    def _rows(self) -> list[Row]:
        return [row(record, self._providers.get(record.provider_id)) for record in self]


class Candidates(tuple["Candidate", ...]):
    """Candidates in their order. A tuple; ``str`` and notebooks show a table. ``asked``: the model or route."""

    _asked: str

    def __new__(cls, records: Iterable[Candidate], asked: str = "") -> Candidates:
        """Of these records."""
        made = super().__new__(cls, records)
        made._asked = asked
        return made

    @overload
    def __getitem__(self, place: SupportsIndex) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> Candidates: ...
    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return Candidates(found, self._asked) if isinstance(place, slice) else found

    def __str__(self) -> str:
        cells = [candidate_cells(place, each) for place, each in enumerate(self, 1)]
        return lined_up(CANDIDATE_COLUMNS, cells) if cells else nobody_text(self._asked)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return candidates_html(self, self._asked)
