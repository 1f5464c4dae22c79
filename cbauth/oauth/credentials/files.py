"""Logins in files: one for each provider and account, ``PROVIDER-ACCOUNT-DIGEST.json``.

The digest alone says whose file it is; what stands before it is for people. Names are lower case, without points, and
end in the digest, so that no file system takes two for one and none is a device of Windows.
"""

from __future__ import annotations

import hashlib
import logging
import re
from contextlib import AbstractContextManager

from cbauth.errors import StoreError
from cbauth.oauth.credentials.folder import LARGEST, PrivateFolder
from cbauth.oauth.credentials.record import Credential, Flaw, dump, parse
from cbauth.secrets import Secret

__all__ = ["FileStore", "digest_of", "newer", "text_of"]

LONGEST = 40
"""Characters of a provider or an account in a file's name."""
TRIES = 3
_NAME = re.compile(r"[a-z0-9-]+-([0-9a-f]{16})\.json(\.damaged-.*)?")

_log = logging.getLogger("cbauth.oauth")


class FileStore:
    """Files in a folder for its owner alone."""

    fresh_for = 1.0

    def __init__(self, folder: PrivateFolder) -> None:
        self._folder = folder

    @property
    def description(self) -> str:
        """Where logins are kept."""
        return f"files in {self._folder}"

    def load(self, key: str) -> Credential | None:
        """The login, if there is one. Raises ``StoreError``."""
        names = self._names(digest_of(key))
        return self._read(names[0], key) if names else None

    def save(self, credential: Credential) -> None:
        """Keep a login. Raises ``StoreError``; then the old one is intact."""
        digest = digest_of(credential.key)
        text = text_of(credential)
        self._folder.sweep()
        names = self._names(digest)
        name = names[0] if names else _name(credential, digest)
        content = self._folder.read(name) if names else None
        if content is not None and content.text is not None:
            known = parse(content.text)
            if isinstance(known, Flaw) and known.newer:
                raise newer(str(self._folder.path / name), known)
        self._folder.write(name, text)

    def delete(self, key: str) -> bool:
        """Remove a login, and what was set aside of it. Raises ``StoreError``."""
        digest = digest_of(key)
        names = self._names(digest)
        self._folder.remove([*names, *self._names(digest, damaged=True)])
        self._folder.mark(digest, "")
        self._folder.sweep()
        return bool(names)

    def mark(self, key: str, refused: str) -> None:
        """Remember that a token of a login is refused. Raises ``StoreError``."""
        self._folder.mark(digest_of(key), refused)

    def marked(self, key: str) -> str:
        """What was marked last. Raises ``StoreError``."""
        return self._folder.marked(digest_of(key))

    def all(self) -> list[Credential]:
        """Every login that can be read. Raises ``StoreError`` when the folder cannot."""
        found: dict[str, Credential] = {}
        for name in self._names():
            try:
                credential = self._read(name)
            except StoreError as error:
                _log.warning("%s", error)
                continue
            if credential is not None:
                found.setdefault(credential.key, credential)
        return sorted(found.values(), key=lambda each: (each.provider_id, each.account or "", each.key))

    def lock(self, key: str, timeout: float) -> AbstractContextManager[None]:
        """Hold the lock of a login. Raises ``StoreError`` after ``timeout`` seconds."""
        return self._folder.lock(digest_of(key), timeout)

    def __repr__(self) -> str:
        return f"<{self.description}>"

    def _names(self, digest: str | None = None, *, damaged: bool = False) -> list[str]:
        matches = [match for name in self._folder.names() if (match := _NAME.fullmatch(name))]
        return [match[0] for match in matches if digest in (None, match[1]) and bool(match[2]) is damaged]

    def _read(self, name: str, key: str | None = None) -> Credential | None:
        """The login in a file. One that is damaged is set aside, unless somebody has replaced it meanwhile."""
        for _ in range(TRIES):
            content = self._folder.read(name)
            if content is None:
                return None
            found = Flaw(content.flaw) if content.text is None else parse(content.text, key)
            if isinstance(found, Credential) and not name.endswith(f"-{digest_of(found.key)}.json"):
                found = Flaw("it belongs to another login")
            if isinstance(found, Credential):
                return found
            if found.newer:
                raise newer(str(self._folder.path / name), found)
            if self._folder.set_aside(name, content, found.why):
                return None
        return None


def digest_of(key: str) -> str:
    """What stands for a key in the names of files: 8 bytes of SHA-256."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def text_of(credential: Credential) -> Secret:
    """The text to store. Raises ``StoreError`` when it cannot be read back."""
    text = dump(credential)
    if isinstance(text, Flaw):
        why = text.why
    elif len(text.reveal()) > LARGEST:
        why = f"it is larger than {LARGEST} bytes"
    else:
        return text
    raise StoreError(f"the login of {credential.id} cannot be stored: {why}. What was stored is unchanged")


def newer(place: str, flaw: Flaw) -> StoreError:
    """The error for a login that is left to a newer cbauth."""
    return StoreError(f"{place} is left as it is: {flaw.why}; update this one with `pip install -U cbauth`")


def _name(credential: Credential, digest: str) -> str:
    words = (_slug(credential.provider_id) or "login", _slug(credential.account or ""), digest)
    return "-".join(word for word in words if word) + ".json"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:LONGEST].strip("-")
