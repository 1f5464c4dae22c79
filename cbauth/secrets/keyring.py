"""Credentials from the system's keyring. The ``keyring`` package (extra ``keyring``) is loaded when first used."""

from __future__ import annotations

from importlib.util import find_spec

from cbauth.errors import AuthError
from cbauth.secrets.remembered import Remembered
from cbauth.secrets.secret import Secret, vetted

__all__ = ["Keyring"]

NOT_INSTALLED = 'the keyring package is not installed: run `pip install "cbauth[keyring]"`'


class Keyring(Remembered):
    """A password in the system's keyring, remembered until ``forget()``."""

    def __init__(self, service: str, user: str) -> None:
        super().__init__()
        self._service = service
        self._user = user
        self.description = f"keyring:{service}/{user}"

    def missing(self) -> str | None:
        """Why not: the package is missing. What the keyring holds is not looked up."""
        try:
            return None if find_spec("keyring") is not None else NOT_INSTALLED
        except ValueError:  # it is loaded, and by an unusual way
            return None

    def _ask(self) -> Secret:
        secret, fault = self._look_up()
        if secret is None:
            raise AuthError(fault)
        return vetted(secret, self.description)

    def _look_up(self) -> tuple[Secret | None, str]:
        """The password, or what went wrong. A backend's exception ends here: it may hold more than it should."""
        try:
            import keyring
        except ImportError:
            return None, NOT_INSTALLED
        try:
            return Secret((keyring.get_password(self._service, self._user) or "").strip()) or None, (
                f"the keyring has no password for {self._service}/{self._user}:"
                f" run `keyring set {self._service} {self._user}`"
            )
        except keyring.errors.NoKeyringError:
            return None, f"{self.description}: this system has no keyring that works; use env: or file: here"
        except keyring.errors.KeyringLocked:
            return None, f"{self.description}: the keyring is locked; unlock it and try again"
        except Exception as error:
            return None, f"{self.description}: the keyring failed with {type(error).__name__}"

    def __repr__(self) -> str:
        return f"Keyring({self._service!r}, {self._user!r})"
