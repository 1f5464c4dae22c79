"""What all ways to log in have in common: one end, which comes once, and whoever waits for it.

Laws:

1. A login ends once: with a credential that is stored, or with a ``LoginError``. What comes later changes nothing.
2. It ends by itself: by the person, by the provider, by ``cancel()``, or when its time is over.
3. Whoever waits learns of the end after it was told (the events) and everything it used is given back (the port).
4. An interrupt (Ctrl-C) while waiting cancels the login.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic
from typing import NoReturn

from cbauth.errors import AuthError, CbauthError, LoginError, StoreError
from cbauth.forks import in_child
from cbauth.oauth.credentials import Credential
from cbauth.oauth.settings import a_number

__all__ = ["Keep", "Login", "Outcome"]

Keep = Callable[[Credential], None]
"""Stores a login. Raises ``StoreError``."""
Outcome = Callable[[Credential | LoginError], None]
"""Told how a login ended, before anybody who waits is."""

GLANCE = 0.25
"""Seconds between two looks of somebody who waits: on Windows, Ctrl-C is only noticed in between."""
PATIENCE = 1.0
"""Seconds that cancelling waits for the end; a request that is under way takes longer, and changes nothing any more."""


class Login(ABC):
    """A login on its way, in a daemon thread. ``expires_at``: epoch seconds, when it ends by itself.

    ``seconds`` is how long that is from now. ``profile_id`` is ``None`` for a login with a provider alone.
    """

    def __init__(
        self, name: str, profile_id: str | None, expires_at: float, seconds: float, keep: Keep, ended: Outcome
    ) -> None:
        self.id = name
        self.profile_id = profile_id
        self.expires_at = expires_at
        self._until = monotonic() + seconds
        self._keep = keep
        self._ended = ended
        self._keeping = False
        self._thread = threading.Thread(target=self._live, name=f"cbauth login {name}", daemon=True)
        self._news = threading.Condition()
        self._stopped: LoginError | None = None
        self._credential: Credential | None = None
        self._error: LoginError | None = None
        in_child(self)

    def start(self) -> None:
        """Let it run."""
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it has ended; then ``wait`` answers at once."""
        return self._credential is not None or self._error is not None

    def wait(self, timeout: float | None = None) -> Credential:
        """The login, once it is made and stored.

        Raises ``LoginError`` when it was denied, cancelled or late, with the provider's ``error`` where there is one.
        When ``timeout`` (seconds) is over it raises one as well, but the login goes on, and one may wait again.
        """
        limit = None if timeout is None else monotonic() + a_number(timeout, "timeout")
        try:
            with self._news:
                while not self.done:
                    left = GLANCE if limit is None else min(GLANCE, limit - monotonic())
                    if left <= 0:
                        break
                    self._news.wait(left)
        except BaseException:
            self.cancel()
            raise
        return self._answer()

    def cancel(self) -> None:
        """End the login, if it has not ended, and free what it uses. May be called again, and from any thread."""
        self._stop(LoginError("cancelled", "the login was cancelled", profile_id=self.profile_id))

    @abstractmethod
    def _run(self) -> Credential:
        """Do all of it but the storing. Raises ``LoginError``; ``_stopped`` when there is one."""

    def _wake(self) -> None:
        """Make ``_run`` look at what has changed."""
        with self._news:
            self._news.notify_all()

    @property
    def _left(self) -> float:
        """Seconds until it ends by itself."""
        return self._until - monotonic()

    def _late(self) -> LoginError:
        return LoginError(
            "timeout", "nobody has finished the login in time; start it again", profile_id=self.profile_id
        )

    def _stop(self, error: LoginError) -> None:
        """Have ``_run`` end with ``error``, and wait until it has."""
        with self._news:
            if self._stopped is None and not self._keeping:
                self._stopped = error
        self._wake()
        if threading.current_thread() is not self._thread:
            with self._news:
                self._news.wait_for(lambda: self.done, None if self._keeping else PATIENCE)

    def _live(self) -> None:
        try:
            made = self._run()
            with self._news:
                if self._stopped is not None:
                    raise self._stopped
                self._keeping = True
            self._keep(made)
            end: Credential | LoginError = made
        except LoginError as error:
            end = LoginError(error.error, error.description, profile_id=self.profile_id)
        except (AuthError, StoreError) as error:
            end = LoginError("not_stored" if isinstance(error, StoreError) else "failed", str(error))
        except CbauthError as error:
            end = LoginError("failed", str(error), profile_id=self.profile_id)
        except Exception as error:  # its text may hold anything
            end = LoginError("failed", f"internal fault: {type(error).__name__}", profile_id=self.profile_id)
        try:
            self._ended(end)
        finally:
            with self._news:
                if isinstance(end, Credential):
                    self._credential = end
                else:
                    self._error = end
                self._news.notify_all()

    def _answer(self) -> Credential:
        if self._credential is not None:
            return self._credential
        error = self._error or self._stopped or LoginError("timeout", "nobody has finished the login so far")
        raise LoginError(error.error, error.description, profile_id=self.profile_id)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a login on its way cannot be pickled or copied")

    def after_fork_in_child(self) -> None:
        """It goes on in the parent; here nobody works at it, so nobody may wait for it."""
        self._news = threading.Condition()
        if not self.done:
            self._stopped = self._error = LoginError(
                "forked", "the login goes on in the process that began it", profile_id=self.profile_id
            )
