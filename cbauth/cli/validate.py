"""``cbauth validate``: check profiles.yaml files. Opens no secret, runs no command, needs no network."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from cbauth.cli.console import Exit, Paint, emit, wants_color, warn
from cbauth.cli.reports import REPORTERS, Result
from cbauth.config import find_config
from cbauth.config.codes import unreadable
from cbauth.config.diagnostics import Diagnostic, counts, printable
from cbauth.config.document import MOST_BYTES
from cbauth.config.loading import check_text
from cbauth.config.source import FILE_NAME, read, unusable
from cbauth.errors import ConfigError

__all__ = ["validate"]

STDIN = "<stdin>"


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--format", "style", type=click.Choice(list(REPORTERS)), default="text", help="How to report.")
@click.option("--output", metavar="F", help="Write the report to the file F instead of standard output.")
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="When to use colour.")
def validate(files: tuple[str, ...], style: str, output: str | None, strict: bool, color: str) -> int:
    """Check each FILE: syntax, schema, references, secrets. Nothing is opened, run or sent.

    Without FILE the usual places are searched; `-` reads standard input; a folder means its profiles.yaml and
    *.profiles.yaml. Exits with 0 when all is well, 1 when something is wrong, 2 when a file cannot be read or parsed.
    """
    results = [_checked(name) for name in _opened(files)] if files else [_found()]
    colored = color == "always" if output is not None else wants_color(color, sys.stdout)
    report = REPORTERS[style](results, Paint(colored))
    if output is None:
        emit(report)
    else:
        _write(output, report)
    return _exit_code([problem for result in results for problem in result.diagnostics], strict)


def _opened(files: Sequence[str]) -> Iterator[str]:
    """What to check: of a folder, what is in it."""
    for name in files:
        inside: list[str] = []
        if name != "-" and os.path.isdir(name):
            own = os.path.join(name, FILE_NAME)
            inside = [own] if os.path.lexists(own) else []
            inside += sorted(os.fspath(path) for path in Path(name).glob("*.profiles.yaml"))
        yield from inside or [name]


def _found() -> Result:
    """The file of the search order, checked."""
    try:
        return _checked(os.fspath(find_config()[0]))
    except ConfigError as error:
        return _refused(FILE_NAME, unusable(FILE_NAME, error.message, "see `cbauth validate --help`"))


def _checked(name: str) -> Result:
    shown = STDIN if name == "-" else os.fsencode(name).decode("utf-8", "backslashreplace")
    try:
        if name == "-":
            return Result(shown, check_text(sys.stdin.buffer.read(MOST_BYTES + 1), shown))
        if os.path.isdir(name):
            raise unusable(shown, "there is no profiles.yaml in this folder", "name a file")
        return Result(shown, check_text(read(name, MOST_BYTES), shown))
    except ConfigError as error:
        return _refused(shown, error)


def _refused(shown: str, error: ConfigError) -> Result:
    """What is told of a file that cannot be read."""
    return Result(shown, None, [replace(problem, path=shown) for problem in error.diagnostics])


def _exit_code(problems: Sequence[Diagnostic], strict: bool) -> int:
    if unreadable(problems):
        return Exit.USAGE
    errors, warnings = counts(problems)
    return Exit.FINDINGS if errors or (strict and warnings) else Exit.OK


def _write(output: str, report: str) -> None:
    try:
        Path(output).write_text(report, encoding="utf-8", errors="backslashreplace", newline="\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a path"
        raise click.UsageError(f"the report cannot be written to {printable(output)}: {reason}") from None
    warn(f"report written to {printable(output)}")
