"""``cbauth validate``: check profiles.yaml files. Opens no secret, runs no command, needs no network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cbauth.cli.console import Exit, Paint, emit, wants_color, warn, width
from cbauth.cli.reports import FORMATS, written
from cbauth.config.gc_pause import gc_paused

if TYPE_CHECKING:
    from cbauth.config.diagnostics import Diagnostic

__all__ = ["validate"]


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--format", "style", type=click.Choice(list(FORMATS)), default="text", help="How to report.")
@click.option("--output", metavar="F", help="Write the report to the file F instead of standard output.")
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="When to use colour.")
def validate(files: tuple[str, ...], style: str, output: str | None, strict: bool, color: str) -> int:
    """Check each FILE: syntax, schema, references, secrets. Nothing is opened, run or sent.

    Without FILE the usual places are searched; `-` reads standard input; a folder means its profiles.yaml and
    *.profiles.yaml; a pattern such as 'deploy/**/*.yaml' may be quoted. Exits with 0 when all is well, 1 when something
    is wrong, 2 when a file cannot be read or parsed.
    """
    with gc_paused():  # until the report is written there is no garbage to speak of
        return _validated(files, style, output, strict, color)


def _validated(files: Sequence[str], style: str, output: str | None, strict: bool, color: str) -> int:
    from cbauth.cli.files import checked
    from cbauth.cli.output import save
    from cbauth.cli.reports.report import Report
    from cbauth.config.diagnostics import printable

    results = checked(files, output)
    colored = color == "always" if output is not None else wants_color(color, sys.stdout)
    columns = None if output is not None else width(sys.stdout)
    report = written(Report(results, Paint(colored), columns, strict), style)
    if output is None:
        emit(report)
    else:
        save(output, report)
        warn(f"report written to {printable(output)}")
    return _exit_code([problem for result in results for problem in result.diagnostics], strict)


def _exit_code(problems: Sequence[Diagnostic], strict: bool) -> int:
    from cbauth.config.codes import unreadable
    from cbauth.config.diagnostics import counts

    if unreadable(problems):
        return Exit.USAGE
    errors, warnings = counts(problems)
    return Exit.FINDINGS if errors or (strict and warnings) else Exit.OK
