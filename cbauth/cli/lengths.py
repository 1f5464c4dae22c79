"""Lengths of time on the command line, written as in profiles.yaml."""

from __future__ import annotations

from contextlib import suppress

import click

__all__ = ["Length"]


class Length(click.ParamType):
    """A length of time above nothing, in seconds: ``90``, ``0.5``, ``30s``, ``5m``, ``1h30m``."""

    name = "length"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds. Fails with what may be written."""
        from cbauth.config.schema.types import parse_duration

        with suppress(ValueError):
            value = float(value)
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(f"{error}: write seconds, or `30s`, `5m`, `1h30m`", param, ctx)
        if seconds <= 0:
            self.fail("it has to be above 0", param, ctx)
        return seconds
