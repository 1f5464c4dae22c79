"""What stands behind a code: the words of ``cbauth explain`` and of ``docs/rules.md``."""

from __future__ import annotations

from dataclasses import dataclass

from cbauth.config.diagnostics import ERROR

__all__ = ["ERROR", "Rule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a code stands for.

    ``title`` is a few words without a full stop; ``why`` and ``help`` are sentences: what goes wrong if nobody minds,
    and how it is mended. ``bad`` and ``good`` are whole files: checked, ``bad`` has this code and ``good`` has none
    (tests hold that). With ``shell`` they are commands instead, for what no text can show. ``severity`` is the usual
    one. ``unreadable``: the file could not be read or parsed at all (exit code 2).
    """

    code: str
    title: str
    why: str
    help: str
    bad: str
    good: str
    severity: str = ERROR
    unreadable: bool = False
    shell: bool = False
