"""``cbauth reset``: forget failures."""

from __future__ import annotations

import click

from cbauth.errors import StoreError
from cbauth.toolkit import load

__all__ = ["reset"]


@click.command()
@click.argument("profile", required=False)
@click.option("--config", metavar="FILE", help="The profiles.yaml to use; without it the usual places are searched.")
def reset(profile: str | None, config: str | None) -> None:
    """Forget the failures of PROFILE, or of all: no cooldown, closed circuits. Session bindings stay."""
    with load(config, refresh_ahead=False) as toolkit:
        toolkit.reset(profile)
        if toolkit.store.trouble:
            raise StoreError(f"nothing was reset: {toolkit.store.trouble}")
        click.echo(f"reset {profile or 'all profiles'}", err=True)
