"""Policy that cannot do what it says: ``CBA4xx``, asked of files in which nothing else is wrong.

Every rule takes a ``Case`` and asks the same code that chooses at run time (``core``, on the compiled plan). None looks
at subsets of profiles one by one; each costs in proportion to the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from cbauth.config.diagnostics import Finding
from cbauth.config.rules.case import Case
from cbauth.config.rules.classification import unreached_rules
from cbauth.config.rules.fallbacks import fallbacks
from cbauth.config.rules.logins import relative_commands, shared_secrets, without_pkce
from cbauth.config.rules.numbers import lengths, mixed_breakers
from cbauth.config.rules.reachability import all_disabled, idle_words, never_chosen, unused_providers, weightless
from cbauth.config.rules.wildcards import equal_wildcards, hidden_wildcards
from cbauth.plan import Plan

__all__ = ["RULES", "lint"]

RULES: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    all_disabled,
    fallbacks,
    never_chosen,
    weightless,
    idle_words,
    unused_providers,
    hidden_wildcards,
    equal_wildcards,
    lengths,
    mixed_breakers,
    without_pkce,
    shared_secrets,
    relative_commands,
    unreached_rules,
)


def lint(data: dict[str, Any], plan: Plan) -> Iterator[Finding]:
    """What a valid file's policy promises and does not keep."""
    case = Case(data, plan)
    return chain.from_iterable(rule(case) for rule in RULES)
