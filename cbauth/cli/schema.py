"""``cbauth schema``: the JSON Schema of profiles.yaml, for editors and other programs."""

from __future__ import annotations

import json

import click

from cbauth.cli.console import emit, warn
from cbauth.cli.output import save
from cbauth.config.diagnostics import printable

__all__ = ["schema", "schema_text"]


@click.command()
@click.option("--draft", type=click.Choice(["2020-12", "draft-07"]), default="2020-12", help="Which JSON Schema.")
@click.option("--output", metavar="F", help="Write it to the file F instead of standard output.")
def schema(draft: str, output: str | None) -> None:
    """Print the JSON Schema of profiles.yaml.

    Editors with a YAML language server take it from the first line of a file:
    `# yaml-language-server: $schema=profiles.schema.json`. Some know no later draft than draft-07.
    """
    if output is None:
        emit(schema_text(draft))
    else:
        save(output, schema_text(draft), "the schema")
        warn(f"schema written to {printable(output)}")


def schema_text(draft: str) -> str:
    """The schema as it is printed and written."""
    from cbauth.config import json_schema

    return json.dumps(json_schema(draft), indent=2) + "\n"
