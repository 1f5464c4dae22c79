"""What a person may write in a profiles.yaml, version 1.

Every key that may be left out is ``None`` when it is: ``null`` itself is never valid in the file. The defaults are
those of the plan and of the policies in ``core``; ``export`` puts them into the JSON Schema, nothing repeats them here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from cbauth.config.schema.keys import Keys, Limits, key, needed
from cbauth.config.schema.types import (
    Duration,
    HttpUrl,
    ModelName,
    ModelPattern,
    Name,
    RedirectUris,
    Scope,
    SecretReference,
    StateStore,
    Text,
    Version,
)

__all__ = [
    "BreakerKeys",
    "ClassifyKeys",
    "CooldownKeys",
    "CredentialsKeys",
    "File",
    "LadderKeys",
    "LoginKeys",
    "OAuthKeys",
    "PolicyKeys",
    "ProfileKeys",
    "ProviderKeys",
    "RetryBackoffKeys",
    "RetryKeys",
    "RotationKeys",
    "StateKeys",
]

Protocol = Literal["openai", "anthropic", "google", "ollama", "generic"]
Kind = Literal[
    "rate_limit",
    "billing",
    "auth",
    "overloaded",
    "server",
    "timeout",
    "network",
    "model_not_found",
    "bad_request",
    "cancelled",
    "unknown",
]
Count = Annotated[int, Limits(ge=1, le=1_000_000)]
Priority = Annotated[int, Limits(ge=-1_000_000, le=1_000_000)]
Weight = Annotated[int, Limits(ge=0, le=1000)]
Status = Annotated[int, Limits(ge=100, le=599)]
Factor = Annotated[float, Limits(gt=0, le=1000)]
Share = Annotated[float, Limits(ge=0, le=1)]
Route = Annotated[list[ModelName], Limits(min_length=1)]
Patterns = Annotated[list[ModelPattern], Limits(min_length=1)]


class RotationKeys(Keys):
    """How calls are spread over the profiles that may answer."""

    strategy: Literal["priority", "round-robin", "random"] | None = key(
        "`priority` takes the best profile, the others share calls by `weight`.", "round-robin"
    )
    sticky: bool | None = key("Whether a session stays with the profile that answered it.", False)
    sticky_ttl: Duration | None = key("How long a session stays bound without a call.", "30m")


class BreakerKeys(Keys):
    """The circuit breaker: after repeated failures a profile is left alone for a while, then tried carefully."""

    failure_threshold: Count | None = key("How many failures open the breaker.", 5)
    failure_decay: Duration | None = key("Failures older than this do not count.", "10m")
    open_for: Duration | None = key("How long nobody is admitted after the breaker opened.", "30s")
    half_open_permits: Count | None = key("How many trial calls run at a time when it opens again.", 2)
    permit_timeout: Duration | None = key("After this a trial that never reported no longer counts as running.", "5m")
    scope: Literal["profile", "provider"] | None = key(
        "Whether each profile has its own breaker or all profiles of a provider share one.", "provider"
    )
    mode: Literal["enforce", "observe", "off"] | None = key(
        "`observe` counts and reports but admits everybody; `off` does not count.", "observe"
    )


class LadderKeys(Keys):
    """How long a profile rests after the first failure, the second, and so on."""

    base: Duration | None = key("The first rest.", "30s")
    factor: Factor | None = key("How much longer each further rest is.", 2)
    cap: Duration | None = key("No rest is longer than this.", "1h")
    jitter: Share | None = key("Rests are lengthened by chance, by up to this share.", 0.1)
    scope: Literal["model", "profile", "provider"] | None = key(
        "What rests: this model of the profile, the profile, or all profiles of the provider.", "profile"
    )


class CooldownKeys(Keys):
    """Rests after refusals that are about the credential: rate limits, spent credit, bad keys."""

    preset: Literal["adaptive", "classic"] | None = key(
        "Where the ladders start from; the other keys override it. `classic` is 1m, 5m, 25m, 1h for every failure, "
        "but for spent credit 5h, 10h, 20h, 24h.",
        "classic",
    )
    rate_limit: LadderKeys | None = key("After a rate limit.", {"base": "30s", "factor": 2, "cap": "5m"})
    billing: LadderKeys | None = key("After spent credit; counts apart from the others.", {"base": "10m", "cap": "24h"})
    auth: LadderKeys | None = key("After a refused credential.", {"base": "5m", "cap": "1h"})
    transient: LadderKeys | None = key("After a failure of no known kind.", {"base": "1m", "factor": 5, "cap": "1h"})
    retry_after_cap: Duration | None = key("A provider's own hint is honoured up to this.", "10m")


class RetryBackoffKeys(Keys):
    """The waits between tries of one request, when there is nobody left to move to."""

    initial: Duration | None = key("The first wait.", "500ms")
    factor: Factor | None = key("How much longer each further wait is.", 2)
    cap: Duration | None = key("No wait is longer than this.", "8s")
    jitter: Share | None = key("Waits are lengthened by chance, by up to this share.", 0.2)


class RetryKeys(Keys):
    """How long one request keeps trying."""

    attempts: Count | None = key("How many tries in all, over all profiles.", 3)
    max_wait: Duration | None = key(
        "If the next free profile is nearer than this, wait for it instead of giving up.", "30s"
    )
    backoff: RetryBackoffKeys | None = key("The waits between tries.", {"initial": "500ms", "factor": 2, "cap": "8s"})


class PolicyKeys(Keys):
    """Who answers, who rests and who tries again. Merged key by key: the file's, the provider's, the profile's."""

    rotation: RotationKeys | None = key("How calls are spread.", {"strategy": "round-robin"})
    breaker: BreakerKeys | None = key("When a failing profile is left alone.", {"failure_threshold": 5})
    cooldown: CooldownKeys | None = key("How long a refused credential rests.", {"preset": "classic"})
    retry: RetryKeys | None = key("How long one request keeps trying.", {"attempts": 3})


