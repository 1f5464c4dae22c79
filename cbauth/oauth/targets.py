"""Who logs in where: everything that a login depends on, and the key that it is stored under.

Laws:

1. A login is good for one authorization server, one client, one account and one origin of the API that its tokens are
   sent to. Whatever of these changes in a file, the login that was made before is not found any more.
2. Endpoints that are sent tokens and lie at another origin than the authorization server are a part of that: a file
   cannot name a known server and have its tokens sent elsewhere.
3. A file that is not trusted gives no client secret and no login away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlsplit

from cbauth.config import builtin_providers
from cbauth.errors import ConfigError
from cbauth.plan import OAUTH_ENDPOINTS, OAuthClient, OAuthLogin, Plan, Profile, Provider
from cbauth.secrets import Source, source_for

__all__ = ["Target", "origin_of", "sends_home", "targets_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One login that can be made. ``id`` is that of the profile, or of the provider where no profile was named.

    ``origin`` is scheme, host and port of the API that the tokens are for. ``untrusted`` says why it may not be used.
    ``key`` is what the login is stored under: a digest, so that it can stand in the names of files.
    """

    id: str
    provider_id: str
    provider_name: str
    client: OAuthClient
    profile_id: str | None = None
    secret: Source | None = None
    account: str | None = None
    origin: str = ""
    untrusted: str = ""
    key: str = field(init=False)

    def __post_init__(self) -> None:
        client = self.client
        servers = {origin_of(client.issuer), origin_of(client.token_endpoint)}
        elsewhere = [url for url in (client.revocation_endpoint, client.userinfo_endpoint) if url is not None]
        parts = [
            client.issuer,
            client.token_endpoint,
            client.client_id,
            self.account,
            self.origin,
            *(url for url in elsewhere if origin_of(url) not in servers),
        ]
        object.__setattr__(self, "key", sha256(json.dumps(parts).encode()).hexdigest()[:32])

    @property
    def command(self) -> str:
        """What to type to log in."""
        return f"cbauth login {self.id}"

    def require(self) -> None:
        """Raise ``ConfigError`` if this login may not or cannot be used."""
        if self.untrusted:
            raise ConfigError(self.untrusted)
        if not self.client.client_id:
            raise ConfigError(
                f"provider {self.provider_id} has no client_id: register a client with {self.provider_name} and set"
                f" `providers.{self.provider_id}.oauth.client_id`"
            )


def targets_of(plan: Plan) -> dict[str, Target]:
    """The logins of a plan by id: those of its profiles, then those of its providers, where no profile has that id."""
    found = {profile.id: _of_profile(profile, plan) for profile in plan.profiles if profile.uses_oauth}
    for provider in plan.providers.values():
        if provider.oauth is not None and provider.id not in found:
            found[provider.id] = _target(provider.id, provider, plan, provider.base_url)
    return found


def _of_profile(profile: Profile, plan: Plan) -> Target:
    account = profile.credential.account if isinstance(profile.credential, OAuthLogin) else None
    return _target(profile.id, profile.provider, plan, profile.base_url, profile_id=profile.id, account=account)


def _target(
    name: str,
    provider: Provider,
    plan: Plan,
    base_url: str | None,
    *,
    profile_id: str | None = None,
    account: str | None = None,
) -> Target:
    client = provider.oauth or OAuthClient()
    trusted = plan.trusted or sends_home(provider, base_url)
    folder = plan.path.parent if plan.path is not None else None
    reference = client.client_secret
    secret = source_for((reference,), base_dir=folder, allow_command=plan.trusted) if reference is not None else None
    return Target(
        id=name,
        provider_id=provider.id,
        provider_name=provider.name,
        client=client,
        profile_id=profile_id,
        secret=secret,
        account=account,
        origin=origin_of(base_url),
        untrusted="" if trusted else f"{plan.path} was only found here and is not trusted: run `cbauth trust`",
    )


def sends_home(provider: Provider, base_url: str | None) -> bool:
    """Whether keys and logins go to the built-in provider's own hosts and nowhere else."""
    known: Mapping[str, Provider] = builtin_providers()
    own = known.get(provider.id)
    if own is None or own.base_url is None or base_url is None or origin_of(base_url) != origin_of(own.base_url):
        return False
    ours, theirs = own.oauth or OAuthClient(), provider.oauth or OAuthClient()
    return all(getattr(ours, name) == getattr(theirs, name) for name in OAUTH_ENDPOINTS)


def origin_of(url: str | None) -> str:
    """Scheme, host and port of a URL (RFC 6454), the port always named; empty for none."""
    if not url:
        return ""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return f"{parts.scheme}://{parts.hostname}:{port}"
