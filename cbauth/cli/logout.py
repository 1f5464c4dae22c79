"""``cbauth logout``: forget a login here, and have its provider forget it."""

from __future__ import annotations

import click

from cbauth.cli.access import config_option, login_target, open_plan
from cbauth.cli.console import emit, warn
from cbauth.events import EventBus
from cbauth.oauth import OAuthManager

__all__ = ["logout"]


@click.command()
@click.argument("profile")
@click.option("--no-revoke", is_flag=True, help="Forget it here only; its tokens stay good at the provider.")
@config_option
def logout(profile: str, no_revoke: bool, config: str | None) -> None:
    """Log out of PROFILE (or a provider): forget the login, and have the provider revoke it.

    Exits with 0 when nobody is logged in afterwards: also when nobody was before, and when the provider could not be
    told, which is said.
    """
    plan = open_plan(config)
    target = login_target(plan, profile)
    with OAuthManager.over(plan, EventBus()) as manager:
        there, trouble = manager.sign_out(target.id, not no_revoke)
    if not there:
        warn(f"nobody was logged in to {target.id}")
    elif trouble:
        emit(f"logged out: {target.id}, on this machine\n")
        warn(f"warning: {target.provider_name} could not be told, so its tokens may still be good: {trouble}")
    elif no_revoke:
        emit(f"logged out: {target.id}, on this machine only\n")
    else:
        emit(f"logged out: {target.id}; {target.provider_name} has revoked the login\n")
