"""``cbauth schema``: the JSON Schema of profiles.yaml, for editors and other programs."""

from __future__ import annotations

import json

import click

from cbauth.cli.console import emit

__all__ = ["schema"]


@click.command()
@click.option("--draft", type=click.Choice(["2020-12", "draft-07"]), default="2020-12", help="Which JSON Schema.")
def schema(draft: str) -> None:
    """Print the JSON Schema of profiles.yaml."""
    from cbauth.config import json_schema

    emit(json.dumps(json_schema(draft), indent=2) + "\n")
