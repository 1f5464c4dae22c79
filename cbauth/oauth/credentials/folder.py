"""A folder for its owner alone: reading without being led astray, writing whole or not at all, locking.

Laws:

1. Only regular files of this very user are read; symbolic links, FIFOs and devices are not followed or waited for.
2. A file is written beside its place, brought to the disk and moved there: it is always one of the whole versions.
3. Files are 0600, the folder is 0700. Where they are not, that is put right, and told.
4. Nothing that is damaged is thrown away, and nothing that is not damaged is set aside.
5. Locks belong to processes, and go with them. Their files stay, for a file that went could be locked twice.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from cbauth.errors import StoreError
from cbauth.secrets import Secret

__all__ = ["LARGEST", "Content", "PrivateFolder"]

LARGEST = 1024 * 1024
"""Bytes. No login is that large."""
LEFT_OVER = 60.0
"""Seconds after which a file that was being written is nobody's any more."""
PATIENCE = 10.0
"""Seconds to wait for those who only move a file."""
POLL = 0.01
"""Seconds between two tries to get a lock."""

_POSIX = os.name == "posix"
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_HOLDER = re.compile(r"(\d{1,10}) ([\w.-]{1,255})\n", re.ASCII)
_ADVICE = {
    errno.ENOSPC: "free some space on the disk",
    errno.EDQUOT: "free some of your space on the disk",
    errno.EROFS: "it is on a read-only file system",
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "it is in the place of a folder: move it away"),
}

_open_to_others: set[Path] = set()
_log = logging.getLogger("cbauth.oauth")


class Content(NamedTuple):
    """What a file holds: its text, or ``None`` and what is wrong. ``identity`` tells it from other files there."""

    text: Secret | None
    flaw: str
    identity: tuple[int, ...]


class PrivateFolder:
    """A folder that is made when it is first written to. All methods may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        with suppress(ValueError, RuntimeError):
            return str(Path("~") / self.path.relative_to(Path.home()))
        return str(self.path)

    def names(self) -> list[str]:
        """The names of all files, sorted. Raises ``StoreError``."""
        try:
            self._guard()
            return sorted(os.listdir(self.path))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _failure(self.path, "cannot be read", error) from error

    def read(self, name: str) -> Content | None:
        """What a file holds; ``None`` when there is no such file. Raises ``StoreError``."""
        path = self.path / name
        try:
            descriptor = os.open(path, _READ)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise StoreError(f"{path} is a symbolic link, and is not followed: remove it") from error
            raise _failure(path, "cannot be read", error) from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise StoreError(f"{path} is not a regular file, and is not read: remove it")
            _require_own(path, status)
            _close_up(path, descriptor, status, 0o600)
            text, flaw = _text(descriptor)
            return Content(text, flaw, _identity(status))
        except OSError as error:
            raise _failure(path, "cannot be read", error) from error
        finally:
            os.close(descriptor)

    def write(self, name: str, text: Secret) -> None:
        """Put a file in its place. Raises ``StoreError``, and then the place holds what it held."""
        path = self.path / name
        try:
            self._make()
            temporary = self._written(text)
            try:
                with self.lock("folder", PATIENCE):
                    os.replace(temporary, path)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)
                raise
        except OSError as error:
            raise _failure(path, "cannot be written", error) from error
        try:
            self._sync()
        except OSError as error:
            raise StoreError(f"{path} is written, but the disk has not confirmed it: {error.strerror}") from error

    def remove(self, names: list[str]) -> None:
        """Remove files, as far as they are there. Raises ``StoreError``."""
        for name in names:
            try:
                os.unlink(self.path / name)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _failure(self.path / name, "cannot be removed", error) from error
        if names:
            with suppress(OSError):
                self._sync()

    def set_aside(self, name: str, content: Content, why: str) -> bool:
        """Rename a damaged file, and say so. False if another one is there by now. Raises ``StoreError``."""
        path = self.path / name
        aside = f"{path}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{time.time_ns() % 10**9:09}"
        with self.lock("folder", PATIENCE):
            try:
                if _identity(os.lstat(path)) != content.identity:
                    return False
                os.replace(path, aside)
            except FileNotFoundError:
                return False
            except OSError as error:
                raise _failure(path, f"is damaged ({why}) and cannot be set aside", error) from error
        _log.warning("%s is damaged (%s): it is kept as %s", path, why, aside)
        return True

    def mark(self, name: str, text: str) -> None:
        """Keep a word beside the file that has this name; ``""`` for none. Raises ``StoreError``."""
        path = f"{name}.refused"
        if text:
            self.write(path, Secret(text))
        elif (self.path / path).exists():
            self.remove([path])

    def marked(self, name: str) -> str:
        """The word that is kept there; ``""`` for none. Raises ``StoreError``."""
        content = self.read(f"{name}.refused")
        return content.text.reveal() if content is not None and content.text is not None else ""

    def sweep(self) -> None:
        """Remove what was being written when somebody died."""
        now = time.time()
        for name in self.names():
            if name.startswith(".new-") and name.endswith(".tmp"):
                path = self.path / name
                with suppress(OSError):
                    if now - os.lstat(path).st_mtime > LEFT_OVER:
                        os.unlink(path)

    @contextmanager
    def lock(self, name: str, timeout: float) -> Iterator[None]:
        """Hold ``NAME.lock``, alone among threads and processes. Raises ``StoreError`` after ``timeout`` seconds."""
        from filelock import FileLock, Timeout

        path = self.path / f"{name}.lock"
        try:
            self._make()
            lock = FileLock(path, mode=0o600)  # one of its own each time: objects that are shared could be re-entered
            lock.acquire(timeout=max(0.0, timeout), poll_interval=POLL)
        except Timeout:
            holder = _holder(path)
        except (OSError, RuntimeError) as error:
            raise _failure(path, "cannot be locked", error) from error
        else:
            try:
                _sign(path)
                yield
            finally:
                lock.release()
            return
        raise StoreError(f"{path} has been held by {holder} for {timeout:g} s: end that process, or try again later")

    def _guard(self) -> None:
        """Refuse a folder that is somebody else's, and close one that is open. Raises ``OSError``."""
        status = os.stat(self.path)
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        _require_own(self.path, status)
        _close_up(self.path, self.path, status, 0o700)

    def _make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._guard()

    def _written(self, text: Secret) -> str:
        """The path of a new file with this text, on the disk. Raises ``OSError``."""
        descriptor, path = tempfile.mkstemp(dir=self.path, prefix=".new-", suffix=".tmp")  # O_EXCL, 0600
        try:
            with open(descriptor, "wb") as stream:
                stream.write(text.reveal().encode("ascii"))
                stream.flush()
                os.fsync(stream.fileno())
        except BaseException:
            with suppress(OSError):
                os.unlink(path)
            raise
        return path

    def _sync(self) -> None:
        """Bring the folder's names to the disk, on systems where a folder can be opened. Raises ``OSError``."""
        if _POSIX:
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            except OSError as error:
                if error.errno != errno.EINVAL:  # some network file systems know no such thing
                    raise
            finally:
                os.close(descriptor)


