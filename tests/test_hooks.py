"""Where other repositories meet cbauth: the GitHub action and the pre-commit hook do what they say, run as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cbauth.cli.reports import FORMATS

ROOT = Path(__file__).parents[1]
ACTION: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "action.yml").read_text("utf-8"))
INSTALL, CHECK = (step for step in ACTION["runs"]["steps"] if "run" in step)
GOOD = "version: 1\nprofiles: {a: {provider: openai}}\n"
WARNED = "version: 1\nprofiles: {a: {provider: openai}}\npolicy: {breaker: {open_for: 1s}}\n"
BAD = "version: 1\nprofiles: {a: {provider: opnai}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"profiles.yaml": GOOD, "with space.yaml": GOOD, "warned.yaml": WARNED, "bad.yaml": BAD}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def checked(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The step of the action that checks, as a runner runs it: each input in the variable that the step gives it."""
    values = {name: inputs.get(name, str(given["default"])) for name, given in ACTION["inputs"].items()}
    variables = {
        name: values[source.removeprefix("${{ inputs.").removesuffix(" }}")] for name, source in CHECK["env"].items()
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CBAUTH_PYTHON": sys.executable, **variables}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", CHECK["run"]]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_no_input_is_ever_part_of_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_every_input_is_described_and_every_variable_is_an_input() -> None:
    assert set(ACTION["inputs"]) == {"files", "strict", "format", "output"}
    assert sorted(CHECK["env"].values()) == sorted(f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"])
    for name, given in ACTION["inputs"].items():
        assert given["description"], name
    for style in FORMATS:
        assert style in ACTION["inputs"]["format"]["description"]


def test_findings_become_annotations_and_fail_the_step(folder: Path) -> None:
    assert (checked(folder).returncode, checked(folder).stdout) == (0, "")
    ended = checked(folder, files="profiles.yaml\nbad.yaml\n")
    assert ended.returncode == 1
    assert ended.stdout.startswith("::error file=bad.yaml,line=2,")


def test_warnings_fail_the_step_when_it_is_strict(folder: Path) -> None:
    assert checked(folder, files="warned.yaml").returncode == 0
    assert checked(folder, files="warned.yaml", strict="false").returncode == 0
    assert checked(folder, files="warned.yaml", strict="true").returncode == 1
    refused = checked(folder, files="warned.yaml", strict="maybe")
    assert (refused.returncode, refused.stdout) == (2, "::error::strict is true or false\n")


def test_names_with_blanks_folders_and_patterns_are_files(folder: Path) -> None:
    ended = checked(folder, files="with space.yaml\n.\nw*.yaml\n", format="json")
    assert {each["path"] for each in json.loads(ended.stdout)["diagnostics"]} == {"warned.yaml"}


def test_a_report_goes_where_it_is_wanted(folder: Path) -> None:
    ended = checked(folder, files="bad.yaml", format="sarif", output="out put.sarif")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert json.loads((folder / "out put.sarif").read_text("utf-8"))["version"] == "2.1.0"


@pytest.mark.parametrize(
    "hostile",
    ["$(touch pwned)", "`touch pwned`", "; touch pwned", '" ; touch pwned ; "', "--output=pwned", "a\n--output=pwned"],
)
@pytest.mark.parametrize("name", ["files", "format", "strict"])
def test_whatever_an_input_holds_is_nothing_but_text(name: str, hostile: str, folder: Path) -> None:
    assert checked(folder, **{name: hostile}).returncode == 2
    assert not (folder / "pwned").exists()


def test_what_is_installed_is_this_repository_with_its_pins(tmp_path: Path) -> None:
    """The interpreter and the environment that it makes are stand-ins that write down what they are asked."""
    temp = tmp_path / "runner"
    calls = tmp_path / "calls"
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\necho "$*" >> "{calls}"\nif [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi\n'
    )
    python.chmod(0o755)
    variables = {"PYTHON": str(python), "RUNNER_TEMP": str(temp), "GITHUB_ACTION_PATH": "/the action"}
    environment = {**os.environ, **variables, "GITHUB_ENV": str(tmp_path / "env")}
    subprocess.run(["bash", "-eo", "pipefail", "-c", INSTALL["run"]], env=environment, check=True)
    assert calls.read_text().splitlines() == [
        f"-m venv {temp}/cbauth",
        "-m pip --disable-pip-version-check --quiet install -c /the action/constraints.txt /the action",
    ]
    assert (tmp_path / "env").read_text() == f"CBAUTH_PYTHON={temp}/cbauth/bin/python\n"


def test_the_pre_commit_hook_stops_a_bad_file_and_lets_good_ones_pass(folder: Path) -> None:
    """The hook of the manifest, run by pre-commit itself; only the environment is the one of the tests."""
    (hook,) = YAML(typ="safe", pure=True).load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    entry = f"{sys.executable} -m {hook['entry']}"
    config = {"repos": [{"repo": "local", "hooks": [{**hook, "language": "system", "entry": entry}]}]}
    (folder / ".pre-commit-config.yaml").write_text(json.dumps(config))
    (folder / "eu.profiles.yaml").write_text(BAD)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GIT_CONFIG_GLOBAL": os.devnull}

    def ran(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    assert ran("git", "init", "--quiet").returncode == 0
    assert ran("git", "add", "--all").returncode == 0
    stopped = ran(sys.executable, "-m", "pre_commit", "run", "--all-files")
    assert stopped.returncode == 1
    assert "eu.profiles.yaml:2:26" in stopped.stdout
    assert "1 error in 2 files" in stopped.stdout, "bad.yaml and warned.yaml are none of its business"
    assert ran("git", "rm", "--cached", "--quiet", "eu.profiles.yaml").returncode == 0
    assert ran(sys.executable, "-m", "pre_commit", "run", "--all-files").returncode == 0
