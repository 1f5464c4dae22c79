"""What there is to tell, whatever the format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cbauth.cli.console import Paint
from cbauth.config.diagnostics import MOST, Diagnostic, counts
from cbauth.config.loading import Checked
from cbauth.errors import foremost

__all__ = ["Report", "Result"]


@dataclass(frozen=True, slots=True)
class Result:
    """One file: its name, what was checked (``None`` when it could not be read), and what was found."""

    name: str
    checked: Checked | None
    diagnostics: Sequence[Diagnostic] = field(default=())

    def __post_init__(self) -> None:
        if self.checked is not None:
            object.__setattr__(self, "diagnostics", self.checked.diagnostics)


@dataclass(frozen=True)
class Report:
    """All files, and how to show them.

    ``width`` is that of the terminal, ``None`` where there is none. ``strict``: warnings count as errors.
    """

    results: Sequence[Result]
    paint: Paint
    width: int | None = None
    strict: bool = False

    @cached_property
    def shown(self) -> list[tuple[Result, list[Diagnostic]]]:
        """Each file with those of its diagnostics that are shown: the first hundred of all, errors before warnings."""
        everything = [diagnostic for result in self.results for diagnostic in result.diagnostics]
        chosen = set(foremost(everything))
        shown = []
        at = 0
        for result in self.results:
            mine = [diagnostic for index, diagnostic in enumerate(result.diagnostics, at) if index in chosen]
            at += len(result.diagnostics)
            shown.append((result, mine))
        return shown

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """Those that are shown, in their order."""
        return [diagnostic for _, mine in self.shown for diagnostic in mine]

    @property
    def totals(self) -> tuple[int, int]:
        """How many errors and warnings there are in all, shown or not."""
        return counts(diagnostic for result in self.results for diagnostic in result.diagnostics)

    @property
    def rest(self) -> str:
        """A sentence about those that are not shown; empty when all are."""
        missing = sum(self.totals) - len(self.diagnostics)
        least = "at least " if any(len(result.diagnostics) >= MOST for result in self.results) else ""
        return f"... and {least}{missing} more" if missing else ""

    @property
    def unlinted(self) -> str:
        """A clause for the end of a summary when errors kept a policy from being looked at; empty otherwise."""
        waiting = any(result.checked is not None and not result.checked.linted for result in self.results)
        return "; the policy (CBA4xx) is checked once the errors are mended" if waiting else ""
