"""A user's own rules: what an answer means, where the provider's words are not known here.

::

    classify:
      - {provider: acme, status: 403, match: "Key limit exceeded", kind: billing}

The first rule that applies decides, before every built-in rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cbauth.errors import ConfigError
from cbauth.outcomes.outcome import KINDS, one_of

__all__ = ["SEARCHED", "Rule"]

SEARCHED = 8192
"""How many characters of an answer are searched, at most."""

_KEYS = ("provider", "status", "match", "kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of ``classify:``. What it leaves out matches everything.

    ``kind`` is what an answer means that has this ``status`` and holds ``match``: text that occurs in it, or a regular
    expression that finds something in it, both without regard to case. ``provider`` is for whoever collects the rules:
    ``classify`` does not know whom it was that answered, so it must be given only the rules that concern them.
    Raises ``ConfigError`` for a value that could never match.
    """

    kind: str
    provider: str | None = None
    status: int | None = None
    match: str | None = None
    pattern: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        one_of("kind of outcome", self.kind, KINDS)
        if self.provider is not None and not isinstance(self.provider, str):
            raise ConfigError("the provider of a rule is a name")
        if self.status is not None and not _is_status(self.status):
            raise ConfigError("the status of a rule is an HTTP status, a whole number from 100 to 599")
        if self.match is not None and (not isinstance(self.match, str) or not self.match.strip()):
            raise ConfigError("the match of a rule is text to look for: leave it out to match every text")
        object.__setattr__(self, "pattern", None if self.match is None else _compiled(self.match))

    @classmethod
    def of(cls, entry: Rule | Mapping[str, object]) -> Rule:
        """``entry`` itself, or the rule that a mapping of the YAML's shape spells; else ``ConfigError``."""
        if isinstance(entry, Rule):
            return entry
        if not isinstance(entry, Mapping):
            raise ConfigError(f"a rule is a mapping with the keys {', '.join(_KEYS)}, not {type(entry).__name__}")
        facts: dict[str, Any] = {str(key): value for key, value in entry.items() if not str(key).startswith("x-")}
        for key in facts:
            one_of("key of a rule", key, _KEYS)
        if "kind" not in facts:
            raise ConfigError("a rule needs a kind: what an answer that matches it means")
        return cls(**facts)

    def applies(self, status: int | None, text: str) -> bool:
        """Whether an answer with this ``status`` (``None``: there was none) and ``text`` is one that the rule means.

        Only the first 8192 characters are searched. A regular expression is the user's own: one that backtracks without
        end does so here too.
        """
        if self.status is not None and self.status != status:
            return False
        if self.match is None:
            return True
        text = text[:SEARCHED]
        if self.match.casefold() in text.casefold():
            return True
        return self.pattern is not None and self.pattern.search(text) is not None


def _is_status(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599


def _compiled(match: str) -> re.Pattern[str] | None:
    """``match`` as a regular expression, or ``None`` where it is only text, such as ``credit (0 left``."""
    try:
        return re.compile(match, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError):
        return None