class OAuthKeys(Keys):
    """How to log in with a provider (RFC 6749). Endpoints that are given win over those that the issuer announces."""

    issuer: HttpUrl | None = key(
        "The authorization server, for discovery (OpenID Connect Discovery and RFC 8414).", "https://login.example.com"
    )
    authorization_endpoint: HttpUrl | None = key(
        "Where the browser is sent to log in.", "https://login.example.com/authorize"
    )
    token_endpoint: HttpUrl | None = key(
        "Where codes and refresh tokens become access tokens.", "https://login.example.com/token"
    )
    device_authorization_endpoint: HttpUrl | None = key(
        "Where logins without a browser begin (RFC 8628).", "https://login.example.com/device"
    )
    revocation_endpoint: HttpUrl | None = key(
        "Where tokens are given back on logout (RFC 7009).", "https://login.example.com/revoke"
    )
    userinfo_endpoint: HttpUrl | None = key(
        "Where the account's name is asked for.", "https://login.example.com/userinfo"
    )
    client_id: Text | None = key(
        "The id under which you registered your program with the provider.", "my-registered-client"
    )
    client_secret: SecretReference | None = key(
        "A reference to the client's secret; a public client has none.", "env:ACME_SECRET"
    )
    scopes: list[Scope] | None = key("What the tokens may be used for.", ["openid", "offline_access"])
    redirect_uri: RedirectUris | None = key(
        "Where the browser returns to; without a port any free one; of a list the first whose port is free.",
        "http://127.0.0.1/callback",
    )
    refresh_before: Duration | None = key(
        "How long before they expire tokens are refreshed; never more than a tenth of their life.", "5m"
    )
    extra_params: dict[str, str] | None = key("Further parameters of the authorization request.", {"prompt": "consent"})


class ProviderKeys(Keys):
    """An AI provider. An entry with a built-in provider's name changes that provider key by key."""

    name: Text | None = key("The name that people see.", "Acme LLM")
    protocol: Protocol | None = key(
        "What its API speaks: decides the auth header, the error dialect and the names of environment variables.",
        "openai",
    )
    base_url: HttpUrl | None = key("Where its API is.", "https://llm.acme.example/v1")
    oauth: OAuthKeys | None = key(
        "How profiles log in, if they do.", {"issuer": "https://login.acme.example", "client_id": "cbauth"}
    )
    policy: PolicyKeys | None = key("What is different for this provider's profiles.", {"retry": {"attempts": 3}})


