"""profiles.yaml: found, read, checked, compiled.

Importing this package costs next to nothing. pydantic's core and ruamel.yaml are loaded with the first file or mapping.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbauth.config.gc_pause import gc_paused
from cbauth.errors import ConfigError
from cbauth.plan import DEFAULT_POLICY, Policy, Provider

if TYPE_CHECKING:
    from cbauth.config.diagnostics import Diagnostic
    from cbauth.plan import Plan

__all__ = [
    "builtin_providers",
    "check",
    "compile_policy",
    "explain_code",
    "find_config",
    "json_schema",
    "load_plan",
]


def load_plan(source: str | os.PathLike[str] | Mapping[str, Any], *, trusted: bool = True) -> Plan:
    """The frozen plan of a file, or of a mapping of the file's shape.

    ``trusted`` is written into the plan: an untrusted one runs no ``command:`` and sends no secret to a host that is
    not the built-in provider's own.

    Raises ``ConfigError`` with every problem at once, sorted by place; those of a mapping have key paths but no lines.
    """
    from cbauth.config.loading import from_file, from_mapping

    if isinstance(source, Mapping):
        return from_mapping(source, trusted=trusted)
    if isinstance(source, str | os.PathLike):
        return from_file(source, trusted=trusted)
    kind = type(source).__name__
    raise ConfigError(f"cannot load a value of type {kind}: give the path of a profiles.yaml, or a mapping")


def find_config(
    explicit: str | os.PathLike[str] | None = None, *, is_trusted: Callable[[Path], bool] | None = None
) -> tuple[Path, bool]:
    """The file to use and whether it is trusted.

    The order: ``explicit``, the environment variable ``CBAUTH_CONFIG``, ``./profiles.yaml``, the user's configuration
    folder. Only a file that was merely found in the current folder is untrusted, unless ``is_trusted`` knows it.

    Raises ``ConfigError`` that lists the places when there is none. A file that was named need not exist: reading it
    says so.
    """
    from cbauth.config.source import find

    return find(explicit, is_trusted)


def compile_policy(policy: Policy | Mapping[str, Any] | None) -> Policy:
    """The policy that a mapping of the YAML's shape describes, on top of the defaults; durations also as seconds.

    A ``Policy`` comes back as it is, ``None`` is the default one. Raises ``ConfigError`` with key paths.
    """
    if policy is None:
        return DEFAULT_POLICY
    if isinstance(policy, Policy):
        return policy
    if not isinstance(policy, Mapping):
        raise ConfigError(f"a policy cannot be a {type(policy).__name__}: give a mapping or a compiled policy")
    from cbauth.config.loading import policy_from_mapping

    return policy_from_mapping(policy)


@gc_paused()
def check(source: str | bytes, name: str | None = None) -> list[Diagnostic]:
    """Everything that is wrong with the text of a profiles.yaml, sorted by place. ``name`` is that of the file."""
    from cbauth.config.loading import check_text

    return check_text(source, name).diagnostics


def builtin_providers() -> Mapping[str, Provider]:
    """The providers that need no entry under ``providers``, by id."""
    from cbauth.config.providers import builtin_providers as builtin

    return builtin()


def explain_code(code: str) -> str:
    """What a diagnostic's code means, for people. Raises ``ConfigError`` for a code that there is not."""
    from cbauth.config.codes import explain

    return explain(code)


def json_schema(draft: str = "2020-12") -> dict[str, Any]:
    """The JSON Schema of profiles.yaml as plain data, for draft ``2020-12`` or ``draft-07``.

    Raises ``ConfigError`` for another draft.
    """
    from cbauth.config.schema.export import json_schema as exported

    return exported(draft)
