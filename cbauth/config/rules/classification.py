"""Rules of classification that are never reached."""

from __future__ import annotations

from collections.abc import Iterator

from cbauth.config.diagnostics import WARNING, Finding
from cbauth.config.rules.case import Case, called
from cbauth.outcomes import Rule

__all__ = ["unreached_rules"]

_Question = tuple[str | None, int | None, str | None]


def unreached_rules(case: Case) -> Iterator[Finding]:
    """CBA451: a rule behind one that matches all that it does. CBA452: a rule for a provider that nobody uses."""
    used = {profile.provider.id for profile in case.plan.profiles}
    first: dict[_Question, int] = {}
    for place, rule in enumerate(case.plan.rules):
        before = min((first[each] for each in _wider(rule) if each in first), default=None)
        if before is not None:
            yield Finding(
                "CBA451",
                ("classify", place),
                "this rule is never reached: an earlier one matches whatever it matches",
                "move it up, before the more general rule, or take it out",
                severity=WARNING,
                related=(("the earlier rule", ("classify", before)),),
            )
        elif rule.provider is not None and rule.provider not in used:
            yield Finding(
                "CBA452",
                ("classify", place, "provider"),
                f"no profile uses the provider {called(rule.provider)}: this rule is never asked",
                "name a provider that a profile uses, or take the rule out",
                severity=WARNING,
            )
        first.setdefault((rule.provider, rule.status, _folded(rule.match)), place)


def _wider(rule: Rule) -> Iterator[_Question]:
    """Every question whose answer is yes wherever this rule's is, the rule's own included."""
    for provider in dict.fromkeys((rule.provider, None)):
        for status in dict.fromkeys((rule.status, None)):
            for match in dict.fromkeys((_folded(rule.match), None)):
                yield provider, status, match


def _folded(match: str | None) -> str | None:
    return None if match is None else match.casefold()
