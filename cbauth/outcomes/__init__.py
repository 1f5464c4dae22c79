"""What a failed call means: a pure function from an error or a response to one of eleven kinds.

``Outcome``, ``Rule`` and the lists of words load at once; ``classify`` and ``redact`` when they are first used, so that
whoever only names an outcome pays for nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbauth.outcomes.outcome import KINDS, PROTOCOLS, SCOPES, Outcome
from cbauth.outcomes.rules import Rule

if TYPE_CHECKING:
    from cbauth.outcomes.classifier import classify
    from cbauth.outcomes.redaction import redact

__all__ = ["KINDS", "PROTOCOLS", "SCOPES", "Outcome", "Rule", "classify", "redact"]

_LAZY = {"classify": "classifier", "redact": "redaction"}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
