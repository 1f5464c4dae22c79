"""A login as a state machine that buttons can be tied to. It knows nothing of widgets and is tested without a browser.

Laws:

1. ``click``, ``cancel`` and ``paste`` return at once, from any thread; what takes time is given to ``submit``.
2. However often it is clicked, one login at a time is on its way. Each start has a number, and what comes of an earlier
   one changes nothing.
3. The offer (link, code) exists only while its login waits.
4. What was pasted is handed to the login and kept nowhere.
5. What has left (its profile is gone from the file, its toolkit is closed) begins nothing until it has come back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from cbauth.display.moments import moment
from cbauth.errors import CbauthError, LoginError
from cbauth.outcomes.redaction import brief
from cbauth.secrets import Secret
from cbauth.widgets.states import LoginSnapshot, LoginState, Offer, StoredLogin, standing

if TYPE_CHECKING:
    from cbauth.events import Event
    from cbauth.oauth import OAuthManager
    from cbauth.oauth.device import DeviceAuthorization
    from cbauth.oauth.flow import Authorization

__all__ = ["LoginController"]

GLANCE = 0.2
"""Seconds between two looks at a login on its way."""
CALM = 2.0
"""Seconds between two looks at a stored login: others may sign in or out."""
LATE = ("timeout", "expired_token")


class LoginController:
    """The login of one profile, whose file says that it is for ``account``.

    ``remote``: a code is better than a callback, where the provider gives one. ``submit`` has something done in another
    thread; ``changed`` is told of every change.
    """

    def __init__(
        self,
        oauth: OAuthManager,
        profile_id: str,
        provider: str,
        *,
        account: str | None = None,
        clock: Callable[[], float],
        remote: bool = False,
        submit: Callable[[Callable[[], object]], None],
        changed: Callable[[], None],
    ) -> None:
        self.profile_id = profile_id
        self.provider = provider
        self.account = account
        self._oauth = oauth
        self._clock = clock
        self._remote = remote
        self._submit = submit
        self._changed = changed
        self._lock = threading.RLock()
        self._number = 0
        self._state: LoginState | None = None  # None: as the stored login says
        self._sentence = self._lasting = ""
        self._problem = ""
        self._trouble = ""
        self._beginning = False
        self._elsewhere = False
        self._login: Authorization | DeviceAuthorization | None = None
        self._take: Callable[[Secret], None] | None = None
        self._offer: Offer | None = None
        self._stored: StoredLogin | None = None
        self._closed = False

    # what people do

    def click(self) -> None:
        """Sign in. Nothing happens while a login is on its way."""
        with self._lock:
            if self._closed or self._away or (self._state is not None and self._state.busy):
                return
            number = self._move(LoginState.STARTING, f"Asking {self.provider} for a login.")
        self._submit(partial(self._begin, number))

    def cancel(self) -> None:
        """Give up the login that is on its way."""
        with self._lock:
            if self._state is None or not self._state.busy:
                return
            login, self._login = self._login, None
            self._move(LoginState.CANCELLED, f"The {self._kind} was cancelled.")
        if login is not None:
            self._submit(login.cancel)
        self._changed()

    def paste(self, address: Secret) -> None:
        """Finish with the address on which the browser has ended; a wrong one is explained, and the login waits on."""
        with self._lock:
            number = self._number
            if self._take is None:
                return
            if not address.reveal().strip():
                self._problem = "Nothing was pasted: copy the whole address of the page that the login ended on."
                address = Secret("")
        if address:
            self._submit(partial(self._hand_in, number, address))
        else:
            self._changed()

    # what happens

    def heard(self, event: Event) -> None:
        """An event of the toolkit; only those of this profile's logins and tokens matter."""
        ours = event.profile_id == self.profile_id and event.name.startswith(("auth:", "token:"))
        if self._closed or self._away or not ours:
            return
        with self._lock:
            if event.name == "auth:started" and not self._beginning and self._login is None:
                self._elsewhere = True
                self._move(LoginState.WAITING, "A login is on its way, started elsewhere in this program.")
            elif event.name in ("auth:success", "auth:failed") and self._elsewhere:
                self._elsewhere = False
                if event.name == "auth:success":
                    self._move(None)
                else:
                    code, _, said = (event.error or "").partition(": ")
                    self._move(LoginState.FAILED, "The login that was started elsewhere has failed.", _told(code, said))
        self._submit(self.look)

    def leave(self, state: LoginState, why: str) -> None:
        """There is nothing to sign in to any more, because of ``why``; a login on its way ends."""
        with self._lock:
            if (self._state, self._sentence) == (state, why):
                return
            ours = self._login is not None or self._state is LoginState.STARTING
            login, self._login = self._login, None
            self._elsewhere, self._stored, self._trouble = False, None, ""
            self._move(state, why, "The login that was on its way was cancelled." if ours else "")
        if login is not None:
            login.cancel()

    def come_back(self) -> None:
        """After ``leave``: things stand as the stored login says, once one looks."""
        with self._lock:
            if self._away:
                self._move(None)

    def look(self) -> None:
        """See how the login on its way is doing, and what is stored. May take time."""
        with self._lock:
            if self._away:
                return
            login, number = self._login, self._number
        if login is not None and login.done:
            try:
                made = login.wait()
            except LoginError as error:
                self._end(number, error)
            else:
                self._end(number, made)
        try:
            stored, trouble = self._oauth.get_credential(self.profile_id), ""
        except CbauthError as error:
            stored, trouble = None, _sentence(str(error))
        with self._lock:
            if self._away:  # meanwhile
                return
            self._trouble = trouble
            # whoever signs in elsewhere, another process too, has the last word over what went wrong here
            if stored is not None and stored != self._stored and self._state is not None and self._state.vain:
                self._move(None)
            self._stored = stored

    @property
    def pause(self) -> float:
        """Seconds until it should be looked at again."""
        return GLANCE if self._login is not None else CALM

    def snapshot(self) -> LoginSnapshot:
        """How things stand now. Takes no time."""
        now = self._clock()
        with self._lock:
            state, sentence, until = standing(self._stored, self.provider, now)
            lasting = standing(self._stored, self.provider, now, lasting=True)[1]
            problem = self._problem or self._trouble or (self._misnamed() if state.good else "")
            if self._state is not None and self._state.vain and state.good:  # the login before it still stands
                problem = f"{self._sentence} {self._problem}".rstrip()
            elif self._state is not None:
                state, sentence, lasting = self._state, self._sentence, self._lasting
                problem = self._problem or self._trouble
                until = self._login.expires_at if self._login is not None else None
            return LoginSnapshot(
                profile_id=self.profile_id,
                provider=self.provider,
                state=state,
                sentence=sentence,
                lasting=lasting,
                at=now,
                until=until,
                problem=problem,
                offer=self._offer,
            )

    def close(self) -> None:
        """Give up what is on its way, and start nothing any more."""
        with self._lock:
            self._closed = True
            login, self._login = self._login, None
            self._move(None)
        if login is not None:
            login.cancel()

    # inside

    @property
    def _away(self) -> bool:
        return self._state is not None and self._state.away

    @property
    def _kind(self) -> str:
        """What to call a login that one signs in with."""
        return "new login" if standing(self._stored, self.provider, self._clock())[0].good else "login"

    def _misnamed(self) -> str:
        """What to say if the login is not that of the account that the file names: labels that it gives are its own."""
        made = self._stored.account if self._stored is not None else None
        if not self.account or not made or self.account.casefold() == made.casefold():
            return ""
        if "@" not in self.account or "@" not in made:
            return ""
        return f"The file names another account, {self.account}: sign in again with that one, or change the file."

    def _move(self, state: LoginState | None, sentence: str = "", problem: str = "", lasting: str = "") -> int:
        """Another state; whatever was under way belongs to the past. Gives its number."""
        self._state, self._sentence, self._lasting, self._problem = state, sentence, lasting or sentence, problem
        self._offer = self._take = None
        self._number += 1
        return self._number

    def _begin(self, number: int) -> None:
        with self._lock:
            if number != self._number:  # cancelled before it began
                return
            self._beginning = True
        try:
            login, offer, take = self._open()
        except CbauthError as error:
            self._end(number, error)
            return
        finally:
            self._beginning = False
        with self._lock:
            if number == self._number:
                until = login.expires_at
                said, lasting = (_waiting(offer, moment(until, now)) for now in (self._clock(), None))
                self._move(LoginState.WAITING, said, lasting=lasting)
                self._login, self._offer, self._take = login, offer, take
                return
        login.cancel()

    def _open(self) -> tuple[Authorization | DeviceAuthorization, Offer, Callable[[Secret], None] | None]:
        """A login, what to do for it, and who takes the address on which the browser ends."""
        if self._remote:
            try:
                device = self._oauth.begin_device(self.profile_id)
            except LoginError as error:
                if error.error != "no_device_flow":
                    raise
            else:
                page = device.verification_uri_complete or device.verification_uri
                return device, Offer(url=page, user_code=device.user_code), None
        login = self._oauth.begin(self.profile_id)
        return login, Offer(url=login.url, pastes=True), login.hand_in

    def _hand_in(self, number: int, address: Secret) -> None:
        with self._lock:
            take = self._take
            if number != self._number or take is None:
                return
        try:
            take(address)
        except LoginError as error:
            problem = "" if error.error == "already_answered" else _sentence(brief(error.description))
            with self._lock:
                if number == self._number:
                    self._problem = f"{problem} The login waits on." if problem else ""
            return
        with self._lock:
            if number == self._number:
                self._sentence = self._lasting = "The address is right; fetching the login."
                self._problem, self._offer = "", None
                self._take = None

    def _end(self, number: int, end: StoredLogin | CbauthError) -> None:
        """The login of that number has ended."""
        with self._lock:
            if number != self._number:
                return
            self._login = None
            if not isinstance(end, CbauthError):
                self._stored = end
                self._move(None)
            elif isinstance(end, LoginError) and end.error in LATE:
                self._move(LoginState.TIMED_OUT, f"Nobody has finished the {self._kind} in time; sign in again.")
            elif isinstance(end, LoginError) and end.error == "cancelled":
                self._move(LoginState.CANCELLED, f"The {self._kind} was cancelled, or another one took its place.")
            else:
                self._move(LoginState.FAILED, f"The {self._kind} to {self.provider} has failed.", _why(end))


def _waiting(offer: Offer, end: str) -> str:
    if offer.user_code:
        return f"Open the page on any device and compare or type the code, before {end}."
    return f"Open the page and sign in there, before {end}; this view goes on by itself."


def _why(error: CbauthError) -> str:
    """Why a login failed, and what to do next."""
    if isinstance(error, LoginError):
        return f"{_told(error.error, error.description)} Sign in again to try once more."
    return _sentence(str(error))


def _told(code: str, said: str) -> str:
    """What is said of an error, and then the code by which others know it, unless that says nothing more."""
    if not said and code == "access_denied":  # RFC 6749 section 4.1.2.1
        return "You, or the provider, did not allow it."
    if not said:
        return f"The provider said {brief(code)}." if code else ""
    known = code == "failed" or code.replace("_", " ") in said.casefold()
    return _sentence(brief(said) if known else f"{brief(said).rstrip('.')} ({brief(code)})")


def _sentence(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    first = text.partition(" ")[0]
    if first.rstrip(",;:").isalpha():  # no name of a setting or a program
        text = first.capitalize() + text[len(first) :] if first.islower() else text
    return f"{text}." if text else ""
