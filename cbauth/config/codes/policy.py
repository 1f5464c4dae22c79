"""``CBA4xx``: policy that cannot do what it says."""

from __future__ import annotations

from cbauth.config.codes.rule import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = ()
