"""Which place logins are kept in, decided once for each user and remembered in the file ``backend``."""

from __future__ import annotations

from pathlib import Path

from cbauth.errors import ConfigError, StoreError
from cbauth.oauth.credentials.files import FileStore
from cbauth.oauth.credentials.folder import PrivateFolder
from cbauth.oauth.credentials.record import CredentialStore
from cbauth.oauth.credentials.vault import PATIENCE, KeyringStore
from cbauth.secrets import Secret

__all__ = ["credentials_folder", "is_decided", "open_credentials"]

CHOICES = ("auto", "keyring", "file")
MEMORY = "backend"


def credentials_folder() -> Path:
    """The folder for logins, by the rules of the platform. It may not exist yet."""
    from platformdirs import user_data_path

    return user_data_path("cbauth", appauthor=False) / "credentials"


def open_credentials(
    choice: str = "auto", folder: Path | None = None, *, patience: float = PATIENCE
) -> CredentialStore:
    """The place for logins.

    ``auto`` is what was decided before; the first time, the keyring if it keeps what it is given, else files. The names
    of places leave that decision as it is. ``folder``: for files, locks and the decision. ``patience``: seconds within
    which a keyring has to answer. Raises ``StoreError`` when the keyring was chosen and cannot be used.
    """
    if choice not in CHOICES:
        raise ConfigError(f"logins are kept in one of {', '.join(CHOICES)}, not in {choice!r}")
    place = PrivateFolder(folder or credentials_folder())
    if choice == "file":
        return FileStore(place)
    vault = KeyringStore(place, patience=patience)
    if choice == "keyring":
        listed, fault = vault.look()
        fault = fault or ("" if listed else vault.probe())
        if fault:
            raise StoreError(
                f"the system's keyring cannot be used: {fault}. Unlock or start it, or set"
                " `credentials: {store: file}`"
            )
        return vault
    chosen = _remembered(place)
    if chosen is None:
        with place.lock("choice", 2 * patience):  # of several who begin at once, one decides
            chosen = _remembered(place)
            if chosen is None:
                chosen = "file" if vault.probe() else "keyring"
                place.write(MEMORY, Secret(f"{chosen}\n"))
                return vault if chosen == "keyring" else FileStore(place)
    if chosen == "file":
        return FileStore(place)
    _, fault = vault.look()
    fault = fault and vault.probe()
    if fault:
        raise StoreError(
            f"logins are kept in the system's keyring, and it cannot be used now: {fault}. Unlock or start it; or set"
            f" `credentials: {{store: file}}`, or remove {place.path / MEMORY}, and log in again"
        )
    return vault


def is_decided() -> bool:
    """Whether ``auto`` has been decided, which the first login does; asking decides nothing. Raises ``StoreError``."""
    return _remembered(PrivateFolder(credentials_folder())) is not None


def _remembered(place: PrivateFolder) -> str | None:
    content = place.read(MEMORY)
    chosen = content.text.reveal().strip() if content is not None and content.text is not None else ""
    return chosen if chosen in CHOICES[1:] else None
