"""Finding what somebody probably meant to write."""

from __future__ import annotations

import re
from collections.abc import Collection

from cbauth.config.privacy import presentable

__all__ = ["Suggestions", "meant", "nearest"]

MANY = 500
"""Among more choices than this none is looked for, so that a huge file stays cheap."""


def nearest(word: str, choices: Collection[str]) -> str | None:
    """The choice that ``word`` was probably meant to be, ``None`` when nothing is near.

    Capitals, ``-``, ``_`` and blanks do not count: ``API-Key`` is ``api_key``.
    """
    if not 0 < len(word) <= 64 or len(choices) > MANY:
        return None
    wanted = _plain(word)
    by_plain = {_plain(choice): choice for choice in choices}
    if wanted in by_plain:
        return by_plain[wanted]
    from difflib import get_close_matches

    close = get_close_matches(wanted, by_plain, n=1, cutoff=0.66)
    return by_plain[close[0]] if close else None


def meant(name: str) -> str:
    """The sentence that suggests a name."""
    return f"did you mean `{name}`?"


class Suggestions:
    """``nearest`` with a budget: a file with a hundred thousand misspelt keys does not need as many suggestions."""

    def __init__(self, budget: int = 200) -> None:
        self._left = budget

    def near(self, word: str, choices: Collection[str]) -> str | None:
        """The nearest choice that may be shown."""
        if self._left <= 0:
            return None
        self._left -= 1
        near = nearest(word, choices)
        return near if near is not None and presentable(near) else None

    def help(self, word: str, choices: Collection[str], otherwise: str | None = None) -> str | None:
        """A sentence that names the nearest choice, or ``otherwise``."""
        near = self.near(word, choices)
        return meant(near) if near is not None else otherwise


def _plain(word: str) -> str:
    return re.sub(r"[-_ .]", "", word).casefold()
