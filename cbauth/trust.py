"""Which profiles.yaml files may run commands and send secrets, although they were only found in the current folder.

Laws:

1. Trust belongs to a path and to the very bytes that were there: whoever edits, moves or replaces the file ends it.
2. Whatever cannot be read, neither the file nor its record, is not trusted.
3. A record is written whole or not at all, for its owner alone (0600 in a folder 0700).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from cbauth.errors import ConfigError, StoreError

__all__ = ["fingerprint", "is_trusted", "revoke", "trust"]

FORMAT = 1


def is_trusted(path: Path | str, seen: str | None = None) -> bool:
    """Whether somebody has run ``cbauth trust`` for the file as it is now.

    ``seen`` is the fingerprint of what was read: it is judged instead, whatever the file holds by now.
    """
    try:
        file = _resolved(path)
        digest = fingerprint(file) if seen is None else seen
        return bool(json.loads(_record(file).read_bytes()) == _statement(file, digest))
    except (OSError, ValueError, RecursionError):
        return False


def fingerprint(path: Path | str) -> str:
    """The digest of what a file holds now. Raises ``ConfigError`` when it cannot be read."""
    try:
        # O_NONBLOCK: opening a FIFO would wait for its writer
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                with open(descriptor, "rb", closefd=False) as stream:
                    return hashlib.file_digest(stream, "sha256").hexdigest()
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a path that can be used"
        raise ConfigError(f"{path} cannot be read: {reason}", path=path) from error
    raise ConfigError(f"{path} is not a regular file", path=path)


def trust(path: Path | str, seen: str | None = None) -> Path:
    """Trust the file as it is now. Gives the resolved path.

    ``seen`` is the fingerprint of what somebody has looked at: when the file holds something else by now, it is not
    trusted. Raises ``ConfigError`` then, and when it cannot be read; ``StoreError`` when the record cannot be written.
    """
    file = _resolved(path)
    found = fingerprint(file)
    if seen is not None and found != seen:
        raise ConfigError(f"{path} has just changed: look at it, and run `cbauth trust` again", path=path)
    record = _record(file)
    try:
        for folder in (record.parent.parent, record.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if record.parent.stat().st_mode & 0o077:
            record.parent.chmod(0o700)
        _replace(record, json.dumps(_statement(file, found)))
    except OSError as error:
        raise StoreError(f"trust cannot be recorded in {record.parent}: {error.strerror}") from error
    return file


def revoke(path: Path | str) -> bool:
    """Trust the file no longer, whatever it holds. False when it was not trusted. Raises ``StoreError``."""
    record = _record(_resolved(path))
    try:
        record.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{record} cannot be removed: {error.strerror}") from error
    return True


def _resolved(path: Path | str) -> Path:
    try:
        return Path(path).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{path} is not a path that can be used", path=path) from error


def _statement(file: Path, digest: str) -> dict[str, object]:
    """What is recorded of a file."""
    return {"version": FORMAT, "path": str(file), "sha256": digest}


def _record(file: Path) -> Path:
    """Where trust in a file is recorded: one record per file, so that two commands at a time do not meet."""
    from platformdirs import user_state_path

    name = hashlib.sha256(os.fsencode(file)).hexdigest()
    return user_state_path("cbauth", appauthor=False) / "trust" / f"{name}.json"


def _replace(record: Path, statement: str) -> None:
    """Write a record beside its place and move it there. Raises ``OSError``."""
    descriptor, name = tempfile.mkstemp(dir=record.parent, prefix=".new-", suffix=".json")
    try:
        with open(descriptor, "w", encoding="ascii") as stream:
            stream.write(statement)
            stream.flush()
            os.fsync(descriptor)
        os.replace(name, record)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
