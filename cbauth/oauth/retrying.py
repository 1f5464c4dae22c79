"""Asking a token endpoint again when that may help. Like waiting for a slot, it is tenacity that waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import tenacity

from cbauth.core.tokens import TokenResponse
from cbauth.oauth.endpoint import TokenEndpoint, TokenError
from cbauth.secrets import Secret

__all__ = ["ask_patiently"]

TRIES = 4
LONGEST = 30.0
"""Seconds of waiting in all, however patient the provider asks us to be."""
LAST = 45.0
"""Seconds after which no new try begins, so that those who wait for this one's end see it in time."""
_BACKOFF = tenacity.wait_exponential(multiplier=0.5, max=8.0) + tenacity.wait_random(0.0, 0.5)


def ask_patiently(
    endpoint: TokenEndpoint,
    refresh_token: Secret,
    scopes: Sequence[str],
    sleep: Callable[[float], None] | None,
    *,
    once: bool = False,
) -> TokenResponse | TokenError:
    """What a refresh gives, after at most ``TRIES`` tries; the last error, without the frames that held the token."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_help),
        wait=_pause,
        stop=lambda state: once or state.attempt_number >= TRIES or _too_long(state),
        sleep=sleep or time.sleep,
        reraise=True,
    )
    try:
        return retrying(endpoint.refresh, refresh_token.reveal(), scopes)
    except TokenError as error:
        return TokenError(error.error, error.description, temporary=error.temporary, retry_after=error.retry_after)


def _may_help(error: BaseException) -> bool:
    return isinstance(error, TokenError) and error.temporary


def _too_long(state: tenacity.RetryCallState) -> bool:
    pause = _pause(state)
    return state.idle_for + pause > LONGEST or (state.seconds_since_start or 0.0) + pause > LAST


def _pause(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    hint = error.retry_after if isinstance(error, TokenError) else None
    return max(_BACKOFF(state), hint or 0.0)
