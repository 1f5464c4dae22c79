"""A report, a schema or a new file: all of it or nothing."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import click

from cbauth.config.diagnostics import printable

__all__ = ["save"]


def save(output: str, text: str, what: str = "the report", *, new: bool = False) -> None:
    """Write ``text`` to the file ``output``, which is never seen half written.

    It takes the place of what was there, whose permissions it keeps; through a link, of what the link points to. A
    device or pipe is written to as it is. ``new``: nothing may be there. Raises ``click.UsageError`` when that cannot
    be done, with ``what`` in its sentence.
    """
    data = text.encode("utf-8", "backslashreplace")
    try:
        mode = None if new else _mode(Path(output))
        if mode is not None and not stat.S_ISREG(mode):
            Path(output).write_bytes(data)
        else:
            _replace(Path(os.path.realpath(output)), data, mode, new=new)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a path"
        raise click.UsageError(f"{what} cannot be written to {printable(output)}: {reason}") from None


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _replace(path: Path, data: bytes, mode: int | None, *, new: bool) -> None:
    beside = path.with_name(f".{path.name[:200]}.{os.getpid()}.new")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        if mode is not None:
            beside.chmod(stat.S_IMODE(mode))
        if new:
            os.link(beside, path)  # unlike a replacement, it fails where something is
            beside.unlink()
        else:
            beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
