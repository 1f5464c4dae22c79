"""Opening a page in a browser, without ever waiting for it or giving it the terminal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress

__all__ = ["open_page", "why_not"]


def why_not(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """Why no browser can be opened from here; empty if one probably can. ``BROWSER`` names one that can."""
    if environ.get("BROWSER"):
        return ""
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return "this is an ssh session"
    if platform in ("win32", "darwin", "cygwin") or environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        return ""
    return "there is no display here"


def open_page(url: str) -> None:
    """Have the system open ``url``. Nothing is said if that fails: whoever calls this has shown the URL as well.

    A process of its own, with no terminal and no streams, so that neither a browser that stays in the foreground nor
    one that draws into the terminal is in anybody's way. Isolated (``-I``), for the current folder may be a stranger's.
    """
    nothing = subprocess.DEVNULL
    with suppress(OSError):
        subprocess.Popen(
            [sys.executable, "-I", "-m", "webbrowser", "-t", url],
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,
        )
