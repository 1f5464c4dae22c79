"""``cbauth run``: a program with a profile's credential in its environment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import NoReturn

import click

from cbauth.cli.access import as_typed, config_option, member_of, open_plan, profile_in, require_trust
from cbauth.cli.console import warn
from cbauth.cli.environment import variables
from cbauth.errors import AuthError
from cbauth.events import EventBus
from cbauth.failover.lease import Lease
from cbauth.oauth import OAuthManager
from cbauth.plan import Plan, Profile
from cbauth.secrets import Secret
from cbauth.toolkit import load

__all__ = ["run"]

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""As shells have it (POSIX, Shell & Utilities, section 2.8.2)."""


class _Run(click.Command):
    """A command whose own words end at ``--``; what follows is nobody else's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        ours, theirs = args[:at], args[at + 1 :]
        rest = super().parse_args(ctx, ours)
        if ctx.params["command"]:
            ctx.fail(f"put `--` before the command: cbauth run {' '.join(self._subject(ctx))} -- ...")
        ctx.params["command"] = tuple(theirs)
        return rest

    @staticmethod
    def _subject(ctx: click.Context) -> list[str]:
        return ["--model", ctx.params["model"]] if ctx.params["model"] else [ctx.params["profile"]]


@click.command(cls=_Run, options_metavar="[OPTIONS]")
@click.argument("profile", required=False, metavar="(PROFILE | --model M)")
@click.option("--model", metavar="M", help="Let the policy choose the profile, for this model or route.")
@config_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD...")
def run(profile: str | None, model: str | None, config: str | None, command: tuple[str, ...]) -> int:
    """Run CMD with the environment variables by which programs find the credential of PROFILE.

    They are the provider's own (such as ACME_API_KEY) and those that the SDK of its protocol reads, with the base URL:
    OPENAI_API_KEY and OPENAI_BASE_URL, for one. CBAUTH_PROFILE says who was chosen; with --model, CBAUTH_MODEL says for
    which model.

    Exits as CMD does; with 127 when there is no such command, 126 when it cannot be run, 4 when somebody has to log in,
    5 when every profile of the model is cooling down.
    """
    if (profile is None) == (model is None):
        raise click.UsageError("name a profile, or a model with --model; not both")
    if not command:
        raise click.UsageError("name the command after `--`: cbauth run PROFILE -- CMD")
    plan = open_plan(config)
    with as_typed(config):
        chosen, asked, secret = _of_profile(plan, profile) if profile is not None else _of_model(plan, model or "")
    require_trust(chosen, plan)
    given: dict[str, Secret | str | None] = {"CBAUTH_PROFILE": chosen.id, "CBAUTH_MODEL": asked}
    environment = _changed(os.environ, {**variables(chosen, secret), **given})
    try:
        return _run(command, environment)
    except (FileNotFoundError, NotADirectoryError):
        warn(f"cbauth: there is no command {command[0]!r}")
        return NOT_FOUND
    except OSError as error:
        warn(f"cbauth: {command[0]!r} cannot be run: {error.strerror}")
        return NOT_EXECUTABLE


def _of_profile(plan: Plan, name: str) -> tuple[Profile, str | None, Secret]:
    chosen = profile_in(plan, name)
    with OAuthManager.over(plan, EventBus()) as manager:
        return chosen, chosen.default_model, member_of(chosen, plan, manager).source.get()


class _NobodyNowError(Exception):
    """Nobody gives a token now: those who are left rest for a while, or have just failed to."""


def _wait(seconds: float) -> NoReturn:
    raise _NobodyNowError


def _of_model(plan: Plan, model: str) -> tuple[Profile, str | None, Secret]:
    """Who is to be asked for ``model`` now, as the engine has it; a token that cannot be had moves on to the next."""
    troubles: dict[str, AuthError] = {}
    with load(plan, sleep=_wait, refresh_ahead=False) as toolkit:
        try:
            for attempt in toolkit.attempts(model):
                with attempt as lease:
                    if lease.profile_id in troubles:
                        raise _NobodyNowError
                    try:
                        held = _held(plan, lease)
                    except AuthError as error:
                        troubles[lease.profile_id] = error
                        raise
        except _NobodyNowError:
            free = toolkit.acquire(model)  # or it says why not, and until when
            if free.profile_id in troubles:
                raise troubles[free.profile_id] from None
            held = _held(plan, free)
    return held


def _held(plan: Plan, lease: Lease) -> tuple[Profile, str | None, Secret]:
    """What a lease gives; it is given back, for nobody has asked it anything yet: its health is as it was."""
    secret = Secret(lease.token)
    lease.close()
    return next(each for each in plan.profiles if each.id == lease.profile_id), lease.model, secret


def _changed(environ: Mapping[str, str], changes: Mapping[str, Secret | str | None]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if name not in changes}
    told = {name: value.reveal() if isinstance(value, Secret) else value for name, value in changes.items()}
    return kept | {name: value for name, value in told.items() if value is not None}


def _run(command: tuple[str, ...], environment: dict[str, str]) -> int:
    """Become the command, so that signals, streams and the exit code are its own. Raises ``OSError``.

    On Windows, where a process cannot become another, stay until it ends.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        program = shutil.which(command[0], path=environment.get("PATH")) or command[0]
        with subprocess.Popen([program, *command[1:]], env=environment) as process:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:  # it got that as well, and decides
                    continue
    for name in ("SIGPIPE", "SIGXFSZ"):  # which Python ignores, and an ignored signal stays ignored
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execvpe(command[0], command, environment)
