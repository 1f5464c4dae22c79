"""How a login stands at a moment, and what a refresh makes of it. No I/O."""

from __future__ import annotations

from dataclasses import replace

from cbauth.core.tokens import TokenResponse, expired, renew_at
from cbauth.oauth.credentials import Credential
from cbauth.oauth.targets import Target
from cbauth.secrets import Secret

__all__ = ["due", "life", "over", "renewed"]


def due(target: Target, credential: Credential, now: float) -> bool:
    """Whether a token should be renewed at ``now``."""
    start = renew_at(*life(credential), target.client.refresh_before)
    return now >= start or expired(credential.expires_at, credential.received_at, now)


def over(credential: Credential, now: float) -> bool:
    """Whether a token is worth nothing any more at ``now``, as far as the clock can tell.

    One that comes from the future is renewed if it can be; if not, only its provider knows how old it is.
    """
    if credential.refreshable:
        return expired(credential.expires_at, credential.received_at, now)
    return credential.expires_at is not None and now >= credential.expires_at


def renewed(credential: Credential, answer: TokenResponse, now: float) -> Credential:
    """The login with what came of a refresh; what the answer does not name stays (RFC 6749 section 6)."""
    return replace(
        credential,
        access_token=Secret(answer.access_token),
        refresh_token=Secret(answer.refresh_token) if answer.refresh_token else credential.refresh_token,
        scopes=answer.scopes,
        expires_at=None if answer.lifetime is None else now + answer.lifetime,
        lifetime=answer.lifetime,
        received_at=now,
        extra={**credential.extra, **answer.extra},
    )


def life(credential: Credential) -> tuple[float | None, float | None]:
    """When a token ends and how long it lives: what ``renew_at`` wants to know."""
    return credential.expires_at, credential.lifetime
