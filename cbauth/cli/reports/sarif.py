"""SARIF 2.1.0 (OASIS standard, 27 March 2020), which code hosts take as results of an analysis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from cbauth import __version__
from cbauth.cli.reports.report import Report
from cbauth.config.codes import CODES, Rule, unreadable
from cbauth.config.diagnostics import Diagnostic, Place

__all__ = ["sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# Lines and columns count from 1, columns in characters; the end is just after the last one (section 3.30).
_COLUMNS = "unicodeCodePoints"


def sarif(report: Report) -> str:
    """One run, in ASCII. Nothing of the files' text is in it."""
    diagnostics = report.diagnostics
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    invocation: dict[str, Any] = {"executionSuccessful": not unreadable(diagnostics)}
    if report.rest:
        invocation["toolExecutionNotifications"] = [{"level": "note", "message": {"text": report.rest}}]
    run = {
        "tool": {
            "driver": {"name": "cbauth", "version": __version__, "rules": [_rule(CODES[code]) for code in codes]},
        },
        "invocations": [invocation],
        "columnKind": _COLUMNS,
        "results": [_result(diagnostic, codes.index(diagnostic.code)) for diagnostic in diagnostics],
    }
    whole = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(whole, indent=2) + "\n"


def _rule(rule: Rule) -> Mapping[str, Any]:
    sentence = f"{rule.title[0].upper()}{rule.title[1:]}."
    return {
        "id": rule.code,
        "shortDescription": {"text": sentence},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why} {rule.help}"},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(diagnostic: Diagnostic, index: int) -> Mapping[str, Any]:
    text = diagnostic.message + (f"; {diagnostic.help}" if diagnostic.help else "")
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": index,
        "level": diagnostic.severity,
        "message": {"text": text},
        "locations": [_location(diagnostic)],
        "partialFingerprints": {"keyPath/v1": _fingerprint(diagnostic)},
    }
    if diagnostic.key:
        result["locations"][0]["logicalLocations"] = [{"fullyQualifiedName": diagnostic.key, "kind": "member"}]
    if diagnostic.related:
        result["relatedLocations"] = [
            {"id": number, **_location(place), "message": {"text": place.message}}
            for number, place in enumerate(diagnostic.related, start=1)
        ]
    return result


def _location(at: Diagnostic | Place) -> dict[str, Any]:
    region = {"startLine": at.line, "startColumn": at.column, "endLine": at.end_line, "endColumn": at.end_column}
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(at.path or "")}, "region": region}}


def _uri(path: str) -> str:
    """The path as a URI reference, relative where it is; what stands for standard input likewise."""
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(pure.as_posix(), errors="replace")


def _fingerprint(diagnostic: Diagnostic) -> str:
    """The same for the same mistake when lines have moved."""
    words = "\0".join((diagnostic.code, diagnostic.path or "", diagnostic.key, diagnostic.message))
    return sha256(words.encode("utf-8", "replace")).hexdigest()[:32]
