"""What a person pastes into the terminal while a login waits, or a program writes into its pipe."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator

from cbauth.cli.console import warn
from cbauth.errors import LoginError
from cbauth.oauth.flow import Authorization

__all__ = ["can_paste", "finish_by_pasting"]

LONGEST = 64 * 1024
"""Bytes. No address is longer; more without a line's end is none."""


def can_paste() -> bool:
    """Whether lines may come from standard input: it is a terminal that listens to us, or a pipe.

    A file is left alone: it belongs to the script around us. In the background, reading the terminal would stop us.
    """
    if sys.stdin is None or sys.stdin.closed:
        return False
    try:
        descriptor = sys.stdin.fileno()
        if os.isatty(descriptor):
            return not hasattr(os, "tcgetpgrp") or os.tcgetpgrp(descriptor) == os.getpgrp()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def finish_by_pasting(login: Authorization) -> None:
    """Try each line that comes in as the address that finishes ``login``, in the background, until it has ended."""
    threading.Thread(target=_read, args=(login,), name="cbauth reads a pasted address", daemon=True).start()


def _read(login: Authorization) -> None:
    for line in _lines(sys.stdin.fileno(), lambda: login.done):
        try:
            login.complete(line)
        except LoginError as error:
            if error.error == "wrong_callback" and not login.done:
                warn(f"that did not finish the login: {error.description}. It still waits.")


def _lines(descriptor: int, is_over: Callable[[], bool]) -> Iterator[str]:
    """The lines that come in, without blank ones.

    Read from the descriptor itself: a thread that waits inside ``sys.stdin`` keeps the interpreter from ending.
    """
    rest = b""
    while not is_over():
        try:
            chunk = os.read(descriptor, LONGEST)
        except OSError:  # the terminal is gone
            chunk = b""
        *lines, rest = (rest + chunk).split(b"\n") if chunk else (rest, b"")
        for line in lines:
            if text := line.decode("utf-8", "replace").strip():
                yield text
        if not chunk:
            return
        if len(rest) > LONGEST:
            rest = b""
