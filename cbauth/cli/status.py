"""``cbauth status``: the health of each profile, never a secret."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import click

from cbauth.cli.access import config_option, declared, open_plan
from cbauth.cli.verdict import exit_code, until_text
from cbauth.errors import StoreError, iso
from cbauth.events import EventBus
from cbauth.failover.records import Status
from cbauth.oauth import OAuthManager
from cbauth.oauth.credentials import is_decided
from cbauth.plan import Plan
from cbauth.toolkit import Toolkit, load

__all__ = ["status"]

COLUMNS = ("profile", "provider", "state", "failures", "credential", "token until", "last error")

Logins = Mapping[str, tuple[str | None, str]]
"""By profile: whose login is used, and where it is kept."""


@click.command()
@click.argument("profile", required=False)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@click.option("--watch", is_flag=True, help="Print again every second until interrupted.")
@click.option(
    "--check",
    is_flag=True,
    help="Exit with 0 when at least one profile can answer; 4 when nobody can before a login; 5 when nobody can before "
    "a cooldown ends; else 1.",
)
def status(profile: str | None, config: str | None, as_json: bool, watch: bool, check: bool) -> None:
    """Show circuit, cooldown, credential source and token expiry of PROFILE, or of each. Looking refreshes nothing."""
    if watch and check:
        raise click.UsageError("--check answers once: leave out --watch")
    plan = open_plan(config)
    only = None if profile is None else declared(plan, profile).id
    code = _look(plan, only, as_json, check)
    while watch:
        time.sleep(1)
        click.echo()
        _look(plan, only, as_json, check)
    sys.exit(code)


def _look(plan: Plan, only: str | None, as_json: bool, check: bool) -> int:
    """Show what is so now, of one profile or of all; the exit code."""
    with _manager(plan) as manager, load(plan, oauth=manager, refresh_ahead=False) as toolkit:
        records = [record for record in toolkit.status() if only in (None, record.profile_id)]
        _show(records, _logins(plan, manager), as_json)
        return _checked(toolkit, only) if check else 0


def _manager(plan: Plan) -> OAuthManager:
    """Who knows the logins. Where nobody has ever logged in, no place is chosen for logins only to look at them."""
    undecided = False
    if plan.credentials == "auto" and any(profile.uses_oauth for profile in plan.profiles):
        with suppress(StoreError):  # the records tell
            undecided = not is_decided()
    return OAuthManager.over(replace(plan, credentials="memory") if undecided else plan, EventBus())


def _logins(plan: Plan, manager: OAuthManager) -> Logins:
    found: dict[str, tuple[str | None, str]] = {}
    for profile in plan.profiles:
        try:
            login = manager.get_credential(profile.id) if profile.uses_oauth else None
        except StoreError:  # which the record tells
            continue
        if login is not None:
            found[profile.id] = login.account, manager.store_description
    return found


def _checked(toolkit: Toolkit, only: str | None) -> int:
    profiles = [profile for profile in toolkit.plan.profiles if only in (None, profile.id)]
    served = {model.replace("*", "x") for profile in profiles for model in profile.models.patterns}
    asked = [c for model in sorted(served) for c in toolkit.explain(model)]
    return exit_code([c for c in asked if only in (None, c.profile_id)])


def _show(records: Sequence[Status], logins: Logins, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"profiles": [_as_dict(record, logins) for record in records]}, indent=2))
        return
    rows = [COLUMNS, *(_row(record, logins) for record in records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _as_dict(record: Status, logins: Logins) -> dict[str, Any]:
    account, place = logins.get(record.profile_id, (None, None))
    return {**record.as_dict(), "account": account, "stored_in": place}


def _row(record: Status, logins: Logins) -> tuple[str, ...]:
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
    source = record.credential_source
    if record.profile_id in logins:
        account, place = logins[record.profile_id]
        source = f"oauth: {account or 'logged in'} in {place}"
    error = " ".join(part for part in (record.last_kind, record.last_error) if part)
    return (
        record.profile_id,
        record.provider_id,
        state,
        str(record.failure_count),
        source,
        "" if record.token_expires_at is None else iso(record.token_expires_at),
        error if len(error) <= 60 else error[:57] + "...",
    )
