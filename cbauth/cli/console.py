"""The terminal: exit codes, colour, and output that survives closed pipes and narrow encodings."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Mapping
from enum import IntEnum
from typing import TextIO

__all__ = ["Exit", "Paint", "emit", "prepare", "wants_color", "warn", "width"]


class Exit(IntEnum):
    """What the command's exit code means."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    FAULT = 3
    LOGIN_REQUIRED = 4
    COOLING_DOWN = 5
    INTERRUPTED = 130


class Paint:
    """Colours a text, or leaves it as it is."""

    _CODES: Mapping[str, str] = {"error": "1;31", "warning": "1;33", "place": "1;34", "strong": "1", "good": "32"}

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, role: str, text: str) -> str:
        """The text in the colour of its role: ``error``, ``warning``, ``place``, ``strong`` or ``good``."""
        return f"\x1b[{self._CODES[role]}m{text}\x1b[0m" if self.on else text


def prepare() -> None:
    """Make the standard streams bear any character: what their encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def wants_color(choice: str, stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to colour what goes to ``stream``: an explicit choice, then NO_COLOR, FORCE_COLOR, then a terminal."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return environ["FORCE_COLOR"] not in ("0", "false")
    return stream is not None and stream.isatty() and environ.get("TERM") != "dumb"


def width(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> int | None:
    """The columns of the terminal that ``stream`` is, or that COLUMNS says; ``None`` where there is none."""
    said = environ.get("COLUMNS", "")
    if said.isascii() and said.isdecimal() and int(said[:6]) > 0:
        return int(said[:6])
    try:
        return (os.get_terminal_size(stream.fileno()).columns if stream is not None else 0) or None
    except (OSError, ValueError):
        return None


def emit(text: str) -> None:
    """Write to standard output. A reader that has gone away is no error: nobody wants the rest.

    Raises ``CbauthError`` when it cannot be written, for example because the disk is full.
    """
    try:
        _write(sys.stdout, text)
    except OSError as error:
        from cbauth.errors import CbauthError

        raise CbauthError(f"standard output cannot be written: {error.strerror}") from None


def warn(text: str) -> None:
    """Write a line to standard error; where that cannot be done there is nobody to tell."""
    with contextlib.suppress(OSError):
        _write(sys.stderr, text + "\n")


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed before we began: nobody wants it
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _forget(stream)
    except OSError:
        _forget(stream)
        raise


def _forget(stream: TextIO) -> None:
    """The interpreter flushes once more on its way out; let that go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
