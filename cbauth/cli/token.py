"""``cbauth token``: the credential itself, for programs."""

from __future__ import annotations

import json

import click

from cbauth.cli.access import as_typed, config_option, member_of, open_plan, profile_in
from cbauth.cli.console import emit
from cbauth.events import EventBus
from cbauth.failover.member import Member
from cbauth.oauth import OAuthManager
from cbauth.secrets import Secret

__all__ = ["token"]


@click.command()
@click.argument("profile")
@click.option(
    "--format",
    "style",
    type=click.Choice(["raw", "json"]),
    default="raw",
    help="The token alone, or with expiry, headers and base URL.",
)
@config_option
def token(profile: str, style: str, config: str | None) -> None:
    """Print the token of PROFILE (or a provider's login), refreshed if need be; for other profiles, the key.

    Exits with 4 when somebody has to log in, and with 1 when the token cannot be refreshed for now.
    """
    plan = open_plan(config)
    subject = profile_in(plan, profile)
    with as_typed(config), OAuthManager.over(plan, EventBus()) as manager:
        member = member_of(subject, plan, manager)
        secret = member.source.get()
        if style == "raw":
            emit(f"{secret.reveal()}\n")
        else:
            is_profile = any(each.id == subject.id for each in plan.profiles)
            emit(_as_json(member, secret, manager, subject.id if is_profile else None))


def _as_json(member: Member, secret: Secret, manager: OAuthManager, profile_id: str | None) -> str:
    """The token and all that a program needs to use it. ``expires_at`` is epoch seconds, ``null`` if unknown."""
    login = manager.get_credential(member.profile_id) if member.kind == "oauth" else None
    if login is not None:
        secret = login.access_token  # the one that the rest is about: it may have been refreshed a moment ago
    record = {
        "token": secret.reveal(),
        "token_type": login.token_type if login is not None else None,
        "expires_at": login.expires_at if login is not None else None,
        "profile_id": profile_id,
        "provider_id": member.provider_id,
        "account": login.account if login is not None else None,
        "scopes": list(login.scopes) if login is not None else [],
        "headers": member.headers(secret.reveal()),
        "base_url": member.base_url,
    }
    return json.dumps(record, indent=2) + "\n"
