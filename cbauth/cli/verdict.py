"""What a set of candidates means for a script: an exit code, and a time in words."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cbauth.errors import iso
from cbauth.failover.records import Candidate

__all__ = ["exit_code", "until_text"]

FAILURE, LOGIN_REQUIRED, COOLING = 1, 4, 5


def until_text(until: float | None) -> str:
    """``, until 2026-01-31T12:00:00+0000``, or nothing."""
    return "" if until is None else f", until {iso(until)}"


def exit_code(candidates: Sequence[Candidate]) -> int:
    """0 when somebody is admitted; 5 when time will help (stderr says when); 4 when only logins are missing; else 1."""
    if any(c.admitted for c in candidates):
        return 0
    enabled = [c for c in candidates if c.enabled]
    soonest = min((c.until for c in enabled if c.until is not None), default=None)
    if soonest is not None:
        click.echo(f"nobody can be asked now{until_text(soonest)}", err=True)
        return COOLING
    if enabled and all(c.needs_login for c in enabled):
        click.echo(f"a login is required: run `cbauth login {enabled[0].profile_id}`", err=True)
        return LOGIN_REQUIRED
    return FAILURE
