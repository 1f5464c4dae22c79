"""``CBA130`` to ``CBA139``: comments that silence a warning, ``# cbauth: ignore[CBA303] reason``."""

from __future__ import annotations

from cbauth.config.codes.rule import Rule
from cbauth.config.diagnostics import WARNING

__all__ = ["RULES"]

_LAB = """\
version: 1
profiles:
  lab: {provider: ollama, base_url: "http://gpu.lab.example"}"""

RULES: tuple[Rule, ...] = (
    Rule(
        code="CBA130",
        title="an ignore comment that cannot be understood",
        why="A comment that was meant to silence a warning, but is not written as one, silences nothing.",
        help="Write `# cbauth: ignore[CBA303] reason`; several codes are separated by commas.",
        bad=f"{_LAB} # cbauth: ignore CBA303\n",
        good=f"{_LAB} # cbauth: ignore[CBA303] the lab has no TLS yet\n",
        severity=WARNING,
    ),
    Rule(
        code="CBA131",
        title="an ignore comment that silences nothing",
        why="What it was written for is gone. Left where it is, it would hide the next mistake.",
        help="Take the code, or the whole comment, away.",
        bad="version: 1\nprofiles:\n  work: {provider: openai} # cbauth: ignore[CBA303] it once was http\n",
        good="version: 1\nprofiles:\n  work: {provider: openai}\n",
        severity=WARNING,
    ),
    Rule(
        code="CBA132",
        title="an ignore comment with an unknown code",
        why="There is no such rule, so nothing is silenced.",
        help="Look the code up in the report; `cbauth explain CODE` says what it means.",
        bad="version: 1\nprofiles:\n  work: {provider: openai} # cbauth: ignore[CBA999] no such rule\n",
        good="version: 1\nprofiles:\n  work: {provider: openai}\n",
        severity=WARNING,
    ),
    Rule(
        code="CBA133",
        title="an ignore comment without a reason",
        why="In a year nobody knows whether the warning may come back. The comment works; it only asks for a reason.",
        help="Say after the bracket why the warning does not apply here.",
        bad=f"{_LAB} # cbauth: ignore[CBA303]\n",
        good=f"{_LAB} # cbauth: ignore[CBA303] the lab has no TLS yet\n",
        severity=WARNING,
    ),
    Rule(
        code="CBA134",
        title="an error cannot be ignored",
        why="A file with an error cannot be used at all; only warnings are a matter of opinion.",
        help="Mend the error, and take the comment away.",
        bad="version: 1\nprofiles:\n  work: {provider: openai, wieght: 2} # cbauth: ignore[CBA201] later\n",
        good="version: 1\nprofiles:\n  work: {provider: openai, weight: 2}\n",
        severity=WARNING,
    ),
)
