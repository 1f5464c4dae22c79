"""Which files ``cbauth validate`` checks, and where its report goes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cbauth.cli import main

ROOT = Path(__file__).parents[2]
GOOD = "version: 1\nprofiles:\n  a: {provider: openai}\n"
BAD = "version: 1\nprofiles:\n  a: {provider: nobody}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with profile files in it and in folders of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    for name in ("profiles.yaml", "eu.profiles.yaml", "other.yaml", "deploy/a.yaml", "deploy/deep/b.yaml", "[x].yaml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(BAD)
    return tmp_path


def names(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    """The exit code, and the files that have a diagnostic, in their order."""
    code = main(["validate", "--format", "json", *arguments])
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    return code, list(dict.fromkeys(item["path"] for item in found))


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line as a shell runs it; ``$CBAUTH`` is the command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CBAUTH": f"{sys.executable} -m cbauth", **environment}
    return subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["."], ["./profiles.yaml", "./eu.profiles.yaml"]),
        (["*.yaml"], ["[x].yaml", "eu.profiles.yaml", "other.yaml", "profiles.yaml"]),
        (["deploy/**/*.yaml"], ["deploy/a.yaml", "deploy/deep/b.yaml"]),
        (["deploy/?.yaml", "other.yaml"], ["deploy/a.yaml", "other.yaml"]),
        (["[o]ther.yaml"], ["other.yaml"]),
        (["[x].yaml"], ["[x].yaml"]),
    ],
)
def test_folders_and_patterns_mean_the_files_that_fit(
    arguments: list[str], found: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert names(capsys, *arguments) == (1, found)


def test_a_pattern_that_fits_folders_means_what_is_in_them(capsys: pytest.CaptureFixture[str]) -> None:
    Path("deploy/profiles.yaml").write_text(BAD)
    assert names(capsys, "dep*") == (1, ["deploy/profiles.yaml"])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("*.yml", "no file fits this pattern"),
        ("deploy", "there is no profiles.yaml in this folder, and no *.profiles.yaml"),
        ("nowhere", "there is no such file"),
        ("a\0b", "this is not a path"),
        ("a\0*", "this is not a path"),
        ("", "there is no such file"),
        ("other.yaml/x", "there is no such file"),
        ("x" * 5000, "it cannot be read: File name too long"),
    ],
)
def test_what_is_not_there_is_told_and_exits_with_2(
    argument: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "--format", "json", argument, "profiles.yaml"]) == 2
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert [item["code"] for item in found] == ["CBA101", "CBA210"]
    assert found[0]["message"] == message


def test_a_broken_link_and_a_link_to_itself_are_no_files(capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.yaml").symlink_to("nowhere")
    Path("loop.yaml").symlink_to("loop.yaml")
    assert names(capsys, "broken.yaml", "loop.yaml") == (2, ["broken.yaml", "loop.yaml"])


# standard input and output


@pytest.mark.parametrize(
    ("line", "code", "out"),
    [
        ("$CBAUTH validate --format concise - < profiles.yaml", 1, "<stdin>:3:17: error CBA210"),
        ("$CBAUTH validate --format concise - <&-", 2, "<stdin>:1:1: error CBA101 standard input is closed"),
        ("$CBAUTH validate --format concise - < /dev/null", 1, "<stdin>:1:1: error CBA20"),
        ("head -c 9000000 /dev/zero | $CBAUTH validate --format concise -", 2, "<stdin>:1:1: error CBA103"),
        ("$CBAUTH validate profiles.yaml >&-", 1, ""),
        ("$CBAUTH validate profiles.yaml >&- 2>&-", 1, ""),
    ],
)
def test_standard_streams_may_be_anything(line: str, code: int, out: str) -> None:
    ended = shell(line)
    assert (ended.returncode, ended.stderr) == (code, "")
    assert ended.stdout.startswith(out)


def test_a_full_disk_is_one_sentence() -> None:
    ended = shell("$CBAUTH validate profiles.yaml > /dev/full")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "cbauth: standard output cannot be written: No space left on device\n"


def test_a_reader_that_wants_one_line_gets_one() -> None:
    ended = shell(
        "for i in $(seq 60); do cat profiles.yaml; done > many; $CBAUTH validate $(yes many | head -40) | head -1"
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) == 1


@pytest.mark.parametrize("environment", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX"}])
@pytest.mark.parametrize("style", ["text", "concise", "json", "github", "sarif", "junit"])
def test_a_terminal_without_unicode_gets_escapes(style: str, environment: dict[str, str]) -> None:
    Path("größe-漢.yaml").write_text('version: 1\nprofiles:\n  "größe": {provider: "漢", x-é: [1]}\n', "utf-8")
    ended = shell(
        f"$CBAUTH validate --format {style} größe-漢.yaml", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0", **environment
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.isascii()


# --output


def test_the_report_takes_the_place_of_the_file_and_keeps_its_permissions(capsys: pytest.CaptureFixture[str]) -> None:
    report = Path("report.json")
    report.write_text("old")
    report.chmod(0o640)
    with report.open() as before:
        assert main(["validate", "--format", "json", "--output", "report.json", "profiles.yaml"]) == 1
        assert before.read() == "old"  # another file stands there now
    assert json.loads(report.read_text())["errors"] == 1
    assert stat.S_IMODE(report.stat().st_mode) == 0o640
    assert capsys.readouterr() == ("", "report written to report.json\n")
    assert not [name for name in os.listdir() if name.endswith(".new")]


def test_through_a_link_what_it_points_to_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("link").symlink_to("deploy/report")
    assert main(["validate", "--output", "link", "profiles.yaml"]) == 1
    assert Path("link").is_symlink()
    assert "error[CBA210]" in Path("deploy/report").read_text()


def test_a_device_is_written_to_as_it_is() -> None:
    ended = shell("$CBAUTH validate --format concise --output /dev/stdout profiles.yaml | cat")
    assert ended.stdout.startswith("profiles.yaml:3:17: error CBA210")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    assert shell("$CBAUTH validate --output /dev/null profiles.yaml").returncode == 1
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@pytest.mark.parametrize("output", ["nowhere/report", "deploy", "a\0b", "/dev/full", "", "profiles.yaml/x"])
def test_a_report_that_cannot_be_written_is_a_usage_error_and_leaves_nothing(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(os.listdir())
    assert main(["validate", "--output", output, "profiles.yaml"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error: the report cannot be written" in captured.err
    assert sorted(os.listdir()) == before
