"""The command ``cbauth`` itself: what it lists, what it loads, and what becomes of errors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import cbauth
from cbauth.cli import main
from cbauth.cli.main import COMMANDS, Command
from cbauth.config import json_schema
from cbauth.errors import (
    CbauthError,
    ConfigError,
    LoginRequiredError,
    StoreError,
    UnavailableError,
)

ROOT = Path(__file__).parents[2]


@click.command()
@click.argument("what")
def fail(what: str) -> int | None:
    """Raise the error named ``what``."""
    errors: dict[str, BaseException] = {
        "login": LoginRequiredError("acme-me"),
        "later": UnavailableError("gpt-4o", retry_at=1e9),
        "never": UnavailableError("gpt-4o"),
        "config": ConfigError("no such profile"),
        "store": StoreError("the state cannot be read"),
        "any": CbauthError("something"),
        "fault": ValueError("CANARY"),
        "interrupt": KeyboardInterrupt(),
        "exit": SystemExit(7),
    }
    if what in errors:
        raise errors[what]
    return int(what)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "fail", Command(f"{__name__}:fail", "Fails."))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("login", 4, "cbauth login acme-me"),
        ("later", 5, "try again at"),
        ("never", 1, "no profile can answer"),
        ("config", 2, "cbauth: no such profile"),
        ("store", 1, "cbauth: the state cannot be read"),
        ("any", 1, "cbauth: something"),
        ("interrupt", 130, "interrupted"),
        ("0", 0, ""),
        ("3", 3, ""),
    ],
)
@pytest.mark.usefixtures("failing")
def test_an_error_is_its_own_sentence_and_an_exit_code(
    what: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fail", what]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.usefixtures("failing")
def test_an_internal_fault_is_one_line_without_what_was_being_worked_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fail", "fault"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cbauth: internal fault: ValueError at fail (test_main.py:")
    assert "CANARY" not in line


@pytest.mark.usefixtures("failing")
def test_a_command_may_choose_its_own_exit_code() -> None:
    with pytest.raises(SystemExit) as raised:
        main(["fail", "exit"])
    assert raised.value.code == 7


def test_a_bad_configuration_is_1_and_an_unparsable_one_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "profiles.yaml"
    file.write_text("version: 1\nprofiles: {a: {provider: nobody}}\n")
    assert main(["status", "--config", str(file)]) == 1
    assert f"{file}:1" in capsys.readouterr().err.replace(":2:", ":1:")
    file.write_text("a: [")
    assert main(["status", "--config", str(file)]) == 2


def test_a_misspelt_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["valdiate"]) == 2
    assert "did you mean `validate`?" in capsys.readouterr().err
    assert main(["xyzzy"]) == 2
    assert "there are validate, schema" in capsys.readouterr().err
    assert main(["--no-such-option"]) == 2


def test_help_lists_every_command_and_every_command_can_be_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert f"  {name} " in listed
        assert command.summary.split()[0] in listed
        assert main([name, "--help"]) == 0, name
        assert f"Usage: cbauth {name}" in capsys.readouterr().out


def test_shells_can_complete_the_commands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_CBAUTH_COMPLETE": "bash_complete", "COMP_WORDS": "cbauth v", "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main([])
    assert capsys.readouterr().out.split() == ["plain,validate"]


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"cbauth {cbauth.__version__}\n"


@pytest.mark.parametrize("draft", ["2020-12", "draft-07"])
def test_schema_prints_the_json_schema(draft: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--draft", draft]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema(draft)


def test_help_and_version_load_no_command_and_nothing_of_a_configuration() -> None:
    program = (
        "import sys\nfrom cbauth.cli import main\nassert main(['--help']) == main(['--version']) == 0\n"
        "loaded = {n for n in sys.modules if n.startswith(('cbauth.', 'pydantic', 'ruamel'))}\n"
        "light = {'cbauth.cli' + end for end in ('', '.main', '.console', '.group')} | {'cbauth.errors'}\n"
        "assert loaded <= light, loaded\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_alone_loads_not_even_the_library_of_the_commands(flag: str) -> None:
    program = f"import sys\nfrom cbauth.cli import main\nassert main(['{flag}']) == 0 and 'click' not in sys.modules"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, stdout=subprocess.DEVNULL)


def test_every_option_stands_in_the_help_whichever_way_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    told = capsys.readouterr().out
    main(["--help", "--"])
    assert capsys.readouterr().out == told
    assert re.findall(r"^  (-.+?)  ", told, re.MULTILINE) == ["--version", "-h, --help"]


def test_the_module_is_the_command() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cbauth", "--version"]
    ended = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert ended.stdout == f"cbauth {cbauth.__version__}\n"
