"""Tables in plain text, for consoles and for notebooks that show nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cbauth.display.moments import moment
from cbauth.display.snapshot import Row, Snapshot
from cbauth.display.standing import candidate_standing

if TYPE_CHECKING:
    from cbauth.failover.records import Candidate

__all__ = [
    "CANDIDATE_COLUMNS",
    "STATUS_COLUMNS",
    "candidate_cells",
    "lined_up",
    "nobody_text",
    "snapshot_text",
    "status_cells",
]

STATUS_COLUMNS = (
    "profile",
    "provider",
    "state",
    "until",
    "breaker failures",
    "last error",
    "credential",
    "token expires",
)
CANDIDATE_COLUMNS = ("order", "profile", "model", "state", "until", "why")
WIDEST = 60
"""Characters of a cell; what is longer is cut, for text does not wrap in a table."""


def status_cells(row: Row) -> tuple[str, ...]:
    """A profile, as ``STATUS_COLUMNS`` name it. With dates: text stays."""
    return (
        row.profile_id,
        row.provider,
        " ".join(filter(None, (str(row.standing), row.detail))),
        "" if row.until is None else moment(row.until),
        str(row.failures),
        row.last_error,
        row.credential,
        "" if row.expires_at is None else moment(row.expires_at),
    )


def candidate_cells(place: int, candidate: Candidate) -> tuple[str, ...]:
    """A candidate, as ``CANDIDATE_COLUMNS`` name it."""
    return (
        str(place),
        candidate.profile_id,
        candidate.model or "",
        str(candidate_standing(candidate)),
        "" if candidate.until is None else moment(candidate.until),
        candidate.why or ("the session is bound to it" if candidate.sticky else ""),
    )


def lined_up(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in aligned columns; those in which nothing stands are left out."""
    body = [tuple(_cut(cell) for cell in row) for row in rows]
    kept = [at for at in range(len(columns)) if at == 0 or any(row[at] for row in body)]
    lines = [tuple(columns[at] for at in kept), *(tuple(row[at] for at in kept) for row in body)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(kept))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def snapshot_text(shown: Snapshot) -> str:
    """The whole look: a sentence, the table, and what is wrong."""
    parts = [
        f"{shown.summary} From {shown.source}, loaded {moment(shown.loaded_at)}; seen {moment(shown.at)}.",
        lined_up(STATUS_COLUMNS, [status_cells(row) for row in shown.rows]),
        *shown.problem,
    ]
    return "\n".join([*parts, shown.trouble] if shown.trouble else parts)


def nobody_text(asked: str) -> str:
    """What is said of a model that no profile serves."""
    return f"Nobody serves {asked!r}: add it to the `models` of a profile, or define a route."


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
