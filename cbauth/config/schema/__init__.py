"""What a person may write. The only room that knows pydantic; nothing of it reaches the plan."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic_core import ValidationError

from cbauth.config.diagnostics import Finding
from cbauth.config.schema.findings import findings
from cbauth.config.schema.keys import Keys
from cbauth.config.schema.models import File, PolicyKeys

__all__ = ["File", "PolicyKeys", "validate_file", "validate_policy"]

M = TypeVar("M", bound=Keys)


def validate_file(data: Any) -> tuple[File | None, list[Finding]]:
    """The model of a whole file given as plain data, or everything that is wrong with it."""
    return _validate(File, data)


def validate_policy(data: Any) -> tuple[PolicyKeys | None, list[Finding]]:
    """The same for a policy alone."""
    return _validate(PolicyKeys, data)


def _validate(model: type[M], data: Any) -> tuple[M | None, list[Finding]]:
    try:
        return model.validate(data), []
    except ValidationError as error:
        return None, findings(error, data, model)
