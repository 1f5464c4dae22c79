"""Finding and reading the file, with a clear sentence for everything that is not one."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from cbauth.config.diagnostics import Diagnostic, printable
from cbauth.errors import ConfigError

__all__ = ["FILE_NAME", "find", "places", "read", "unusable"]

FILE_NAME = "profiles.yaml"
VARIABLE = "CBAUTH_CONFIG"


def find(explicit: str | os.PathLike[str] | None, is_trusted: Callable[[Path], bool] | None) -> tuple[Path, bool]:
    """The file to use and whether it is trusted: it was named, is the user's own, or ``is_trusted`` says so."""
    if explicit is not None:
        return Path(explicit), True
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser(), True
    here = Path(FILE_NAME)
    if os.path.lexists(here):  # also a broken link: reading it says what is wrong
        return here, is_trusted is not None and is_trusted(here)
    own = places()[-1]
    if os.path.lexists(own):
        return own, True
    looked = " and ".join(str(place) for place in places())
    raise ConfigError(
        "no profiles.yaml was found: name a file, set CBAUTH_CONFIG, write one with `cbauth init`, or start from what"
        f" `cbauth demo --show-config` prints; looked at {looked}"
    )


def places() -> tuple[Path, Path]:
    """Where a file is looked for when none is named: the current folder, then the user's configuration folder."""
    from platformdirs import user_config_path

    return Path.cwd() / FILE_NAME, user_config_path("cbauth", appauthor=False) / FILE_NAME


def read(path: str | os.PathLike[str], most: int) -> bytes:
    """The file's bytes, at most ``most`` and one more.

    Raises ``ConfigError`` with a diagnostic when it is not a regular file or cannot be read. Never waits: a pipe is
    opened without blocking and refused.
    """
    name = os.fspath(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(name, flags)
    except (OSError, ValueError) as error:
        raise unusable(name, *_why(error)) from None
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise unusable(name, *_instead(mode))
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(most + 1)
    except OSError as error:
        raise unusable(name, *_why(error)) from None
    finally:
        os.close(handle)


def unusable(name: str, reason: str, help_text: str) -> ConfigError:
    """The error, with its diagnostic, for a file that cannot be read."""
    problem = Diagnostic(
        code="CBA101", message=reason, help=help_text, path=name, line=1, column=1, end_line=1, end_column=1
    )
    return ConfigError(f"{printable(name)} cannot be used", path=name, diagnostics=[problem])


def _why(error: OSError | ValueError) -> tuple[str, str]:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "there is no such file", "check the path"
        case OSError(strerror=str(words)):
            return f"it cannot be read: {words}", "check the path and its permissions"
    return "this is not a path", "name a file"


def _instead(mode: int) -> tuple[str, str]:
    if stat.S_ISDIR(mode):
        return "this is a folder", f"name the file in it, for example {FILE_NAME}"
    if stat.S_ISFIFO(mode):
        return "this is a pipe", "name a regular file; `-` reads standard input in `cbauth validate`"
    return "this is a device or socket", "name a regular file"
