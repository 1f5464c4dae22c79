"""Every example file says what it should: nothing for the good ones, the expected diagnostics for the bad ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cbauth.config import check, load_plan
from cbauth.config.codes import CODES
from cbauth.errors import ConfigError
from tests.config.corpus import HERE, INVALID, LINTED, VALID, expected, told

ROOT = HERE.parents[1]


def test_there_are_enough_examples() -> None:
    assert len(VALID) >= 30
    assert len(INVALID) >= 80


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_good_file_has_no_diagnostics_and_compiles(path: Path) -> None:
    assert check(path.read_bytes()) == []
    assert load_plan(path).profiles


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_a_bad_file_gets_exactly_the_expected_diagnostics_in_order(path: Path) -> None:
    assert [told(diagnostic) for diagnostic in check(path.read_bytes(), path.name)] == expected(path)


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_loading_a_bad_file_raises_them_all_at_once_and_warnings_do_not_stop_it(path: Path) -> None:
    diagnostics = check(path.read_bytes(), str(path))
    if all(diagnostic.severity == "warning" for diagnostic in diagnostics):
        assert load_plan(path).profiles
        return
    with pytest.raises(ConfigError) as raised:
        load_plan(path)
    assert list(raised.value.diagnostics) == diagnostics
    assert raised.value.path == str(path)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None  # a parser's error quotes the text


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_no_diagnostic_repeats_a_secret_or_breaks_out_of_its_line(path: Path) -> None:
    for diagnostic in check(path.read_bytes(), path.name):
        text = repr(diagnostic)
        assert "CANARY" not in text
        assert str(diagnostic).isprintable()
        assert str(diagnostic).isascii()


def test_every_code_has_an_example_or_a_test_of_its_own() -> None:
    """CBA101 and CBA103 need no content: see test_reading."""
    shown = {line.split()[2] for path in INVALID + LINTED for line in expected(path)}
    assert set(CODES) - shown == {"CBA101", "CBA103"}


def test_the_pure_parser_says_the_same_as_libyaml() -> None:
    """Where there is no wheel for libyaml, ruamel.yaml's own parser reads the same values, places and problems."""
    program = (
        "import json, sys\n"
        "sys.modules['_ruamel_yaml'] = None\n"
        "from pathlib import Path\n"
        "from cbauth.config import check\n"
        "from cbauth.config.document import parse\n"
        "from tests.config.corpus import INVALID, VALID, told\n"
        "print(json.dumps([[told(d) for d in check(p.read_bytes())] for p in VALID + INVALID]))\n"
        "print(json.dumps([parse(p.read_bytes()).data for p in VALID]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    diagnostics, values = (json.loads(line) for line in ended.stdout.splitlines())
    from cbauth.config.document import parse

    assert diagnostics == [[told(found) for found in check(path.read_bytes())] for path in VALID + INVALID]
    assert values == [parse(path.read_bytes()).data for path in VALID]
