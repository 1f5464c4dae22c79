"""Tuples of records that show themselves as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, TypeVar, overload

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


T = TypeVar("T")


class _Listing(tuple[T, ...]):
    """Records. A tuple, whose slices are such tuples; ``str`` and notebooks show a table."""

    @overload
    def __getitem__(self, place: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return self._like(found) if isinstance(place, slice) else found

    def _like(self, records: tuple[T, ...]) -> Self:
        """Some of these records, shown in the same way."""
        made = type(self)(records)
        vars(made).update(vars(self))
        return made

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


class Statuses(_Listing["Status"]):
    """Status records. ``providers`` are those of the plan, by id."""

    _providers: Mapping[str, Provider]

    def __new__(cls, records: Iterable[Status], providers: Mapping[str, Provider] | None = None) -> Self:
        """Of these records."""
        made = super().__new__(cls, records)
        made._providers = providers or {}
        return made

    def __str__(self) -> str:
        return lined_up(STATUS_COLUMNS, [status_cells(each) for each in self._rows()])

    def _repr_html_(self) -> str:
        return status_html(self._rows())

    def _rows(self) -> list[Row]:
        return [row(record, self._providers.get(record.provider_id)) for record in self]


class Candidates(_Listing["Candidate"]):
    """Candidates in their order. ``asked``: the model or route."""

    _asked: str

    def __new__(cls, records: Iterable[Candidate], asked: str = "") -> Self:
        """Of these records."""
        made = super().__new__(cls, records)
        made._asked = asked
        return made

    def __str__(self) -> str:
        cells = [candidate_cells(place, each) for place, each in enumerate(self, 1)]
        return lined_up(CANDIDATE_COLUMNS, cells) if cells else nobody_text(self._asked)

    def _repr_html_(self) -> str:
        return candidates_html(self, self._asked)
