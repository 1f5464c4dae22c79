"""``cbauth validate``: exit codes, formats, and no secret in any of them."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cbauth.cli import main
from tests.config.corpus import INVALID, VALID, expected

ROOT = Path(__file__).parents[2]
GOOD = "version: 1\nprofiles:\n  a: {provider: openai}\n"
WARNED = "profiles:\n  a: {provider: openai}\n"
BAD = "version: 1\nprofiles:\n  a: {provider: opnai, api_key: CANARY, weight: -1}\n"
BROKEN = 'version: 1\nprofiles:\n  a: {provider: "CANARY\n'
FORMATS = ("text", "concise", "json", "github", "sarif", "junit")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file of each sort."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    for name, text in {"good": GOOD, "warned": WARNED, "bad": BAD, "broken": BROKEN}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["validate", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def child(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """The command as users run it, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cbauth", "validate", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pipesize=4096,  # so that a pipe is full, or has been read from, soon and surely
    )


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["good"], 0),
        (["warned"], 0),
        (["bad"], 1),
        (["broken"], 2),
        (["missing"], 2),
        (["good", "warned", "bad"], 1),
        (["good", "bad", "broken"], 2),
    ],
)
def test_the_exit_code_says_whether_anything_is_wrong(
    style: str, names: list[str], code: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, out, err = run(capsys, "--format", style, *(f"{name}.yaml" for name in names))
    assert ended == code
    assert err == ""
    assert "CANARY" not in out


def test_strict_counts_warnings_as_errors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--strict", "warned.yaml")[0] == 1
    assert run(capsys, "--strict", "good.yaml")[0] == 0


@pytest.mark.parametrize("path", [path for path in INVALID if "-" in path.stem], ids=lambda path: path.stem)
@pytest.mark.parametrize("style", FORMATS)
def test_no_format_shows_a_secret_or_anything_but_printable_ascii(
    style: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "--format", style, str(path))
    assert "CANARY" not in out
    assert out.isascii()
    assert re.fullmatch(r"[\n -~]*", out)


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_json_is_the_format_that_is_documented(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--format", "json", str(path))
    report = json.loads(out)
    assert list(report) == ["format_version", "errors", "warnings", "diagnostics"]
    assert report["format_version"] == 1
    severities = [item["severity"] for item in report["diagnostics"]]
    assert (report["errors"], report["warnings"]) == (severities.count("error"), severities.count("warning"))
    for item in report["diagnostics"]:
        assert list(item) == [
            *(
                "code",
                "severity",
                "message",
                "path",
                "line",
                "column",
                "end_line",
                "end_column",
                "key",
                "help",
                "related",
            )
        ]
        assert item["path"] == str(path)
    assert [
        f"{i['line']}:{i['column']}-{i['end_line']}:{i['end_column']} {i['severity']} {i['code']} {i['key']}".rstrip()
        for i in report["diagnostics"]
    ] == expected(path)


def test_json_is_written_for_an_unreadable_file_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--format", "json", "missing.yaml")
    (item,) = json.loads(out)["diagnostics"]
    assert (code, item["code"], item["path"], item["line"], item["column"]) == (2, "CBA101", "missing.yaml", 1, 1)


def test_related_places_are_told_in_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "twice.yaml").write_text(GOOD + "  a: {provider: openai}\n")
    (item,) = json.loads(run(capsys, "--format", "json", "twice.yaml")[1])["diagnostics"]
    (related,) = item["related"]
    assert (related["path"], related["line"], related["column"]) == ("twice.yaml", 3, 3)


def test_text_shows_the_line_with_a_caret_and_masks_what_may_be_secret(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "bad.yaml")
    assert code == 1
    assert out == (
        "error[CBA210]: there is no provider `opnai`\n"
        " --> bad.yaml:3:17\n"
        "  |\n"
        "3 |   a: {provider: opnai, api_key: ***, weight: -1}\n"
        "  |                 ^^^^^\n"
        "  = help: did you mean `openai`?\n"
        "\n"
        "error[CBA301]: a secret stands in the file\n"
        " --> bad.yaml:3:33\n"
        "  |\n"
        "3 |   a: {provider: opnai, api_key: ***, weight: -1}\n"
        "  |                                 ^^^\n"
        '  = help: write `env:NAME`, `file:PATH`, `keyring:SERVICE/USER` or `command:["prog","arg"]`; '
        "and replace the secret where it was issued\n"
        "\n"
        "error[CBA205]: the number has to be at least 0\n"
        " --> bad.yaml:3:49\n"
        "  |\n"
        "3 |   a: {provider: opnai, api_key: ***, weight: -1}\n"
        "  |                                              ^^\n"
        "\n"
        "3 errors in 1 file; the policy (CBA4xx) is checked once the errors are mended\n"
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  a: {provider: nobody, models: [gpt-4o]} # CANARY", "  a: {provider: nobody, models: [gpt-4o]}"),
        (
            "  a: {provider: nobody} # cbauth: ignore[CBA303, CANARY] CANARY",
            "  a: {provider: nobody} # cbauth: ignore[CBA303, ***",
        ),
        (
            "  a: {provider: nobody} # CANARY cbauth: ignore[CBA303] CANARY",
            "  a: {provider: nobody} #***cbauth: ignore[CBA303] ***",
        ),
        ("  a: {provider: nobody, api_kye: CANARY}", "  a: {provider: nobody, api_kye: ***}"),
        ("  a: {provider: nobody, api_key: {CANARY: 1}}", "  a: {provider: nobody, api_key: {***: ***}}"),
        ("  a: {provider: nobody, metadata: {team: CANARY}}", "  a: {provider: nobody, metadata: {***: ***}}"),
        ("  a: {provider: nobody, metadata: {CANARY: 1}}", "  a: {provider: nobody, metadata: {***: ***}}"),
        ("  a: {provider: !CANARY nobody, weight: &CANARY 1}", "  a: {provider: ***, weight: ***}"),
        ("  a: {provider: nobody, enabled: &CANARY yes}", "  a: {provider: nobody, enabled: ***}"),
        ("  a: {provider: nobody, &CANARY 12: 1}", "  a: {provider: nobody, ***: ***}"),
        ("  a: &CANARY {provider: nobody}", "  a: *** {provider: nobody}"),
        ("  a: {provider: !!str nobody}", "  a: {provider: ***}"),
        ("  a: {provider: nobody, x-y: {z: CANARY}}", "  a: {provider: nobody, x-y: {***: ***}}"),
        ("  a: {provider: nobody, base_url: https://CANARY@h}", "  a: {provider: nobody, base_url: ***}"),
        ("  a: {provider: sk-CANARYabcdefghijklmnop}", "  a: {provider: ***}"),
        ("  a: {provider: nobody, metadata: {é: ü}}", "  a: {provider: nobody, metadata: {***: ***}}"),
        ("  a: {provider: nobody, policy: {x-y: CANARY}}", "  a: {provider: nobody, policy: {x-y: ***}}"),
        (
            "  a: {provider: nobody, metadata: &m {provider: CANARY}, x-y: *m}",
            "  a: {provider: nobody, metadata: *** {***: ***}, x-y: ***}",
        ),
        ("  a: {provider: nobody, oauth: {account: CANARY}}", "  a: {provider: nobody, oauth: {account: ***}}"),
        (
            "  a: {provider: nobody, policy: {breaker: {open_for: 1m}, cooldown: {auth: {cap: 1h}}}}",
            "  a: {provider: nobody, policy: {breaker: {open_for: 1m}, cooldown: {auth: {cap: 1h}}}}",
        ),
        (
            "  a: {provider: nobody, policy: {retry: {backoff: {cap: 8s, x-y: CANARY}}, x-z: {CANARY: 2}}}",
            "  a: {provider: nobody, policy: {retry: {backoff: {cap: 8s, x-y: ***}}, x-z: {***: ***}}}",
        ),
    ],
)
def test_a_snippet_shows_only_what_is_known_to_be_harmless(
    line: str, shown: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "f.yaml").write_text(f"version: 1\nprofiles:\n{line}\n", "utf-8")
    _, out, _ = run(capsys, "f.yaml")
    assert f"3 | {shown}\n" in out
    assert "CANARY" not in out


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('  a: {api_key: "CANARY, provider: openai}', '  ***: {api_key: "***, provider: ***}'),
        ("  api_key: CANARY: CANARY # CANARY", "  api_key: ***: ***"),
        ("  priority: [1, CANARY", "  priority: [***, ***"),
        ("  \u202eCANARY: [", "  ***: ["),
    ],
)
def test_of_a_text_that_cannot_be_parsed_only_the_formats_own_words_are_shown(
    line: str, shown: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "f.yaml").write_text(f"version: 1\nprofiles:\n{line}\n", "utf-8")
    _, out, _ = run(capsys, "f.yaml")
    assert f"3 | {shown}\n" in out
    assert "CANARY" not in out


