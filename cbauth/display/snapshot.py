"""One look at a toolkit, frozen: what text, HTML and the live view are all made of.

Laws:

1. A snapshot holds no secret: where a credential comes from, never what it is; errors as the engine has redacted them.
2. Two looks that would be shown alike are equal but for ``at``; ``same`` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cbauth.display.standing import Standing, detail, standing

if TYPE_CHECKING:
    from cbauth.errors import ConfigError
    from cbauth.failover.records import Status
    from cbauth.plan import Provider

UNREADABLE = "CBA101"

__all__ = ["Row", "Snapshot", "row", "snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One profile. ``provider`` is the name for people; ``until`` and ``expires_at`` are epoch seconds."""

    profile_id: str
    provider_id: str
    provider: str
    standing: Standing
    detail: str
    until: float | None
    failures: int
    last_error: str
    credential: str
    expires_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A toolkit at one moment. ``at`` and ``loaded_at`` are epoch seconds.

    ``source`` is where the policy that runs came from. ``problem``: what is wrong with the file since, line by line;
    empty if nothing is; ``gone``: that there is no file to read any more. ``trouble``: why shared state is kept in this
    process for now. ``closed``: that the toolkit was closed.
    """

    at: float
    source: str
    loaded_at: float
    rows: tuple[Row, ...]
    problem: tuple[str, ...] = ()
    trouble: str = ""
    gone: bool = False
    closed: bool = False

    def same(self, other: Snapshot | None) -> bool:
        """Whether both show the same."""
        return other is not None and self == replace(other, at=self.at)

    @property
    def summary(self) -> str:
        """One sentence."""
        ready = sum(row.standing in (Standing.READY, Standing.TESTING) for row in self.rows)
        text = f"{ready} of {len(self.rows)} {'profile is' if len(self.rows) == 1 else 'profiles are'} ready"
        if self.problem:
            what = "file cannot be read" if self.gone else "file has an error"
            text += f"; the {what}, the policy before it still runs"
        if self.closed:
            text += "; the toolkit is closed, and follows its file no more"
        return text + "."


def row(record: Status, provider: Provider | None = None) -> Row:
    """What is shown of a status record."""
    return Row(
        profile_id=record.profile_id,
        provider_id=record.provider_id,
        provider=record.provider_id if provider is None else provider.name,
        standing=standing(record),
        detail=detail(record),
        until=None if record.missing is not None else record.until,
        failures=record.failure_count,
        last_error=": ".join(part for part in (record.last_kind, record.last_error) if part),
        credential=record.credential_source,
        expires_at=record.token_expires_at,
    )


def snapshot(
    records: Iterable[Status],
    *,
    at: float,
    source: str,
    loaded_at: float,
    providers: Mapping[str, Provider],
    problem: ConfigError | None = None,
    trouble: str = "",
    closed: bool = False,
) -> Snapshot:
    """The look that these facts make. ``providers`` are those of the plan, by id."""
    return Snapshot(
        at=at,
        source=source,
        loaded_at=loaded_at,
        rows=tuple(row(record, providers.get(record.provider_id)) for record in records),
        problem=() if problem is None else tuple(line.strip() for line in str(problem).splitlines() if line.strip()),
        trouble=trouble,
        gone=problem is not None and any(each.code == UNREADABLE for each in problem.diagnostics),
        closed=closed,
    )
