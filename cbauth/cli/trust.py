"""``cbauth trust``: let a profiles.yaml that is only found in the current folder run commands and send secrets."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click

from cbauth.cli.console import emit
from cbauth.config import load_plan
from cbauth.outcomes import redact
from cbauth.plan import OAuthClient, Plan, Profile, SecretRef
from cbauth.trust import fingerprint
from cbauth.trust import revoke as distrust
from cbauth.trust import trust as record

__all__ = ["trust"]


@click.command()
@click.argument("file", default="profiles.yaml")
@click.option("--revoke", is_flag=True, help="Trust the file no longer.")
def trust(file: str, revoke: bool) -> None:
    """Trust FILE (./profiles.yaml) as it is now, and show what that allows. Whoever edits it ends the trust."""
    path = Path(file, "profiles.yaml") if Path(file).is_dir() else Path(file)
    if revoke:
        was_trusted = distrust(path)
        emit(f"{'no longer trusted' if was_trusted else 'was not trusted'}: {plain(str(path))}\n")
        return
    seen = fingerprint(path)
    plan = load_plan(path)
    trusted = record(path, seen)
    emit("".join(f"{line}\n" for line in (f"trusted: {plain(str(trusted))}", *allowed(plan))))


def allowed(plan: Plan) -> Iterator[str]:
    """What the trust allows: which secret of each profile goes to which hosts, how it is got; where state is kept."""
    width = max(len(profile.id) for profile in plan.profiles)
    for profile in plan.profiles:
        if profile.credential is not None:
            yield f"  {profile.id:<{width}}  {credential(profile)} -> {', '.join(hosts(profile)) or 'no host yet'}"
    if plan.store not in ("sqlite", "memory"):
        yield f"  state is kept in {redact(plain(plan.store))}"


def credential(profile: Profile) -> str:
    """What a profile sends, in words."""
    secrets = " or ".join(shown(ref) for ref in references(profile))
    if profile.uses_oauth:
        return f"a login with {secrets}" if secrets else "a login"
    return secrets or "a key that is not declared yet"


def references(profile: Profile) -> tuple[SecretRef, ...]:
    """The secrets that a profile uses: its keys, or those with which its login asks for tokens."""
    if isinstance(profile.credential, tuple):
        return profile.credential
    client = profile.provider.oauth
    return (client.client_secret,) if client is not None and client.client_secret is not None else ()


def hosts(profile: Profile) -> tuple[str, ...]:
    """The hosts that get a profile's secrets, each once: the API's, and for a login those of the identity provider."""
    urls = [profile.base_url or profile.provider.base_url]
    client = profile.provider.oauth
    if profile.uses_oauth and client is not None:
        urls += endpoints(client)
    return tuple(dict.fromkeys(plain(urlsplit(url).netloc.rpartition("@")[2]) for url in urls if url))


def endpoints(client: OAuthClient) -> list[str | None]:
    """Where a login sends codes, tokens and secrets."""
    return [
        client.issuer,
        client.token_endpoint,
        client.device_authorization_endpoint,
        client.revocation_endpoint,
        client.userinfo_endpoint,
    ]


def shown(ref: SecretRef) -> str:
    """A reference as people should see it before they trust it: a command with all its words."""
    if ref.scheme != "command":
        return plain(str(ref))
    return "runs `" + " ".join(redact(plain(shlex.quote(word))) for word in ref.args) + "`"


def plain(text: str) -> str:
    """Text of a stranger without characters that a terminal obeys or hides."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
