"""What a schema cannot say: references between parts, secrets in the wrong place, transport.

Every rule takes the file as plain data and must bear any shape of it, so that one run reports everything. Only what
``policy`` asks needs the plan, and so a file without errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cbauth.config.diagnostics import Finding
from cbauth.config.rules.lookalikes import lookalikes
from cbauth.config.rules.policy import lint
from cbauth.config.rules.references import references
from cbauth.config.rules.secrets import literal_secrets, suspicious
from cbauth.config.rules.transport import transport
from cbauth.config.rules.values import nulls

__all__ = ["check", "lint", "literal_secrets", "lookalikes", "nulls", "suspicious"]


def check(data: Any) -> Iterator[Finding]:
    """The findings of all rules that look at the file's meaning."""
    if isinstance(data, dict):
        yield from references(data)
        yield from transport(data)
