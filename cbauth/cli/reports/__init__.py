"""How ``cbauth validate`` tells what it found: for people, for scripts, for code hosts and CI.

Each format is a module of its own, imported only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cbauth.cli.reports.report import Report

__all__ = ["FORMATS", "written"]

FORMATS: Mapping[str, str] = {
    "text": "cbauth.cli.reports.text:text",
    "concise": "cbauth.cli.reports.lines:concise",
    "json": "cbauth.cli.reports.lines:as_json",
    "github": "cbauth.cli.reports.lines:github",
    "sarif": "cbauth.cli.reports.sarif:sarif",
    "junit": "cbauth.cli.reports.junit:junit",
}
"""Each format and the function that writes it."""


def written(report: Report, style: str) -> str:
    """The report in one of ``FORMATS``."""
    module, _, function = FORMATS[style].partition(":")
    write: Callable[[Report], str] = getattr(import_module(module), function)
    return write(report)
