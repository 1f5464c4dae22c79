"""``cbauth login``: a browser here, an address pasted here, or a code typed elsewhere; whatever comes first."""

from __future__ import annotations

import os
from contextlib import suppress

import click

from cbauth.cli.access import config_option, login_target, open_plan
from cbauth.cli.browser import open_page, why_not
from cbauth.cli.console import emit, warn
from cbauth.cli.lengths import seconds_of
from cbauth.cli.pasting import can_paste, finish_by_pasting
from cbauth.cli.trust import plain
from cbauth.errors import CbauthError, LoginError, iso
from cbauth.events import EventBus
from cbauth.oauth import Credential, OAuthManager
from cbauth.oauth.device import DeviceAuthorization
from cbauth.oauth.flow import Authorization
from cbauth.oauth.targets import Target
from cbauth.oauth.userinfo import account_in, name_in

__all__ = ["login"]

OFFLINE = "offline_access"
"""The scope for a login that can be renewed; often ignored without ``prompt=consent`` (OpenID Connect Core, 11)."""


@click.command()
@click.argument("profile")
@click.option("--device", is_flag=True, help="Show a code to type on another device.")
@click.option("--no-browser", is_flag=True, help="Only print the URL: the browser is on another machine.")
@click.option(
    "--timeout",
    metavar="TIME",
    callback=seconds_of,
    default="5m",
    help="When the login is given up: after as many seconds, or `90s`, `10m` (5m).",
)
@config_option
def login(profile: str, device: bool, no_browser: bool, timeout: float, config: str | None) -> None:
    """Log in to PROFILE (or a provider), and keep the login.

    Opens a browser, and prints the URL in any case. If the browser runs on another machine, let it end on a page that
    cannot be reached, and paste that page's address here. With --device a code is shown, to be typed on any device.

    Exits with 1 when the login is denied, late or cannot begin, and with 130 on Ctrl-C.
    """
    plan = open_plan(config)
    target = login_target(plan, profile)
    with OAuthManager.over(plan, EventBus(), login_timeout=timeout) as manager:
        under_way = _begin(manager, target, device)
        if isinstance(under_way, DeviceAuthorization):
            _show_code(under_way, target)
        else:
            _show_page(under_way, target, no_browser)
        credential = under_way.wait()
        emit("".join(f"{line}\n" for line in _told(manager, target, credential)))


def _begin(manager: OAuthManager, target: Target, device: bool) -> Authorization | DeviceAuthorization:
    """The login that was asked for; the one with a code, too, where the provider has no page to log in at."""
    if device:
        return manager.begin_device(target.id)
    try:
        return manager.begin(target.id)
    except LoginError as error:
        if error.error != "no_authorization_endpoint":
            raise
        with suppress(LoginError):
            return manager.begin_device(target.id)
        raise


def _show_code(under_way: DeviceAuthorization, target: Target) -> None:
    warn(f"To log in to {target.provider_name}, type this code on any device: {under_way.user_code}\nThe page for it:")
    warn(f"\n{plain(under_way.verification_uri)}\n")
    if under_way.verification_uri_complete:
        warn(f"The same page with the code in it:\n\n{plain(under_way.verification_uri_complete)}\n")
    warn(f"Waiting until {iso(under_way.expires_at)}. Ctrl-C gives up.")


def _show_page(under_way: Authorization, target: Target, no_browser: bool) -> None:
    """Show the page, open it, and listen for what is pasted."""
    hindrance = "" if no_browser else why_not(os.environ)
    opens = not no_browser and not hindrance
    where = (
        f"No browser is opened ({hindrance}): open" if hindrance else "Opening a browser; or open" if opens else "Open"
    )
    warn(f"{where} this page to log in to {target.provider_name}:")
    warn(f"\n{under_way.url}\n")
    if can_paste():
        warn("If that browser is on another machine, paste here the address of the page that it ends on.")
        finish_by_pasting(under_way)
    warn(f"Waiting until {iso(under_way.expires_at)}. Ctrl-C gives up.")
    if opens:
        open_page(under_way.url)


def _told(manager: OAuthManager, target: Target, credential: Credential) -> list[str]:
    """What has come of it: who, where it is kept, until when, and what was not granted."""
    account = credential.account or _asked(manager, target)
    lines = [f"logged in: {target.id} ({target.provider_name})" + (f" as {account}" if account else "")]
    told = account_in(credential.extra)
    if target.account and told and told != target.account:
        lines.append(f"note: the profile is for {target.account}; the provider names the account {told}")
    lines.append(f"stored:    {manager.store_description}")
    if credential.expires_at is not None:
        then = "then renewed by itself" if credential.refreshable else f"then run `{target.command}` again"
        lines.append(f"token:     until {iso(credential.expires_at)}, {then}")
    missing = [scope for scope in target.client.scopes if scope not in credential.scopes]
    if missing:
        lines.append(f"scopes:    not granted: {', '.join(missing)}")
    if OFFLINE in missing and "prompt" not in target.client.extra_params:
        lines.append(
            f"hint:      {OFFLINE} may need consent: add `extra_params: {{prompt: consent}}` to the provider's `oauth`"
        )
    return lines


def _asked(manager: OAuthManager, target: Target) -> str | None:
    """Whose login it is, by the provider's word, where no ID token came with it."""
    try:
        return name_in(manager.fetch_user_info(target.id))
    except CbauthError:
        return None
