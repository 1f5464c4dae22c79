"""Tokens that an OAuth manager keeps, as a source among the others."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol

from cbauth.errors import LoginRequiredError, RefreshError, StoreError
from cbauth.secrets import Secret

__all__ = ["ManagedToken", "TokenManager"]


class TokenManager(Protocol):
    """What an OAuth manager offers to this one."""

    def get_access_token(self, credential_id: str) -> str:
        """A token that works now."""

    def get_credential(self, credential_id: str) -> Any:
        """The stored login, or ``None``."""

    def is_token_expired(self, credential: Any) -> bool:
        """Whether its access token has expired."""


class ManagedToken:
    """A source whose tokens come from an OAuth manager."""

    slow = True

    def __init__(self, oauth: TokenManager | None, profile_id: str, credential_id: str | None) -> None:
        self._oauth = oauth
        self._profile_id = profile_id
        self._credential_id = credential_id
        self.description = f"oauth:{credential_id or profile_id}"

    def _login(self) -> Any:
        if self._oauth is None or self._credential_id is None:
            return None
        return self._oauth.get_credential(self._credential_id)

    def missing(self) -> str | None:
        """An expired token is fine as long as it can be refreshed."""
        try:
            login = self._login()
        except StoreError as error:
            return str(error)
        if login is None:
            return f"needs a login: run `cbauth login {self._profile_id}`"
        if self._oauth is not None and self._oauth.is_token_expired(login) and not getattr(login, "refreshable", True):
            return f"its login has expired: run `cbauth login {self._profile_id}`"
        return None

    def get(self) -> Secret:
        """A token that works now. Raises ``LoginRequiredError`` when nobody is logged in, ``RefreshError``."""
        if self._oauth is None or self._credential_id is None:
            raise LoginRequiredError(self._profile_id)
        try:
            return Secret(self._oauth.get_access_token(self._credential_id))
        except StoreError as error:  # nobody's health has to do with it, and it may be over soon
            trouble = str(error)
        raise RefreshError(trouble, temporary=True, profile_id=self._profile_id)

    def forget(self) -> None:
        """Nothing is kept here."""

    @property
    def expires_at(self) -> float | None:
        """When the current token expires, epoch seconds."""
        with suppress(StoreError):
            return getattr(self._login(), "expires_at", None)
        return None

    def renew(self, refused: Secret | None = None) -> None:
        """Refresh the token that was refused; only once, if many find out at a time."""
        renew, refresh = getattr(self._oauth, "renew", None), getattr(self._oauth, "refresh_token", None)
        if renew is not None and refused is not None:
            renew(self._credential_id, refused)
        elif refresh is not None:
            refresh(self._credential_id)
        else:
            raise LoginRequiredError(self._profile_id)
