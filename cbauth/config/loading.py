"""From text or mapping to plan, or to everything that is wrong with it.

The order: bytes, text, tree (``document``); model (``schema``) and rules, both on the same plain data, so that a
problem in one never hides a problem in the other; plan (``compiler``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbauth.config import rules, schema
from cbauth.config.compiler import compile_plan, given
from cbauth.config.diagnostics import ERROR, MOST, WARNING, Diagnostic, Finding, counts, key_text, printable
from cbauth.config.document import MOST_BYTES, Document, parse
from cbauth.config.doubts import doubts, spelled
from cbauth.config.gc_pause import gc_paused
from cbauth.config.mapping import plain
from cbauth.config.policies import compiled
from cbauth.config.privacy import looks_secret
from cbauth.config.source import read
from cbauth.config.suggest import meant
from cbauth.config.untrusted import confined
from cbauth.errors import ConfigError

if TYPE_CHECKING:
    from cbauth.config.schema.models import File
    from cbauth.plan import Plan, Policy

__all__ = ["Checked", "check_text", "from_checked", "from_file", "from_mapping", "policy_from_mapping"]


COMMENT_SIGN = "cbauth:"
"""What every comment to cbauth has in it, in small or large letters."""


class Checked:
    """A text that was checked: its document, its diagnostics sorted by place, and its plan when nothing is wrong.

    ``linted`` says whether its policy was looked at, too, which takes a file without errors.
    """

    __slots__ = ("diagnostics", "document", "linted", "plan")

    def __init__(self, document: Document, diagnostics: list[Diagnostic], plan: Plan | None, *, linted: bool) -> None:
        self.document = document
        self.diagnostics = diagnostics
        self.plan = plan
        self.linted = linted


@gc_paused()
def check_text(source: str | bytes, path: str | None) -> Checked:
    """Check a text. Never raises for anything that is in it."""
    document = parse(source, path)
    problems = list(document.problems)
    model = plan = None
    if document.readable:
        text = document.lines.text
        suspicious = rules.suspicious(text)
        model, findings = _examine(
            document.data,
            nulls=document.nulls,
            secrets=suspicious,
            lookalikes=not text.isascii() or "\\" in text,
        )
        problems += [document.place(finding) for finding in islice(doubts(document), MOST)]
        placed = [document.place(spelled(finding, document)) for finding in findings]
        taken = {(problem.line, problem.column) for problem in problems}
        spoilt = {problem.line for problem in problems if problem.code == "CBA110"}
        problems += [d for d in placed if (d.line, d.column) not in taken and d.line not in spoilt]
        if document.root is not None and suspicious and looks_secret(text):
            from cbauth.config.comments import secrets_in_comments

            problems += islice(secrets_in_comments(document, document.root), MOST)
    linted = model is not None and not counts(problems)[0]
    if model is not None and linted:
        plan, findings = _linted(document.data, model)
        problems += map(document.place, findings)
    if document.root is not None and COMMENT_SIGN in document.lines.text.lower():
        from cbauth.config.ignoring import after_comments

        problems = after_comments(document, document.root, problems)
    return Checked(document, sorted(problems), None if counts(problems)[0] else plan, linted=linted)


@gc_paused()
def from_file(path: str | os.PathLike[str], *, trusted: bool) -> Plan:
    """The plan of a file. Raises ``ConfigError`` with everything that is wrong."""
    return from_checked(check_text(read(path, MOST_BYTES), os.fspath(path)), path, trusted=trusted)


def from_checked(checked: Checked, path: str | os.PathLike[str], *, trusted: bool) -> Plan:
    """The plan of a text that was checked, and is that of ``path``. Raises ``ConfigError``."""
    if checked.plan is None:
        raise _error(printable(os.fspath(path)), checked.diagnostics, path=os.fspath(path))
    plan = replace(checked.plan, path=Path(path), trusted=trusted, warnings=tuple(checked.diagnostics))
    return plan if trusted else confined(plan)


def from_mapping(mapping: Mapping[str, Any], *, trusted: bool) -> Plan:
    """The plan of a mapping of the file's shape. Its diagnostics have key paths but no lines."""
    data, problems = plain(mapping)
    model = None
    if not problems:
        model, problems = _examine(data, nulls=True, secrets=True, lookalikes=True)
    plan = None
    if model is not None and all(finding.severity == WARNING for finding in problems):
        plan, found = _linted(data, model)
        problems = [*problems, *found]
    if plan is None:
        raise _error("the configuration", _unplaced(problems))
    plan = replace(plan, trusted=trusted, warnings=tuple(_unplaced(problems)))
    return plan if trusted else confined(plan)