def test_a_long_line_is_cut_around_the_caret(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = ", ".join(f"model-{i:04}" for i in range(300))
    (folder / "f.yaml").write_text(f"version: 1\nprofiles:\n  a: {{models: [{models}], provider: nobody, weight: 1}}\n")
    _, out, _ = run(capsys, "f.yaml")
    line, caret = out.splitlines()[3:5]
    assert len(line) < 120
    assert line[caret.index("^") : caret.rindex("^") + 1] == "nobody"


def test_more_than_a_hundred_problems_are_counted_but_not_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "f.yaml").write_text(
        "version: 1\nprofiles:\n" + "".join(f"  p{i}: {{provider: q}}\n" for i in range(250))
    )
    _, out, _ = run(capsys, "f.yaml")
    assert out.count("error[") == 100
    assert out.endswith(
        "... and 150 more\n\n250 errors in 1 file; the policy (CBA4xx) is checked once the errors are mended\n"
    )


def test_concise_is_one_line_for_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--format", "concise", "bad.yaml", "warned.yaml")
    first, *_, last = out.splitlines()
    assert first == "bad.yaml:3:17: error CBA210 there is no provider `opnai` (did you mean `openai`?)"
    assert last.startswith("warned.yaml:1:1: warning CBA217 ")


def test_github_gets_workflow_commands_that_nothing_can_break_out_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a,b:c%0A\n::error::x.yaml"
    (folder / name).write_text(BAD)
    _, out, _ = run(capsys, "--format", "github", name)
    lines = out.splitlines()
    assert len(lines) == 3
    assert lines[0] == (
        "::error file=a%2Cb%3Ac%250A%0A%3A%3Aerror%3A%3Ax.yaml,line=3,endLine=3,col=17,endColumn=22,title=CBA210::"
        "there is no provider `opnai`%0Adid you mean `openai`?"
    )


