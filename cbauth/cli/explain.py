"""``cbauth explain``: who would be asked and why not the others, or what a diagnostic's code means."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict

import click

from cbauth.cli.verdict import exit_code, until_text
from cbauth.toolkit import load

__all__ = ["explain"]


@click.command()
@click.argument("subject", metavar="MODEL_OR_ROUTE|CODE")
@click.option("--session", metavar="S", help="As a call of this session would see it.")
@click.option("--config", metavar="FILE", help="The profiles.yaml to use; without it the usual places are searched.")
@click.option("--json", "as_json", is_flag=True, help="Print the candidates as JSON.")
def explain(subject: str, session: str | None, config: str | None, as_json: bool) -> None:
    """Say who would be asked for MODEL_OR_ROUTE, in order, and why not the others; or what a CODE such as CBA203 means.

    Exits with 0 when somebody would be asked, 5 when all are cooling down, 4 when only a login is missing, else 1.
    """
    if re.fullmatch(r"(?i)CBA\d{3}", subject):
        from cbauth.config import explain_code

        click.echo(explain_code(subject.upper()))
        return
    with load(config, refresh_ahead=False) as toolkit:
        candidates = toolkit.explain(subject, session=session)
        route = toolkit.plan.routes.get(subject)
    if as_json:
        click.echo(json.dumps({"request": subject, "candidates": [asdict(c) for c in candidates]}, indent=2))
    else:
        if route is not None:
            click.echo(f"{subject} is a route: {', '.join(route)}")
        width = max((len(c.profile_id) for c in candidates), default=0)
        models = max((len(c.model or "") for c in candidates), default=0)
        for place, c in enumerate(candidates, start=1):
            verdict = "would be asked" if c.admitted else f"no: {c.why}{until_text(c.until)}"
            if c.admitted and c.testing:
                verdict = "would be asked, as a trial of its half-open circuit"
            if c.sticky:
                verdict += " (this session is bound to it)"
            click.echo(f"{place:>3}. {c.profile_id:<{width}}  {c.model or '':<{models}}  {verdict}")
        if not candidates:
            click.echo(f"nobody serves {subject!r}: add it to a profile's `models`, or define a route", err=True)
    sys.exit(exit_code(candidates))