def policy_from_mapping(mapping: Mapping[str, Any]) -> Policy:
    """The policy that a mapping of the YAML's shape describes, on top of the defaults."""
    data, problems = plain(mapping)
    model = None
    if not problems:
        model, problems = schema.validate_policy(data)
        problems = _settled([*problems, *islice(rules.nulls(data), MOST)])
    if model is None or problems:
        raise _error("the policy", _unplaced(problems))
    return compiled(given(model))


def _examine(data: Any, *, nulls: bool, secrets: bool, lookalikes: bool) -> tuple[File | None, list[Finding]]:
    model, findings = schema.validate_file(data)
    if lookalikes:
        findings += islice(rules.lookalikes(data), MOST)
    findings += islice(rules.check(data), MOST)
    if nulls:
        findings += islice(rules.nulls(data), MOST)
    if secrets:
        findings += islice(rules.literal_secrets(data), MOST)
    return model, _settled(findings) if findings else findings


def _linted(data: Any, model: File) -> tuple[Plan | None, list[Finding]]:
    """The plan of a file without errors, and what its policy promises in vain; none when it cannot work at all."""
    plan = compile_plan(model)
    by_severity: dict[str, list[Finding]] = {ERROR: [], WARNING: []}
    for finding in rules.lint(data, plan):  # many warnings must not hide that it cannot work
        if len(by_severity[finding.severity]) < MOST:
            by_severity[finding.severity].append(finding)
    return (None if by_severity[ERROR] else plan), by_severity[ERROR] + by_severity[WARNING]


def _settled(findings: Sequence[Finding]) -> list[Finding]:
    """One finding for each mistake: nothing more about what lies under an unknown key, nothing said twice.

    What cannot be told from ASCII by looking is said first: other complaints about the same words would only confuse.
    """
    unknown = {finding.path for finding in findings if finding.code == "CBA201"}
    misspelt = {(finding.path[:-1], finding.help) for finding in findings if finding.code == "CBA201"}
    alike = {(finding.path, finding.at_key) for finding in findings if finding.code == "CBA120"}
    shapeless = {finding.path for finding in findings if finding.code in _SHAPELESS}
    kept: dict[tuple[Any, ...], Finding] = {}
    for finding in findings:
        path, code = finding.path, finding.code
        if code not in _ANYWHERE and any(path[:end] in unknown for end in range(1, len(path) + 1)):
            continue
        if code == "CBA202" and (path[:-1], meant(str(path[-1]))) in misspelt:
            continue  # it is there, under the other spelling
        if code in _CONFUSED and (path, finding.at_key) in alike:
            continue
        if code in _REFERRING and path in shapeless:
            continue
        kept.setdefault((code, path, finding.at_key), finding)
    return list(kept.values())


_ANYWHERE = frozenset({"CBA120", "CBA201", "CBA301", "CBA302", "CBA305"})
"""What is said of an unknown key, and of what stands under it."""

_CONFUSED = frozenset({"CBA201", "CBA204", "CBA206", "CBA207", "CBA208", "CBA209", "CBA210", "CBA211", "CBA301"})
"""What is said of words that are not the ones that are wanted."""

_SHAPELESS = frozenset({"CBA206", "CBA208"})
_REFERRING = frozenset({"CBA210", "CBA211"})
"""What cannot be a name need not be told that nothing has that name."""


def _unplaced(findings: Iterable[Finding]) -> list[Diagnostic]:
    return sorted(
        Diagnostic(
            code=finding.code,
            message=finding.message,
            severity=finding.severity,
            key=key_text(finding.path),
            help=finding.help,
        )
        for finding in findings
    )


def _error(what: str, diagnostics: Sequence[Diagnostic], path: str | None = None) -> ConfigError:
    errors, _ = counts(diagnostics)
    least = "at least " if errors >= MOST else ""
    number = "1 problem" if errors == 1 else f"{least}{errors} problems"
    return ConfigError(f"{what} cannot be used: {number}", path=path, diagnostics=diagnostics)