def test_a_files_name_cannot_command_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "\x1b[31mred\n.yaml"
    (folder / name).write_text(BAD)
    for style in ("text", "concise"):
        _, out, _ = run(capsys, "--format", style, name)
        assert "\\x1b[31mred\\n.yaml:3:17" in out
        assert "\x1b" not in out


def test_nothing_to_mend_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "good.yaml") == (0, "ok: 1 file checked, nothing to mend\n", "")
    assert run(capsys, "--format", "concise", "good.yaml") == (0, "", "")


def test_standard_input_is_read_for_a_dash(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode()), encoding="ascii"))
    code, out, _ = run(capsys, "--format", "concise", "-")
    assert code == 1
    assert out.startswith("<stdin>:3:17: error CBA210 ")


def test_without_a_file_the_search_order_is_followed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = run(capsys)
    assert code == 2
    assert "no profiles.yaml was found" in out
    (folder / "profiles.yaml").write_text(BAD)
    assert run(capsys)[0] == 1
    monkeypatch.setenv("CBAUTH_CONFIG", "good.yaml")
    assert run(capsys)[0] == 0


def test_no_file_at_all_is_a_report_in_machine_formats(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--format", "json")
    assert code == 2
    assert json.loads(out)["diagnostics"][0]["code"] == "CBA101"


def test_a_folder_means_its_profile_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inside = folder / "inside"
    inside.mkdir()
    code, out, _ = run(capsys, "--format", "concise", "inside")
    assert code == 2
    assert out.startswith(
        "inside:1:1: error CBA101 there is no profiles.yaml in this folder, and no *.profiles.yaml (name"
    )
    for name in ("profiles.yaml", "eu.profiles.yaml", "other.yaml"):
        (inside / name).write_text(BAD)
    code, out, _ = run(capsys, "--format", "concise", "inside")
    assert code == 1
    places = dict.fromkeys(line.partition(":")[0] for line in out.splitlines())
    assert list(places) == [os.path.join("inside", name) for name in ("profiles.yaml", "eu.profiles.yaml")]


def test_a_pipe_or_a_device_is_refused_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(folder / "pipe")
    assert run(capsys, "pipe")[0] == 2
    assert run(capsys, "/dev/zero")[0] == 2


def test_the_report_can_go_to_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--format", "json", "--output", "report.json", "bad.yaml")
    assert (code, out) == (1, "")
    assert err == "report written to report.json\n"
    assert json.loads((folder / "report.json").read_text())["errors"] == 3
    assert run(capsys, "--output", "missing/report", "bad.yaml")[0] == 2
    assert run(capsys, "--output", "a\0b", "bad.yaml")[0] == 2


@pytest.mark.parametrize("output", ["good.yaml", "./good.yaml", "link.yaml", "twin.yaml"])
@pytest.mark.parametrize("files", [["good.yaml"], ["bad.yaml", "good.yaml"], ["*good.yaml"], []])
def test_the_report_never_replaces_what_is_checked(
    files: list[str],
    output: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "link.yaml").symlink_to("good.yaml")
    os.link(folder / "good.yaml", folder / "twin.yaml")
    monkeypatch.setenv("CBAUTH_CONFIG", "good.yaml")
    code, out, err = run(capsys, *files, "--output", output)
    assert (code, out) == (2, "")
    assert f"the report would replace {output}, which is being checked" in err
    assert (folder / "good.yaml").read_text() == GOOD


def test_the_report_never_replaces_what_standard_input_comes_from(folder: Path) -> None:
    with (folder / "good.yaml").open("rb") as file:
        command = [sys.executable, "-m", "cbauth", "validate", "-", "--output", "good.yaml"]
        done = subprocess.run(command, stdin=file, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 2
    assert (folder / "good.yaml").read_text() == GOOD


@pytest.mark.parametrize(
    ("arguments", "environment", "colored"),
    [
        ((), {}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "0"}, False),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
        (("--color", "always", "--output", "report"), {}, True),
        (("--output", "report"), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_color_when_it_is_wanted(
    arguments: tuple[str, ...],
    environment: dict[str, str],
    colored: bool,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _, out, _ = run(capsys, *arguments, "bad.yaml")
    text = (folder / "report").read_text() if "--output" in arguments else out
    assert ("\x1b[1;31merror[CBA210]\x1b[0m" in text) is colored


@pytest.mark.parametrize("arguments", [("--format", "xml"), ("--frmat", "json"), ("--color",)])
def test_a_wrong_option_is_a_usage_error(
    arguments: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "Error: " in err


def test_every_good_example_passes_as_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--strict", *map(str, VALID))
    assert (code, out) == (0, f"ok: {len(VALID)} files checked, nothing to mend\n")


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize(("provider", "code"), [("ollama", 0), ("nobody", 1)])
def test_a_reader_that_goes_away_changes_nothing(style: str, provider: str, code: int, folder: Path) -> None:
    warned = "".join(f"  p{i}: {{provider: {provider}, base_url: 'http://gpu{i}.lan'}}\n" for i in range(999))
    (folder / "f.yaml").write_text(f"version: 1\nprofiles:\n{warned}")
    with child("--format", style, *["f.yaml"] * 9) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == code


def test_a_locale_without_unicode_is_no_error(folder: Path) -> None:
    (folder / "größe.yaml").write_text(BAD)
    process = child("größe.yaml", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii")
    out, err = process.communicate()
    assert (process.returncode, err) == (1, b"")
    assert b"gr\\xf6\\xdfe.yaml:3:17" in out


def test_an_interrupt_ends_it_with_130_and_no_traceback() -> None:
    process = child("-")
    assert process.stdin is not None
    process.stdin.write(b"#" * 200_000)  # more than a pipe holds: it returns when the other end is reading
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert (process.returncode, err.strip()) == (130, b"interrupted")
