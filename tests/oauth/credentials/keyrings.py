"""Keyrings in memory: one that works, and some that do not. Real backends, which the keyring package itself calls."""

from __future__ import annotations

import threading

import keyring.backend
import keyring.errors

WINDOWS = 1280
"""Characters that the keyring of Windows holds."""


class InMemory(keyring.backend.KeyringBackend):
    """A keyring that works. ``error`` is raised by every call while it is set."""

    priority = 1

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.error: Exception | None = None
        self.calls: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self._called("get")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._called("set")
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._called("delete")
        if self.entries.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("not found")

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.error is not None:
            raise self.error


class Short(InMemory):
    """One that refuses what is too long, as that of Windows does."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password) > WINDOWS:
            raise keyring.errors.PasswordSetError(f"too long: {password}")
        super().set_password(service, username, password)


class Truncating(InMemory):
    """One that cuts off what is too long, and says nothing. ``limit`` may change."""

    limit = WINDOWS

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password[: self.limit])


class Lying(InMemory):
    """One that stores nothing and says that it has."""

    def set_password(self, service: str, username: str, password: str) -> None:
        self._called("set")


class Clinging(InMemory):
    """One that does not forget."""

    def delete_password(self, service: str, username: str) -> None:
        self._called("delete")


class PlaintextKeyring(InMemory):
    """One that works, but says by its name what it does."""


class Silent(InMemory):
    """One that waits for an answer from somebody who is not there. ``answers`` ends that."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()

    def _called(self, name: str) -> None:
        self.answers.wait(20)


class Talkative(InMemory):
    """One that says everything it knows when it fails, once ``fails`` is set."""

    fails = False

    def get_password(self, service: str, username: str) -> str | None:
        password = super().get_password(service, username)
        if self.fails:
            raise ValueError(f"cannot show {password}")
        return password

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.fails:
            raise ValueError(f"cannot store {password}")
        super().set_password(service, username, password)
