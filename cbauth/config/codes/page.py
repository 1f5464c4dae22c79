"""``docs/rules.md``: all rules as one page of Markdown. ``make rules`` writes it, a test compares."""

from __future__ import annotations

from collections.abc import Iterator

from cbauth.config.codes import CODES
from cbauth.config.codes.rule import Rule

__all__ = ["page"]

_PARTS = {
    "1": "The file and its text",
    "2": "Schema and references",
    "3": "Secrets and transport",
    "4": "Policy",
}
_INTRODUCTION = """\
# The rules, code by code

What `cbauth validate` reports, and `cbauth explain CBA203` prints. Errors make a file unusable. Warnings do not, unless
`--strict` is given; a comment `# cbauth: ignore[CBA303] reason`, on the line of a warning or alone on the line above,
silences it.

<!-- Written by `make rules`. -->
"""


def page() -> str:
    """The page."""
    return "\n".join((_INTRODUCTION, *_index(), *(_section(rule) for rule in CODES.values())))


def _index() -> Iterator[str]:
    for digit, title in _PARTS.items():
        rules = [rule for rule in CODES.values() if rule.code[3] == digit]
        if rules:
            yield f"**{title}**\n"
            yield "".join(f"- [{rule.code}](#{rule.code.lower()}) {rule.title}\n" for rule in rules)


def _section(rule: Rule) -> str:
    language = "sh" if rule.shell else "yaml"
    consequence = "error, exit code 2" if rule.unreadable else rule.severity
    return f"""\
## {rule.code}

**{rule.title[0].upper()}{rule.title[1:]}** ({consequence})

{rule.why}

Wrong:

```{language}
{rule.bad.rstrip()}
```

Right:

```{language}
{rule.good.rstrip()}
```

{rule.help}
"""
