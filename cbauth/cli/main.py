"""The command ``cbauth``: which commands there are, and the way to them.

Results go to standard output, everything else to standard error. No traceback ever reaches a user: an error that cbauth
raises on purpose is its own sentence, anything else is one line and exit code 3.

``cbauth --help`` is answered from here and imports next to nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

from cbauth.cli.console import Exit, emit, prepare, warn

__all__ = ["COMMANDS", "main"]


class Command(NamedTuple):
    """Where a command lives (``module:function``) and what it does, in a few words."""

    target: str
    summary: str


COMMANDS: dict[str, Command] = {
    "validate": Command("cbauth.cli.validate:validate", "Check profiles.yaml files."),
    "schema": Command("cbauth.cli.schema:schema", "Print the JSON Schema of profiles.yaml."),
    "explain": Command("cbauth.cli.explain:explain", "Say who would answer and why, or what a code means."),
    "status": Command("cbauth.cli.status:status", "Show the health of each profile."),
    "login": Command("cbauth.cli.login:login", "Log in to a profile's provider."),
    "logout": Command("cbauth.cli.logout:logout", "Forget a login, here and at its provider."),
    "token": Command("cbauth.cli.token:token", "Print a profile's token, refreshed if need be."),
    "run": Command("cbauth.cli.run:run", "Run a program with a profile's credential in its environment."),
    "reset": Command("cbauth.cli.reset:reset", "Forget failures."),
    "trust": Command("cbauth.cli.trust:trust", "Let a file in the current folder run commands and send secrets."),
    "init": Command("cbauth.cli.init:init", "Write a first profiles.yaml."),
    "demo": Command("cbauth.cli.demo:demo", "Watch failover at work, without a key or a network."),
}


def overview() -> str:
    """What ``cbauth --help`` prints."""
    options = {"--version": "Show the version.", "-h, --help": "Show this message and exit."}
    return "\n".join(
        (
            "Usage: cbauth [OPTIONS] COMMAND [ARGS]...",
            "",
            "  One profiles.yaml; a working credential for every call, with failover when a",
            "  key or a provider fails.",
            "",
            "Options:",
            *(f"  {name:<11} {words}" for name, words in options.items()),
            "",
            "Commands:",
            *(f"  {name:<11} {command.summary}" for name, command in COMMANDS.items()),
        )
    )


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    prepare()
    try:
        if (sys.argv[1:] if args is None else list(args)) in (["--help"], ["-h"]):
            emit(f"{overview()}\n")
            return Exit.OK
        from cbauth.cli.group import run

        return run(COMMANDS, overview(), args)
    except KeyboardInterrupt:  # while the command was being imported
        warn("interrupted")
        return Exit.INTERRUPTED
