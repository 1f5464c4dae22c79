"""The folders of good and bad example files. Beside each bad one stands what is expected of it.

Those of the policy rules have a folder each, ``lint/CODE-name/``, with bad and good ones. ``name.expected.txt`` has a
line for each diagnostic: ``line:column-endline:endcolumn severity code key``.
"""

from __future__ import annotations

from pathlib import Path

from cbauth.config.diagnostics import Diagnostic

HERE = Path(__file__).parent
VALID = sorted((HERE / "valid").glob("*.yaml"))
INVALID = sorted((HERE / "invalid").glob("*.yaml"))
LINTED = sorted((HERE / "lint").glob("*/invalid*.yaml"))
UNLINTED = sorted((HERE / "lint").glob("*/valid*.yaml"))


def told(diagnostic: Diagnostic) -> str:
    """A diagnostic as the expectations are written."""
    place = f"{diagnostic.line}:{diagnostic.column}-{diagnostic.end_line}:{diagnostic.end_column}"
    return f"{place} {diagnostic.severity} {diagnostic.code} {diagnostic.key}".rstrip()


def expected(path: Path) -> list[str]:
    """What is expected of a bad file."""
    return path.with_name(f"{path.stem}.expected.txt").read_text("utf-8").splitlines()
