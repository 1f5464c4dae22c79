"""``cbauth status``: the health of each profile, never a secret."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

import click

from cbauth.cli.verdict import exit_code, until_text
from cbauth.failover.records import Status
from cbauth.toolkit import Toolkit, load

__all__ = ["status"]

COLUMNS = ("profile", "provider", "state", "failures", "credential", "last error")


@click.command()
@click.option("--config", metavar="FILE", help="The profiles.yaml to use; without it the usual places are searched.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@click.option("--watch", is_flag=True, help="Print again every second until interrupted.")
@click.option(
    "--check", is_flag=True, help="Exit with 5 when every profile is cooling down, 4 when a login is required."
)
def status(config: str | None, as_json: bool, watch: bool, check: bool) -> None:
    """Show circuit, cooldown, credential source and token expiry of each profile."""
    if watch and check:
        raise click.UsageError("--check answers once: leave out --watch")
    with load(config, refresh_ahead=False) as toolkit:
        _show(toolkit.status(), as_json)
        while watch:
            time.sleep(1)
            click.echo()
            _show(toolkit.status(), as_json)
        code = _checked(toolkit) if check else 0
    sys.exit(code)


def _checked(toolkit: Toolkit) -> int:
    served = {model for profile in toolkit.plan.profiles for model in profile.models.patterns}
    return exit_code([c for model in sorted(served) for c in toolkit.explain(model.replace("*", "x"))])


def _show(records: Sequence[Status], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"profiles": [record.as_dict() for record in records]}, indent=2))
        return
    rows = [COLUMNS, *(_row(record) for record in records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(record: Status) -> tuple[str, ...]:
    if not record.enabled:
        state = "disabled"
    elif record.in_cooldown:
        models = ", ".join(model for model in record.cooling if model is not None)
        state = "cooling down" + (f" on {models}" if models and None not in record.cooling else "")
        state += until_text(record.until)
    elif record.circuit != "closed":
        state = f"circuit {record.circuit}" + until_text(record.until)
    else:
        state = "ready" if record.missing is None else f"not ready: {record.missing}"
    error = " ".join(part for part in (record.last_kind, record.last_error) if part)
    return (
        record.profile_id,
        record.provider_id,
        state,
        str(record.failure_count),
        record.credential_source,
        error if len(error) <= 60 else error[:57] + "...",
    )
