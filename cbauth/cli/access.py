"""Whose credential a command is about: a profile's, or that of a provider one can log in to."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import click

from cbauth.config import find_config
from cbauth.config.suggest import nearest
from cbauth.errors import AuthError, ConfigError, LoginRequiredError
from cbauth.failover.member import Member
from cbauth.managers.tokens import TokenManager
from cbauth.members import members_of
from cbauth.oauth.targets import Target, sends_home, targets_of
from cbauth.plan import OAuthLogin, Plan, Profile
from cbauth.watching import ConfigFile

__all__ = [
    "as_typed",
    "config_option",
    "declared",
    "login_target",
    "member_of",
    "open_plan",
    "profile_in",
    "require_trust",
]

config_option = click.option(
    "--config", metavar="FILE", help="The profiles.yaml to use; without it the usual places are searched."
)


def open_plan(config: str | None) -> Plan:
    """The plan of the file that was named, or of the one that is found. Raises ``ConfigError``."""
    if config is not None:
        return ConfigFile(config, trusted=True).load()
    path, named = find_config()
    return ConfigFile(path, trusted=True if named else None).load()


def profile_in(plan: Plan, name: str) -> Profile:
    """The profile with this id; for a provider's id, one that uses the login with the provider.

    Raises ``ConfigError`` with what there is.
    """
    provider = plan.providers.get(name)
    if provider is None or provider.oauth is None or any(profile.id == name for profile in plan.profiles):
        return declared(plan, name)
    return Profile(id=name, provider=provider, credential=OAuthLogin(), base_url=provider.base_url)


def declared(plan: Plan, name: str) -> Profile:
    """The profile of the file with this id. Raises ``ConfigError`` with what there is."""
    known = {profile.id: profile for profile in plan.profiles}
    if name in known:
        return known[name]
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(known))}"
    raise ConfigError(f"there is no profile {name!r}: {hint}")


def login_target(plan: Plan, name: str) -> Target:
    """Where the profile or provider logs in. Raises ``ConfigError`` if it does not; ``AuthError`` without trust."""
    profile = profile_in(plan, name)
    if not profile.uses_oauth:
        used = "no credential" if profile.credential is None else member_of(profile, plan, None).source.description
        able = sorted(each.id for each in plan.profiles if each.uses_oauth)
        others = f"; those that log in: {', '.join(able)}" if able else ""
        raise ConfigError(f"profile {name} does not log in: it uses {used}{others}")
    target = targets_of(plan)[name]
    if target.untrusted:
        raise AuthError(target.untrusted, profile_id=name)
    return target


@contextmanager
def as_typed(config: str | None) -> Iterator[None]:
    """Have the words that a missing login asks to type name the file, too, where a file was named."""
    try:
        yield
    except LoginRequiredError as error:
        if config is None:
            raise
        command = f"{error.command} --config {shlex.quote(config)}"
        raise LoginRequiredError(error.profile_id or "", command=command, reason=error.reason) from None


def member_of(profile: Profile, plan: Plan, manager: TokenManager | None) -> Member:
    """The profile with the source of its secret."""
    (member,) = members_of(replace(plan, profiles=(profile,)), manager)
    return member


def require_trust(profile: Profile, plan: Plan) -> None:
    """Raise ``AuthError`` if an untrusted file would send anything to hosts that are not the provider's own."""
    if not plan.trusted and not sends_home(profile.provider, profile.base_url):
        raise AuthError(f"{plan.path} was only found here and is not trusted: run `cbauth trust`")