def _text(descriptor: int) -> tuple[Secret | None, str]:
    with open(descriptor, "rb", closefd=False) as stream:
        content = stream.read(LARGEST + 1)
    if not content:
        return None, "it is empty"
    if len(content) > LARGEST:
        return None, f"it is larger than {LARGEST} bytes"
    try:
        return Secret(content.decode("utf-8")), ""
    except UnicodeDecodeError:
        return None, "it is no text"


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _require_own(path: Path, status: os.stat_result) -> None:
    if _POSIX and status.st_uid != os.geteuid():
        raise StoreError(
            f"{path} belongs to another user (uid {status.st_uid}), and is not used: run cbauth as that user, or"
            " remove it"
        )


def _close_up(path: Path, target: int | Path, status: os.stat_result, mode: int) -> None:
    """Take from others what they may do with a file or a folder, and say so."""
    found = stat.S_IMODE(status.st_mode)
    if _POSIX and found & 0o077:
        with suppress(OSError):
            os.chmod(target, mode)
        if not os.stat(target).st_mode & 0o077:
            _log.warning("%s was open to others (mode %04o): it is %04o now", path, found, mode)
        elif path not in _open_to_others:  # not every file system has modes
            _open_to_others.add(path)
            _log.warning("%s is open to others (mode %04o), and its file system keeps it so", path, found)


def _failure(path: Path, what: str, error: Exception) -> StoreError:
    number = getattr(error, "errno", None)
    advice = _ADVICE.get(number or 0, f"make {path.parent} a folder that you may write to")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return StoreError(f"{path} {what}: {reason}; {advice}. What was stored is unchanged")


def _sign(path: Path) -> None:
    """Write into a lock's file who holds it. Nobody relies on it: it is for people who wait."""
    if _POSIX:  # elsewhere a file that is locked cannot be written
        with suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            try:
                os.truncate(descriptor, os.write(descriptor, f"{os.getpid()} {os.uname().nodename}\n".encode()))
            finally:
                os.close(descriptor)


def _holder(path: Path) -> str:
    try:
        descriptor = os.open(path, _READ)
        try:
            signed = _HOLDER.fullmatch(os.read(descriptor, 300).decode("ascii", "replace"))
        finally:
            os.close(descriptor)
    except OSError:
        signed = None
    if signed is None:
        return "another process"
    if int(signed[1]) == os.getpid():
        return f"another thread of this process ({signed[1]})"
    return f"process {signed[1]} on {signed[2]}"
