"""``cbauth init``: a first profiles.yaml. It looks at which usual variables are set, never at what is in them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

import click

from cbauth.cli.beginning import SCHEMA_FILE, beginning, ready, variable
from cbauth.cli.console import Exit, emit, warn
from cbauth.cli.output import save
from cbauth.cli.schema import schema_text
from cbauth.config import builtin_providers
from cbauth.config.diagnostics import printable
from cbauth.config.source import FILE_NAME
from cbauth.config.suggest import nearest

__all__ = ["init"]

FIRST = "openai"
"""The provider of those who have none yet and are not asked."""


@click.command()
@click.argument("file", default=FILE_NAME)
@click.option("--provider", "providers", multiple=True, metavar="P", help="A provider to use; may be given repeatedly.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing: take the providers whose usual variables are set.")
@click.option("--schema", is_flag=True, help=f"Write {SCHEMA_FILE} beside it, for editors.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(file: str, providers: tuple[str, ...], yes: bool, schema: bool, force: bool) -> int:
    """Write a commented FILE (./profiles.yaml) to begin with.

    Asks for the providers, unless --yes or --provider says them. Which usual environment variables are set, and not
    to nothing, is looked at; what is in them is not.
    """
    path = os.path.join(file, FILE_NAME) if os.path.isdir(file) else file
    if os.path.lexists(path) and not force:
        warn(f"cbauth: {printable(path)} is there already: name another file, or give --force to replace it")
        return Exit.FINDINGS
    names = frozenset(name for name, value in os.environ.items() if value)
    chosen = _unique(map(_provider, providers))
    if not chosen and not yes:
        chosen, schema = _asked(ready(names), schema)
    chosen = chosen or ready(names) or [FIRST]
    save(path, beginning(chosen, names, schema=schema), "the file", new=not force)
    if schema:
        save(os.path.join(os.path.dirname(path), SCHEMA_FILE), schema_text("draft-07"), "the schema")
    emit(_next_steps(path, chosen, names))
    return Exit.OK


def _asked(found: Sequence[str], schema: bool) -> tuple[list[str], bool]:
    """What somebody at a terminal chooses."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask, this is no terminal: give --yes, or --provider P")
    warn(f"Providers: {', '.join(builtin_providers())}")
    if found:
        warn(f"Their usual variables are set for: {', '.join(found)}")
    chosen = click.prompt(
        "Which ones, the best first", default=" ".join(found or [FIRST]), value_proc=_several, err=True
    )
    return chosen, schema or click.confirm(f"Write {SCHEMA_FILE} beside it, for your editor", default=True, err=True)


def _several(answer: str) -> list[str]:
    return _unique(_provider(word) for word in answer.replace(",", " ").split()) or [FIRST]


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _provider(name: str) -> str:
    """The id of a built-in provider. Raises ``click.UsageError``, which a prompt shows before it asks again."""
    known = builtin_providers()
    if name in known:
        return name
    near = nearest(name, known)
    hint = f"did you mean `{near}`?" if near else f"there are {', '.join(known)}; declare others in the file"
    raise click.UsageError(f"there is no such provider: {hint}")


def _next_steps(path: str, chosen: Sequence[str], names: frozenset[str]) -> str:
    keys = (variable(builtin_providers()[name], names) for name in chosen)
    missing = [key for key in keys if key is not None and key not in names]
    shown = printable(path)
    argument = "" if path == FILE_NAME else f" {shown}"
    option = "" if path == FILE_NAME else f" --config {shown}"
    steps = [f"set {', '.join(missing)} in your environment"] if missing else []
    steps += [f"cbauth validate{argument}", f"cbauth status{option}"]
    lines = [f"{shown} is written, for {', '.join(chosen)}. Next:", *(f"  {step}" for step in steps)]
    return "\n".join(lines) + "\n"
