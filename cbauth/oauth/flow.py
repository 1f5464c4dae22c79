"""The authorization code flow: a page in a browser anywhere, and two ways back from it.

The redirect is received by a server on this machine, or pasted by a person whose browser runs elsewhere; whichever is
first is redeemed, once. The exchange is made after the browser has its page, in the login's own thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from cbauth.errors import LoginError
from cbauth.oauth.credentials import Credential
from cbauth.oauth.login import Keep, Login, Outcome
from cbauth.oauth.loopback import Loopback
from cbauth.oauth.request import Answer, AuthorizationRequest
from cbauth.oauth.settings import an_address
from cbauth.secrets import Secret

__all__ = ["Authorization", "Redeem", "denial"]

Redeem = Callable[[AuthorizationRequest, Secret], Credential]
"""Exchanges the code of a callback. Raises ``LoginError``."""


def denial(answer: Answer, profile_id: str | None) -> LoginError | None:
    """The provider's "no" in a callback (RFC 6749 section 4.1.2.1), made fit to be shown."""
    from cbauth.outcomes.redaction import brief, redact

    if not answer.error:
        return None
    return LoginError(brief(redact(answer.error)), brief(redact(answer.description)), profile_id=profile_id)


class Authorization(Login):
    """A login that waits for the browser to come back. ``url`` is what to open there.

    ``redirect_uri`` is where it comes back to.
    """

    def __init__(
        self,
        request: Callable[[str], AuthorizationRequest],
        redirect_uris: tuple[str, ...],
        *,
        name: str,
        profile_id: str | None,
        expires_at: float,
        seconds: float,
        redeem: Redeem,
        keep: Keep,
        ended: Outcome,
    ) -> None:
        super().__init__(name, profile_id, expires_at, seconds, keep, ended)
        self._redeem = redeem
        self._taken = threading.Lock()
        self._answered: Answer | None = None
        self._loopback = Loopback(redirect_uris, self._accept)
        try:
            self._request = request(self._loopback.redirect_uri)
        except BaseException:
            self._loopback.close()
            raise

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        return self._request.url

    @property
    def redirect_uri(self) -> str:
        """Where the browser comes back to: byte for byte as registered, with the real port."""
        return self._request.redirect_uri

    def owns(self, state: str) -> bool:
        """Whether a callback with this ``state`` is this login's."""
        return self._request.owns(state)

    def complete(self, pasted_url: str) -> Credential:
        """Finish with the address on which the browser has ended.

        Raises ``LoginError``: if it is the wrong address the login goes on waiting, else with how the login ended.
        """
        url, pasted_url = an_address(pasted_url), ""  # frames of errors must not show it
        self.hand_in(url)
        return self.wait()

    def hand_in(self, pasted: Secret) -> None:
        """``complete``, for those who do not wait. Raises ``LoginError`` if it is the wrong address."""
        answer = self._request.pasted(pasted)
        if self._stopped is not None:
            self._answer()
        if self.done or not self._take(answer):
            raise LoginError("already_answered", "this login has had its answer", profile_id=self.profile_id)
        self._loopback.close()

    def _accept(self, params: Mapping[str, str]) -> str | None:
        """Whether the server takes a callback: the reason if not."""
        why = self._request.objection(params)
        return why or (None if self._take(Answer.of(params)) else "the login has had its answer")

    def _take(self, answer: Answer) -> bool:
        """Take the one answer that counts."""
        with self._taken:
            if self._answered is not None or self._stopped is not None:
                return False
            self._answered = answer
            return True

    def _wake(self) -> None:
        super()._wake()
        self._loopback.close()

    def _run(self) -> Credential:
        try:
            self._loopback.wait(max(0.0, self._left))
        finally:
            self._loopback.close()
        with self._taken:
            answer = self._answered
            if answer is None or self._stopped is not None:
                raise self._stopped or self._late()
        denied = denial(answer, self.profile_id)
        if denied is not None:
            raise denied
        return self._redeem(self._request, answer.code)

    def __repr__(self) -> str:
        return f"<Authorization for {self.id}, returning to {self.redirect_uri}>"
