"""What ``cbauth validate`` checks: files, folders, patterns, standard input; and what it found in each."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import click

from cbauth.cli.reports.report import Result
from cbauth.config import find_config
from cbauth.config.diagnostics import printable
from cbauth.config.document import MOST_BYTES
from cbauth.config.loading import check_text
from cbauth.config.source import FILE_NAME, read, unusable
from cbauth.errors import ConfigError

__all__ = ["checked"]

STDIN = "<stdin>"
ENDING = ".profiles.yaml"


def checked(names: Sequence[str], output: str | None = None) -> list[Result]:
    """What was found, in the order of the arguments; without any, in the file of the search order.

    Raises ``click.UsageError`` when one of them is ``output`` itself, whose text the report would replace.
    """
    return [_checked(name, output) for name in _opened(names)] if names else [_found(output)]


def _opened(names: Sequence[str]) -> Iterator[str]:
    """The files that are meant: of a folder, what is in it; of a pattern that no shell has expanded, what fits."""
    for name in names:
        if _is_pattern(name):
            fitting = sorted(glob.glob(name, recursive=True))
            yield from (file for found in fitting for file in _inside(found)) if fitting else [name]
        else:
            yield from _inside(name)


def _is_pattern(name: str) -> bool:
    return "\0" not in name and glob.has_magic(name) and not os.path.lexists(name)


def _inside(name: str) -> list[str]:
    """The profile files of a folder, or the name of what is none, or has none."""
    if name == "-" or "\0" in name or not os.path.isdir(name):
        return [name]
    try:
        entries = sorted(os.listdir(name))
    except OSError:
        return [name]
    own = [entry for entry in entries if entry == FILE_NAME]
    return [os.path.join(name, entry) for entry in (*own, *(e for e in entries if e.endswith(ENDING)))] or [name]


def _found(output: str | None) -> Result:
    """The file of the search order, checked."""
    try:
        return _checked(os.fspath(find_config()[0]), output)
    except ConfigError as error:
        return _refused(FILE_NAME, unusable(FILE_NAME, error.message, "see `cbauth validate --help`"))


def _checked(name: str, output: str | None) -> Result:
    if output is not None and _same(name, output):
        raise click.UsageError(
            f"the report would replace {printable(output)}, which is being checked: name another file as --output"
        )
    shown = STDIN if name == "-" else os.fsencode(name).decode("utf-8", "backslashreplace")
    try:
        if name == "-":
            return Result(shown, check_text(_standard_input(), shown))
        if _is_pattern(name):
            raise unusable(shown, "no file fits this pattern", "check it; `**` stands for folders at any depth")
        if "\0" not in name and os.path.isdir(name):
            if not os.access(name, os.R_OK):
                raise unusable(shown, "this folder cannot be read", "check its permissions")
            message = f"there is no {FILE_NAME} in this folder, and no *{ENDING}"
            raise unusable(shown, message, "name a file")
        return Result(shown, check_text(read(name, MOST_BYTES), shown))
    except ConfigError as error:
        return _refused(shown, error)


def _same(name: str, output: str) -> bool:
    """Whether both are one regular file, by whatever names or links; ``-`` is what standard input comes from."""
    try:
        there = os.stat(output)
        here = os.fstat(sys.stdin.fileno()) if name == "-" and sys.stdin is not None else os.stat(name)
    except (OSError, ValueError):  # nothing there, or nothing that is a file
        return False
    return stat.S_ISREG(there.st_mode) and os.path.samestat(here, there)


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise unusable(STDIN, "standard input is closed", "name a file, or send one: `cbauth validate - < FILE`")
    try:
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    except OSError as error:
        message = f"it cannot be read: {error.strerror}"
        raise unusable(STDIN, message, "name a file, or send one: `cbauth validate - < FILE`") from None


def _refused(shown: str, error: ConfigError) -> Result:
    """What is told of a file that cannot be read."""
    return Result(shown, None, [replace(problem, path=shown) for problem in error.diagnostics])
