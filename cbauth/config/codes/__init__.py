"""Every rule that a configuration is checked against, by its code.

``CBA1xx`` the text as YAML, ``CBA2xx`` schema and references, ``CBA3xx`` secrets and transport, ``CBA4xx`` policy that
cannot do what it says. Each hundred has its module or modules; ``cbauth explain`` and ``docs/rules.md`` are made of
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cbauth.config.codes import comments, fallbacks, policy, schema, settings, syntax, transport
from cbauth.config.codes.rule import Rule
from cbauth.config.diagnostics import Diagnostic
from cbauth.config.suggest import nearest
from cbauth.errors import ConfigError

__all__ = ["CODES", "Rule", "explain", "unreadable"]

CODES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.code: rule
        for part in (syntax, comments, schema, transport, policy, fallbacks, settings)
        for rule in part.RULES
    }
)


def unreadable(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether the file could not be read or parsed at all."""
    return any(CODES[diagnostic.code].unreadable for diagnostic in diagnostics)


def explain(code: str) -> str:
    """What a code means, for people. Raises ``ConfigError`` for a code that there is not."""
    rule = CODES.get(code.upper())
    if rule is None:
        near = nearest(code, CODES)
        hint = f"did you mean {near}?" if near else f"they go from {min(CODES)} to {max(CODES)}"
        raise ConfigError(f"there is no such code: {hint}")
    return "\n\n".join(
        (
            f"{rule.code}: {rule.title} ({rule.severity})",
            rule.why,
            f"Wrong:\n\n{_indented(rule.bad)}",
            f"Right:\n\n{_indented(rule.good)}",
            rule.help,
        )
    )


def _indented(example: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in example.splitlines())
