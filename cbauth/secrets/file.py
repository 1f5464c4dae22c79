"""Credentials from files, such as those that container platforms mount."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from cbauth.errors import AuthError
from cbauth.secrets.secret import Secret, vetted

__all__ = ["File"]

LARGEST = 65536
"""Bytes. A key is shorter; whatever is larger is not a key."""
SHARED = stat.S_IRGRP | stat.S_IROTH

_log = logging.getLogger("cbauth.secrets")

Stamp = tuple[int, int, int, int]


class File:
    """The text of a regular file, read again when the file changes. ``~`` is the user's home.

    Blanks and line ends around the text are dropped, as is a byte order mark.
    """

    slow = True

    def __init__(self, path: str, base_dir: Path | None = None) -> None:
        self._path = os.path.join(base_dir or "", os.path.expanduser(path))
        self._known: tuple[Stamp, Secret] | None = None
        self._warned = False
        self.description = f"file:{path}"

    def missing(self) -> str | None:
        """Why not: there is no such file, or it is none."""
        try:
            status = os.stat(self._path)
        except (OSError, ValueError) as error:
            return f"{self.description} cannot be read: {_reason(error)}"
        return None if stat.S_ISREG(status.st_mode) else f"{self.description} is not a regular file"

    def get(self) -> Secret:
        """The file's text. Raises ``AuthError`` when it cannot be read or sent."""
        secret, fault = self._read()
        if secret is None:
            raise AuthError(f"{self.description} {fault}")
        return vetted(secret, self.description)

    def forget(self) -> None:
        """Read the file again the next time, even if it looks the same."""
        self._known = None

    def _read(self) -> tuple[Secret | None, str]:
        """The text, or what is wrong with the file."""
        known = self._known
        try:
            if known is not None and _stamp(os.stat(self._path)) == known[0]:
                return known[1], ""
            # O_NONBLOCK: opening a FIFO would wait for its writer
            descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        except (OSError, ValueError) as error:
            return None, f"cannot be read: {_reason(error)}"
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return None, "is not a regular file"
            with open(descriptor, "rb", closefd=False) as file:
                secret = _decoded(file.read(LARGEST + 1))
        except OSError as error:
            return None, f"cannot be read: {_reason(error)}"
        finally:
            os.close(descriptor)
        if isinstance(secret, str):
            return None, secret
        self._warn(status)
        self._known = (_stamp(status), secret)
        return secret, ""

    def _warn(self, status: os.stat_result) -> None:
        if os.name == "posix" and status.st_mode & SHARED and not self._warned:
            self._warned = True
            _log.warning("%s can be read by other users: run `chmod 600 %s`", self.description, self._path)

    def __repr__(self) -> str:
        return f"File({self._path!r})"


def _decoded(raw: bytes) -> Secret | str:
    """The secret in the bytes of a file, or what is wrong with them."""
    if len(raw) > LARGEST:
        return "is larger than 64 KiB, so it is not a key"
    try:
        return Secret(raw.decode("utf-8-sig").strip())
    except UnicodeDecodeError:  # it holds the bytes, so it goes no further
        return "is not UTF-8 text"


def _stamp(status: os.stat_result) -> Stamp:
    """What changes when the file does."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "its path is not usable"
