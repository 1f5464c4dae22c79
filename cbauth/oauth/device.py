"""The device flow (RFC 8628): a short code, typed into a page on any other device.

The provider is asked every few seconds whether somebody has approved; it says when that is too often (``slow_down``).
An answer that does not come makes the next question wait twice as long (RFC 8628 section 3.5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import requests

from cbauth.core.tokens import lifetime, read_error
from cbauth.errors import ConfigError, LoginError
from cbauth.oauth.client import Client
from cbauth.oauth.credentials import Credential
from cbauth.oauth.endpoint import ACCEPT, TokenError
from cbauth.oauth.login import Keep, Login, Outcome
from cbauth.oauth.transport import Session, allow
from cbauth.outcomes.redaction import brief, redact
from cbauth.secrets import Secret

__all__ = ["DeviceAuthorization", "DeviceCode", "ask_for_code"]

INTERVAL = 5.0
"""Seconds between two questions, where the provider names none (RFC 8628 section 3.2)."""
SLOWER = 5.0
"""Seconds more after ``slow_down`` (RFC 8628 section 3.5)."""
SLOWEST = 60.0
LIFE = 600.0
LONGEST_CODE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """What the provider answers to begin with. ``interval`` and ``life`` are seconds."""

    device_code: Secret = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    interval: float
    life: float


def ask_for_code(url: str, client: Client, scopes: Sequence[str]) -> DeviceCode:
    """Begin (RFC 8628 section 3.1). Raises ``LoginError``."""
    first, *others = client.ways
    try:
        return _ask_as(first, url, scopes)
    except LoginError as error:
        if error.error != "invalid_client" or not others:
            raise
    return _ask_as(others[0], url, scopes)


def _ask_as(client: Client, url: str, scopes: Sequence[str]) -> DeviceCode:
    form = {**client.form, **({"scope": " ".join(scopes)} if scopes else {})}
    form.setdefault("client_id", client.id)
    try:
        with Session() as session:
            answer = session.ask("POST", url, data=form, auth=client.auth, headers=ACCEPT)
        data = answer.json()
    except (ValueError, RecursionError):
        raise LoginError("device_flow_failed", "the provider answers with something else than JSON") from None
    except (requests.RequestException, OSError) as error:
        raise LoginError("device_flow_failed", f"the provider cannot be asked ({type(error).__name__})") from None
    said = read_error(data)
    if said is not None:
        raise LoginError(*(brief(redact(text, client.secrets)) for text in said))
    if answer.status_code != 200 or not isinstance(data, Mapping):
        raise LoginError("device_flow_failed", f"the provider answers with HTTP {answer.status_code}")
    return _read(data)


def _read(data: Mapping[str, object]) -> DeviceCode:
    code, user_code = data.get("device_code"), data.get("user_code")
    page = data.get("verification_uri") or data.get("verification_url")  # as Google calls it
    if not (isinstance(code, str) and code and isinstance(user_code, str) and isinstance(page, str)):
        raise LoginError("device_flow_failed", "the answer of the provider lacks a code or a page to type it into")
    if not (user_code.isprintable() and 0 < len(user_code) <= LONGEST_CODE):
        raise LoginError("device_flow_failed", "the code of the provider is none that a person could type")
    complete = data.get("verification_uri_complete")
    try:
        allow(page, "the page to type the code into")
        direct = allow(complete, "the page for the code") if isinstance(complete, str) else None
    except ConfigError as error:
        raise LoginError("device_flow_failed", str(error)) from None
    return DeviceCode(
        device_code=Secret(code),
        user_code=user_code,
        verification_uri=page,
        verification_uri_complete=direct,
        interval=min(lifetime(data.get("interval")) or INTERVAL, SLOWEST),
        life=lifetime(data.get("expires_in")) or LIFE,
    )


class DeviceAuthorization(Login):
    """A login that waits until somebody has typed ``user_code`` at ``verification_uri``.

    ``verification_uri_complete`` has the code in it, where the provider offers that.
    """

    def __init__(
        self,
        code: DeviceCode,
        redeem: Callable[[Secret], Credential],
        *,
        name: str,
        profile_id: str | None,
        expires_at: float,
        seconds: float,
        keep: Keep,
        ended: Outcome,
        pause: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(name, profile_id, expires_at, seconds, keep, ended)
        self._code = code
        self._redeem = redeem
        self._pause = pause

    @property
    def user_code(self) -> str:
        """What to type."""
        return self._code.user_code

    @property
    def verification_uri(self) -> str:
        """Where to type it."""
        return self._code.verification_uri

    @property
    def verification_uri_complete(self) -> str | None:
        """The same page with the code in it, if there is one."""
        return self._code.verification_uri_complete

    @property
    def interval(self) -> float:
        """Seconds between two questions, to begin with."""
        return self._code.interval

    def _run(self) -> Credential:
        interval = self._code.interval
        pause = interval
        while self._waited(pause):
            pause = interval
            try:
                return self._redeem(self._code.device_code)
            except TokenError as error:
                trouble = error
            if trouble.error == "slow_down":
                interval = pause = min(interval + SLOWER, SLOWEST)
            elif trouble.error != "authorization_pending":
                if not trouble.temporary:
                    raise LoginError(trouble.error, trouble.description)
                pause = min(max(2 * pause, trouble.retry_after or 0.0), SLOWEST)
        raise self._stopped or LoginError("expired_token", "the code has expired; start the login again")

    def _waited(self, seconds: float) -> bool:
        """Wait; whether there is still something to ask."""
        if self._pause is not None:
            self._pause(seconds)
        else:
            with self._news:
                self._news.wait_for(lambda: self._stopped is not None, min(seconds, max(0.0, self._left)))
        return self._stopped is None and self._left > 0

    def __repr__(self) -> str:
        return f"<DeviceAuthorization for {self.id}: {self.user_code} at {self.verification_uri}>"
