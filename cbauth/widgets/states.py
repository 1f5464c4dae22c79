"""How the login of a profile stands, frozen: what text, HTML and the buttons are made of. No secret, no widget.

Laws:

1. A ``LoginSnapshot`` shows neither the link nor the code: they are in ``offer``, whose ``repr`` hides them, and only
   while the login waits.
2. ``standing`` of a stored login is a function of the record and the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from cbauth.display.moments import moment
from cbauth.display.standing import Appearance

__all__ = ["LoginSnapshot", "LoginState", "Offer", "StoredLogin", "standing"]

SOON = 300.0
"""Seconds before its end from which a login that cannot renew itself is expiring; never more than a tenth of it."""


class LoginState(Appearance):
    """How a login stands."""

    SIGNED_OUT = ("○", "signed out", "idle")
    STARTING = ("◔", "starting", "calm")
    WAITING = ("◐", "waiting", "calm")
    SIGNED_IN = ("●", "signed in", "good")
    EXPIRING = ("◕", "expiring", "care")
    EXPIRED = ("◇", "expired", "bad")
    FAILED = ("▲", "failed", "bad")
    CANCELLED = ("□", "cancelled", "idle")
    TIMED_OUT = ("■", "timed out", "care")
    GONE = ("◌", "gone", "care")
    CLOSED = ("◌", "closed", "idle")

    @property
    def busy(self) -> bool:
        """Whether a login is on its way."""
        return self in (LoginState.STARTING, LoginState.WAITING)

    @property
    def vain(self) -> bool:
        """Whether a login has ended without success."""
        return self in (LoginState.CANCELLED, LoginState.FAILED, LoginState.TIMED_OUT)

    @property
    def good(self) -> bool:
        """Whether somebody is signed in."""
        return self in (LoginState.SIGNED_IN, LoginState.EXPIRING)

    @property
    def away(self) -> bool:
        """Whether there is nothing to sign in to: the profile has left the file, or the toolkit is closed."""
        return self in (LoginState.GONE, LoginState.CLOSED)

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a person does to sign in: open ``url``; there type ``user_code``, if there is one.

    ``pastes``: the address on which the browser ends may be pasted here.
    """

    url: str = field(repr=False)
    user_code: str = field(default="", repr=False)
    pastes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSnapshot:
    """A profile's login at the moment ``at``. ``sentence`` says the state, ``problem`` what went wrong and what next.

    ``lasting`` is the sentence as it may stay somewhere: its times have dates. ``until`` (epoch seconds): when a login
    on its way ends, or when one that was made expires.
    """

    profile_id: str
    provider: str
    state: LoginState
    sentence: str
    lasting: str = ""
    at: float
    until: float | None = None
    problem: str = ""
    offer: Offer | None = field(default=None, repr=False)

    @property
    def command(self) -> str:
        """What to type in a terminal instead."""
        return f"cbauth login {self.profile_id}"

    @property
    def needs_login(self) -> bool:
        """Whether a person has to sign in before this profile can answer."""
        return not self.state.good


class StoredLogin(Protocol):
    """What is read of a credential."""

    @property
    def account(self) -> str | None:
        """Whose login it is."""

    @property
    def expires_at(self) -> float | None:
        """When its access token ends."""

    @property
    def lifetime(self) -> float | None:
        """How long that token lives."""

    @property
    def refreshable(self) -> bool:
        """Whether it renews itself."""


def standing(
    login: StoredLogin | None, provider: str, now: float, *, lasting: bool = False
) -> tuple[LoginState, str, float | None]:
    """The state of a stored login, the sentence (``lasting``: its times have dates), and until when that will be so."""
    if login is None:
        return LoginState.SIGNED_OUT, f"Nobody is signed in to {provider}.", None
    who = f"Signed in to {provider}" + (f" as {login.account}" if login.account else "")
    end = login.expires_at
    if end is None:
        return LoginState.SIGNED_IN, f"{who}.", None
    then = moment(end, None if lasting else now)
    if login.refreshable:
        ends = f"the token is good until {then}" if now < end else "the token has ended"
        return LoginState.SIGNED_IN, f"{who}; {ends} and renews itself.", end
    if now >= end:
        return LoginState.EXPIRED, f"The login to {provider} ended at {then}; sign in again.", end
    if end - now <= min(SOON, (login.lifetime or 10 * SOON) / 10):
        return LoginState.EXPIRING, f"{who}, only until {then}; sign in again before that.", end
    return LoginState.SIGNED_IN, f"{who} until {then}.", end
