"""Lengths of time on the command line, written as in profiles.yaml."""

from __future__ import annotations

from contextlib import suppress

import click

__all__ = ["seconds_of"]


def seconds_of(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """The seconds of ``90``, ``0.5``, ``30s`` or ``1h30m``. A usage error for what is no length above 0."""
    from cbauth.config.schema.types import parse_duration

    written: str | float = value
    with suppress(ValueError):
        written = float(value)
    try:
        seconds = parse_duration(written)
    except ValueError as error:
        raise click.BadParameter(f"{error}: write seconds, or `30s`, `5m`, `1h30m`", ctx, param) from None
    if seconds <= 0:
        raise click.BadParameter("it has to be above 0", ctx, param)
    return seconds