class LoginKeys(Keys):
    """A profile that logs in."""

    account: Text | None = key("Whose login it is, when one person has several.", "me@acme.example")


class ProfileKeys(Keys):
    """One credential with one provider."""

    provider: Name = needed("A built-in provider or one declared under `providers`.", "openai")
    api_key: SecretReference | None = key(
        "Where the key is to be found; left out: the provider's usual environment variable. Never the key itself.",
        "env:OPENAI_API_KEY",
    )
    oauth: LoginKeys | None = key("Log in with the provider instead of using a key.", {"account": "me@acme.example"})
    base_url: HttpUrl | None = key(
        "Where the API is, when it is not where the provider has it.", "https://eu.api.openai.com/v1"
    )
    models: Patterns | None = key(
        "Models it serves: names, and `*` for any characters. Left out: the built-in provider's own, else all.",
        ["gpt-4o", "gpt-*"],
    )
    default_model: ModelName | None = key("The model of requests that name none.", "gpt-4o")
    priority: Priority | None = key("Higher is preferred. Ties: logins before keys, then the order of the file.", 100)
    weight: Weight | None = key(
        "Its share of the calls with `round-robin` and `random`; 0 means only when nobody else is left.", 3
    )
    enabled: bool | None = key("Whether it takes part at all.", False)
    metadata: dict[str, str] | None = key("Words of your own; never a secret.", {"team": "search"})
    policy: PolicyKeys | None = key("What is different for this profile.", {"breaker": {"open_for": "2m"}})


class ClassifyKeys(Keys):
    """A rule for errors that a provider words in its own way."""

    provider: Name | None = key("Only errors of this provider.", "acme")
    status: Status | None = key("Only errors with this HTTP status.", 403)
    match: Text | None = key(
        "Only errors in whose text this is found; also a regular expression.", "Key limit exceeded"
    )
    kind: Kind = needed("What such an error means.", "billing")


class StateKeys(Keys):
    """Where health and session bindings are kept."""

    store: StateStore | None = key(
        "`sqlite` (in the user's state folder), `sqlite:PATH`, `memory`, a Redis URL, or `env:NAME` of such a URL.",
        "sqlite",
        "sqlite:state.db",
        "memory",
        "rediss://cache.example:6379/0",
    )
    namespace: Text | None = key("Keeps projects apart that share a store.", "search-team")


class CredentialsKeys(Keys):
    """Where logins are kept."""

    store: Literal["auto", "keyring", "file"] | None = key(
        "`auto` is the keyring when it really works, else a file that only you can read.", "file"
    )


Profiles = Annotated[dict[Name, ProfileKeys], Limits(min_length=1)]


class File(Keys):
    """A whole profiles.yaml."""

    version: Version | None = key("The version of this format.", 1)
    providers: dict[Name, ProviderKeys] | None = key(
        "Providers that are not built in, and changes to those that are.",
        {"acme": {"protocol": "openai", "base_url": "https://llm.acme.example/v1"}},
    )
    profiles: Profiles = needed(
        "Your credentials, each with a name of your own.",
        {"openai-team": {"provider": "openai", "api_key": "env:OPENAI_API_KEY"}},
    )
    routes: dict[Name, Route] | None = key(
        "Aliases: models that are tried in this order.", {"smart": ["claude-sonnet-4", "gpt-4o"]}
    )
    policy: PolicyKeys | None = key("What holds for all profiles.", {"rotation": {"strategy": "round-robin"}})
    classify: list[ClassifyKeys] | None = key(
        "Rules that say what errors mean; the first that fits counts, before the built-in ones.",
        [{"provider": "acme", "status": 403, "match": "Key limit exceeded", "kind": "billing"}],
    )
    state: StateKeys | None = key("Where health and session bindings are kept.", {"store": "memory"})
    credentials: CredentialsKeys | None = key("Where logins are kept.", {"store": "keyring"})
