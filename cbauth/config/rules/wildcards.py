"""Wildcards that say nothing of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cbauth.config.diagnostics import WARNING, Finding, Path
from cbauth.config.privacy import quoted
from cbauth.config.rules.case import Case, called
from cbauth.config.rules.index import Budget, Index
from cbauth.plan import Profile

__all__ = ["equal_wildcards", "hidden_wildcards"]


def hidden_wildcards(case: Case) -> Iterator[Finding]:
    """CBA411: an entry of `models` that another one of the same list contains. A name beside a wildcard is not one.

    A list that aliases share is looked at once.
    """
    seen: set[int] = set()
    for profile in case.plan.profiles:
        path: Path = ("profiles", profile.id, "models")
        written = case.models(profile)
        if len(written) < 2 or id(written) in seen:
            continue
        seen.add(id(written))
        for place, broader in _contained(written, case.budget):
            entry, other = written[place], written[broader]
            what = "stands here twice" if entry == other else f"is contained in {_shown(other)}"
            yield Finding(
                "CBA411",
                (*path, place),
                f"{_shown(entry)} {what}",
                "take it out: it changes nothing",
                severity=WARNING,
                related=((f"{_shown(other)} stands here", (*path, broader)),),
            )


def _contained(patterns: Sequence[str], budget: Budget) -> Iterator[tuple[int, int]]:
    """The places of entries that say nothing of their own, and of the entry that says it."""
    index: Index[int] = Index(budget)
    for place, pattern in enumerate(patterns):
        first = index.put(pattern, place)
        if first != place:
            yield place, first
    for place, pattern in enumerate(patterns):
        if "*" not in pattern:
            continue
        for other, at in index.broader(pattern):
            same = other != pattern and any(found == pattern for found, _ in index.broader(other))
            if other != pattern and (not same or at < place):
                yield place, at
                break


def equal_wildcards(case: Case) -> Iterator[Finding]:
    """CBA412: of two providers with the same wildcard and priority the first in the file answers, and only that."""
    if case.rotates:
        return
    first: dict[tuple[str, int, bool], Profile] = {}
    for profile in case.ranked:
        for place, pattern in enumerate(case.models(profile)):
            if "*" not in pattern:
                continue
            other = first.setdefault((pattern, profile.priority, profile.uses_oauth), profile)
            if other.provider.id != profile.provider.id:
                yield Finding(
                    "CBA412",
                    ("profiles", profile.id, "models", place),
                    f"{called(other.id)} serves {_shown(pattern)} with the same priority: only the order of the file"
                    " decides who answers",
                    "give one of them a higher `priority`",
                    severity=WARNING,
                    related=((f"{called(other.id)} comes first", ("profiles", other.id)),),
                )


def _shown(pattern: str) -> str:
    return quoted(pattern, "this entry")
