"""Coverage-guided fuzzing of what reads a stranger's file: ``python -m tests.support.fuzzing [FOLDER] [-runs=N]``.

atheris changes the input bit by bit and keeps what reaches new lines. Whatever comes in, each format has to write a
report about it; anything that is raised ends the run with the input in a file ``crash-…``.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["cbauth.config", "cbauth.cli.reports", "ruamel.yaml"]):
    from cbauth.cli.console import Paint
    from cbauth.cli.reports import FORMATS, written
    from cbauth.cli.reports.report import Report, Result
    from cbauth.config.codes import unreadable
    from cbauth.config.loading import check_text


def one_input(source: bytes) -> None:
    """Check and compile it, and write about it in each format."""
    checked = check_text(source, "profiles.yaml")
    assert checked.plan is None or checked.plan.profiles
    assert checked.diagnostics == sorted(checked.diagnostics)
    unreadable(checked.diagnostics)
    for width in (None, 40):
        report = Report([Result("profiles.yaml", checked)], Paint(False), width)
        for style in FORMATS:
            assert written(report, style).isascii()


def main() -> None:
    """Run until the bound that the arguments give, such as ``-max_total_time=20``."""
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
