"""The command ``cbauth``: which commands there are, and what becomes of their errors.

Results go to standard output, everything else to standard error. No traceback ever reaches a user: an error that cbauth
raises on purpose is its own sentence, anything else is one line and exit code 3.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, NoReturn

import click

from cbauth.cli.console import Exit, emit, prepare, warn
from cbauth.errors import CbauthError, ConfigError, LoginRequiredError, UnavailableError

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
    "demo": Command("cbauth.cli.demo:demo", "Watch failover at work, without a key or a network."),
}


class Commands(click.Group):
    """A group that imports a command when it is run, and only then."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now. Fails with a suggestion for a misspelt name."""
        if cmd_name not in COMMANDS:
            return None if ctx.resilient_parsing or cmd_name.startswith("-") else _no_such(ctx, cmd_name)
        module, _, function = COMMANDS[cmd_name].target.partition(":")
        command: click.Command = getattr(import_module(module), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing what it names."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])


def _no_such(ctx: click.Context, name: str) -> NoReturn:
    from cbauth.config.suggest import nearest

    near = nearest(name, COMMANDS)
    ctx.fail("there is no such command: " + (f"did you mean `{near}`?" if near else f"there are {', '.join(COMMANDS)}"))


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from cbauth import __version__

        emit(f"cbauth {__version__}\n")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Show the version."
)
def cbauth() -> None:
    """One profiles.yaml; a working credential for every call, with failover when a key or a provider fails."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    prepare()
    try:
        code = cbauth.main(args=None if args is None else list(args), prog_name="cbauth", standalone_mode=False)
        return code if isinstance(code, int) else Exit.OK
    except (click.Abort, KeyboardInterrupt):
        warn("interrupted")
        return Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except CbauthError as error:
        warn(f"cbauth: {error}")
        return _exit_code(error)
    except Exception as error:
        warn(_fault(error))
        return Exit.FAULT


def _exit_code(error: CbauthError) -> int:
    if isinstance(error, LoginRequiredError):
        return Exit.LOGIN_REQUIRED
    if isinstance(error, UnavailableError) and error.retry_at is not None:
        return Exit.COOLING_DOWN
    if isinstance(error, ConfigError):
        from cbauth.config.codes import unreadable

        return Exit.FINDINGS if error.diagnostics and not unreadable(error.diagnostics) else Exit.USAGE
    return Exit.FINDINGS


def _fault(error: Exception) -> str:
    """One line that says where it happened, and nothing of what was being worked on."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].name} ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    return f"cbauth: internal fault: {type(error).__name__}{where}; please report it"
