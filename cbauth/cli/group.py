"""The commands as click knows them: each is imported when it is run, and only then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn, Protocol

import click

from cbauth.cli.console import Exit, emit, warn
from cbauth.errors import CbauthError, ConfigError, LoginRequiredError, UnavailableError

__all__ = ["run"]


class Target(Protocol):
    """What is known of a command before it is imported: ``module:function``."""

    @property
    def target(self) -> str: ...


class Commands(click.Group):
    """A group that imports a command when it is run."""

    def __init__(self, table: Mapping[str, Target], overview: str, *options: click.Parameter) -> None:
        super().__init__(params=list(options), context_settings={"help_option_names": ["-h", "--help"]})
        self.table = table
        self.overview = overview

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the table's order."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now. Fails with a suggestion for a misspelt name."""
        if cmd_name not in self.table:
            return None if ctx.resilient_parsing or cmd_name.startswith("-") else self._no_such(ctx, cmd_name)
        module, _, function = self.table[cmd_name].target.partition(":")
        command: click.Command = getattr(import_module(module), function)
        return command

    def get_help(self, ctx: click.Context) -> str:
        """The overview, which needs nothing to be imported."""
        return self.overview

    def _no_such(self, ctx: click.Context, name: str) -> NoReturn:
        from cbauth.config.suggest import nearest

        near = nearest(name, self.table)
        there_are = f"there are {', '.join(self.table)}"
        ctx.fail(f"there is no such command: {f'did you mean `{near}`?' if near else there_are}")


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from cbauth import __version__

        emit(f"cbauth {__version__}\n")
        ctx.exit()


def run(table: Mapping[str, Target], overview: str, args: Sequence[str] | None) -> int:
    """Run the command that ``args`` name, and return its exit code, or that of its error."""
    version = click.Option(["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_print_version)
    try:
        group = Commands(table, overview, version)
        code = group.main(args=None if args is None else list(args), prog_name="cbauth", standalone_mode=False)
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
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].name} ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    return f"cbauth: internal fault: {type(error).__name__}{where}; please report it"
