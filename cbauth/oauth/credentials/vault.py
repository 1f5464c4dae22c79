"""Logins in the system's keyring. The ``keyring`` package (extra ``keyring``) is loaded when first used.

Laws:

1. A keyring is believed only as far as it was seen: what it was given is read back.
2. No exception of a keyring leaves this module, for it may hold more than it should; only its type is told.
3. A keyring is waited for with an end: on machines without a desktop, some ask a question that nobody can see.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

from cbauth.errors import StoreError
from cbauth.oauth.credentials.files import digest_of, newer, text_of
from cbauth.oauth.credentials.folder import PrivateFolder
from cbauth.oauth.credentials.record import Credential, Flaw, parse
from cbauth.secrets import Secret

__all__ = ["KeyringStore"]

SERVICE = "cbauth"
INDEX = ":index"
"""The entry that lists the others: keyrings cannot be asked what they hold."""
PROBE = 4096
"""Characters that a keyring has to hold to be used; that of Windows holds 1280."""
PATIENCE = 30.0
"""Seconds within which a keyring has to answer; somebody may have to unlock it."""
WEAK = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")
NOT_INSTALLED = 'the keyring package is not installed; run `pip install "cbauth[keyring]"`'

_log = logging.getLogger("cbauth.oauth")


class KeyringStore:
    """Entries of the service ``cbauth``, one for each login. Locks are files in ``folder``."""

    description = "keyring"
    fresh_for = 10.0

    def __init__(self, folder: PrivateFolder, *, patience: float = PATIENCE) -> None:
        self._folder = folder
        self._patience = patience
        self._warned: set[str] = set()

    def probe(self) -> str:
        """Why this keyring cannot be used; empty when it keeps, shows and forgets a text of ``PROBE`` characters."""
        user, text = f":probe-{secrets.token_hex(8)}", Secret(secrets.token_hex(PROBE // 2))

        def use(ring: Any) -> Secret | None:
            _refuse_weak(ring)
            try:
                ring.set_password(SERVICE, user, text.reveal())
                if _get(ring, user) != text:
                    raise _UnusableError(f"it does not keep a text of {PROBE} characters")
            except BaseException:
                with suppress(Exception):
                    ring.delete_password(SERVICE, user)
                raise
            _forget(ring, user)
            return None

        return self._asked(use)[1]

    def look(self) -> tuple[bool, str]:
        """Whether logins are listed in the keyring, and why it cannot tell; reads one entry."""

        def use(ring: Any) -> Secret | None:
            _refuse_weak(ring)
            return _get(ring, INDEX)

        index, fault = self._asked(use)
        return index is not None, fault

    def load(self, key: str) -> Credential | None:
        """The login, if there is one. Raises ``StoreError``."""
        return self._parsed(key, self._get(key))

    def save(self, credential: Credential) -> None:
        """Keep a login. Raises ``StoreError``; then the old one is there, if the keyring takes it back."""
        key, text = credential.key, text_of(credential)
        with self._writing():
            old = self._get(key)
            if old is not None:
                known = parse(old)
                if isinstance(known, Flaw) and known.newer:
                    raise newer(f"the entry {SERVICE}/{key} of the keyring", known)
            self._list(key, listed=True)
            fault = self._put(key, text)
            if fault:
                if old is not None:
                    self._put(key, old)
                else:
                    self._asked(lambda ring: _forget(ring, key))
                raise StoreError(
                    f"the keyring has not stored the login of {credential.id}: {fault}; unlock it, or set"
                    " `credentials: {store: file}` and log in again"
                )

    def delete(self, key: str) -> bool:
        """Remove a login. Raises ``StoreError``."""
        with self._writing():
            there = self._get(key) is not None
            if there:
                _, fault = self._asked(lambda ring: _forget(ring, key))
                if fault:
                    raise _failure(fault)
            self._list(key, listed=False)
        self._folder.mark(digest_of(key), "")
        return there

    def mark(self, key: str, refused: str) -> None:
        """Remember that a token of a login is refused. Raises ``StoreError``."""
        self._folder.mark(digest_of(key), refused)

    def marked(self, key: str) -> str:
        """What was marked last. Raises ``StoreError``."""
        return self._folder.marked(digest_of(key))

    def all(self) -> list[Credential]:
        """Every login that is listed and can be read. Raises ``StoreError`` when the list cannot."""
        found = []
        for key in self._listed():
            try:
                credential = self.load(key)
            except StoreError as error:
                _log.warning("%s", error)
                continue
            if credential is not None:
                found.append(credential)
        return sorted(found, key=lambda each: (each.provider_id, each.account or "", each.key))

    def lock(self, key: str, timeout: float) -> AbstractContextManager[None]:
        """Hold the lock of a login. Raises ``StoreError`` after ``timeout`` seconds."""
        return self._folder.lock(digest_of(key), timeout)

    def __repr__(self) -> str:
        return f"<{self.description}>"

    def _writing(self) -> AbstractContextManager[None]:
        """One process at a time changes entry and list."""
        return self._folder.lock("keyring", self._patience + 1)

    def _parsed(self, key: str, text: Secret | None) -> Credential | None:
        if text is None:
            return None
        found = parse(text, key)
        if isinstance(found, Credential):
            return found
        if found.newer:
            raise newer(f"the entry {SERVICE}/{key} of the keyring", found)
        self._warn(key, found.why)
        return None

    def _warn(self, user: str, why: str) -> None:
        if user not in self._warned:
            self._warned.add(user)
            _log.warning("the entry %s/%s of the keyring is damaged (%s) and is not used", SERVICE, user, why)

    def _listed(self) -> list[str]:
        text = self._get(INDEX)
        keys = _keys(text) if text is not None else []
        if keys is None:
            self._warn(INDEX, "it is no list of logins")
        return keys or []

    def _list(self, key: str, *, listed: bool) -> None:
        """Put a key into the list, or take it out. Raises ``StoreError``."""
        keys = self._listed()
        if (key in keys) is not listed:
            wanted = sorted({*keys, key} if listed else {*keys} - {key})
            fault = self._put(INDEX, Secret(json.dumps({"version": 1, "keys": wanted})))
            if fault:
                raise _failure(fault)

    def _get(self, user: str) -> Secret | None:
        text, fault = self._asked(lambda ring: _get(ring, user))
        if fault:
            raise _failure(fault)
        return text

    def _put(self, user: str, text: Secret) -> str:
        """Store a text and see that it is there; gives what went wrong."""
        kept, fault = self._asked(lambda ring: ring.set_password(SERVICE, user, text.reveal()) or _get(ring, user))
        return fault or ("" if kept == text else f"it does not keep a text of {len(text.reveal())} characters")

    def _asked(self, ask: Callable[[Any], Secret | None]) -> tuple[Secret | None, str]:
        """What a keyring has answered, and what went wrong: in a thread of its own, which may never come back."""
        answers: list[tuple[Secret | None, str]] = []
        thread = threading.Thread(target=lambda: answers.append(_answer(ask)), name="cbauth-keyring", daemon=True)
        thread.start()
        thread.join(self._patience)
        return answers[0] if answers else (None, f"it has not answered within {self._patience:g} s")


class _UnusableError(Exception):
    """Why a keyring is not used; its text is ours."""


def _answer(ask: Callable[[Any], Secret | None]) -> tuple[Secret | None, str]:
    try:
        import keyring
    except ImportError:
        return None, NOT_INSTALLED
    try:
        return ask(keyring.get_keyring()), ""
    except _UnusableError as error:
        return None, str(error)
    except keyring.errors.NoKeyringError:
        return None, "this system has none that works"
    except keyring.errors.KeyringLocked:
        return None, "it is locked"
    except BaseException as error:
        return None, f"it failed with {type(error).__name__}"


def _get(ring: Any, user: str) -> Secret | None:
    password = ring.get_password(SERVICE, user)
    return None if password is None else Secret(password)


def _forget(ring: Any, user: str) -> None:
    ring.delete_password(SERVICE, user)
    if ring.get_password(SERVICE, user) is not None:
        raise _UnusableError("it does not forget")


def _refuse_weak(ring: Any) -> None:
    """Raise ``_UnusableError`` for what keeps nothing, or keeps it for everybody to read."""
    first = next(iter(getattr(ring, "backends", ())), ring)  # of several in a chain, the first is written to
    kind = type(first)
    if kind.__module__.startswith(WEAK) or "plaintext" in kind.__name__.lower():
        raise _UnusableError(f"{kind.__module__}.{kind.__name__} is no safe place")


def _keys(text: Secret) -> list[str] | None:
    try:
        data = json.loads(text.reveal())
        keys = data["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return keys if isinstance(keys, list) and all(isinstance(key, str) for key in keys) else None


def _failure(fault: str) -> StoreError:
    return StoreError(
        f"logins are kept in the system's keyring, and it cannot be used now: {fault}. Unlock or start it, or set"
        " `credentials: {store: file}` and log in again"
    )
