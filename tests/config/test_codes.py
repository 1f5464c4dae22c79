"""Every code means something: its examples do what they say, and the page in docs/ is made of the same words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cbauth.config import check, explain_code
from cbauth.config.codes import CODES, Rule
from cbauth.config.codes.page import page
from cbauth.errors import ConfigError

ROOT = Path(__file__).parents[2]
TEXTS = [rule for rule in CODES.values() if not rule.shell]
COMMANDS = [rule for rule in CODES.values() if rule.shell]


@pytest.mark.parametrize("rule", TEXTS, ids=lambda rule: rule.code)
def test_the_bad_example_has_the_code_with_its_usual_severity(rule: Rule) -> None:
    assert (rule.code, rule.severity) in {(found.code, found.severity) for found in check(rule.bad)}


@pytest.mark.parametrize("rule", TEXTS, ids=lambda rule: rule.code)
def test_the_good_example_has_no_diagnostic_at_all(rule: Rule) -> None:
    assert check(rule.good) == []


@pytest.mark.parametrize("rule", COMMANDS, ids=lambda rule: rule.code)
def test_an_example_that_is_a_command_fails_with_the_code_and_its_better_passes(rule: Rule, tmp_path: Path) -> None:
    command = tmp_path / "cbauth"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cbauth "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    bad, good = (
        subprocess.run(["sh", "-c", line], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        for line in (rule.bad, rule.good)
    )
    assert (bad.returncode, f"error[{rule.code}]" in bad.stdout) == (2, True)
    assert (good.returncode, good.stdout) == (0, "ok: 1 file checked, nothing to mend\n")


@pytest.mark.parametrize("rule", CODES.values(), ids=lambda rule: rule.code)
def test_every_code_explains_what_why_and_how_with_both_examples(rule: Rule) -> None:
    told = explain_code(rule.code.lower())
    assert told.startswith(f"{rule.code}: {rule.title} ({rule.severity})\n\n{rule.why}\n\nWrong:\n\n    ")
    assert told.endswith(f"\n\n{rule.help}")
    for example in (rule.bad, rule.good):
        assert "\n".join(f"    {line}" for line in example.splitlines()) in told
    for sentence in (rule.why, rule.help):
        assert sentence.endswith(".")
    assert not rule.title.endswith(".")
    assert told.replace("\n", "").replace("\t", "").isprintable()


def test_the_codes_are_sorted_and_unique_and_of_the_four_kinds() -> None:
    assert list(CODES) == sorted(CODES)
    assert {code[:4] for code in CODES} <= {"CBA1", "CBA2", "CBA3", "CBA4"}


def test_the_page_of_the_rules_is_what_they_say_now() -> None:
    assert (ROOT / "docs" / "rules.md").read_text("utf-8") == page(), "run `make rules`"


def test_an_unknown_code_gets_a_suggestion_or_the_range() -> None:
    with pytest.raises(ConfigError, match="did you mean CBA201"):
        explain_code("CBA-201")
    with pytest.raises(ConfigError, match=f"they go from {min(CODES)} to {max(CODES)}"):
        explain_code("XYZ")
