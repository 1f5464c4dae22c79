"""``cbauth init``: a first file that has nothing to mend, written whole, over nothing, without a look at any secret."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import click
import pytest

from cbauth.cli import main
from cbauth.cli.output import save
from cbauth.config import builtin_providers, check, json_schema, load_plan
from cbauth.plan import DEFAULT_POLICY, Plan

ROOT = Path(__file__).parents[2]
PROVIDERS = tuple(builtin_providers())
CANARY = "CANARY-of-the-environment"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def given(*names: str) -> list[str]:
    return [word for name in names for word in ("--provider", name)]


@pytest.mark.parametrize(
    "names",
    [*combinations(PROVIDERS, 1), *combinations(PROVIDERS, 2), PROVIDERS, PROVIDERS[::-1]],
    ids=lambda names: "-".join(names) if len(names) < 3 else f"all-from-{names[0]}",
)
def test_what_is_written_has_nothing_to_mend_and_says_what_was_asked(names: tuple[str, ...], folder: Path) -> None:
    assert main(["init", *given(*names)]) == 0
    text = (folder / "profiles.yaml").read_text("utf-8")
    assert check(text) == []
    assert text.isascii()
    plan = load_plan(folder / "profiles.yaml")
    assert [profile.id for profile in plan.profiles] == list(names)
    assert [profile.priority for profile in plan.profiles] == sorted((p.priority for p in plan.profiles), reverse=True)
    assert plan.policy == DEFAULT_POLICY
    assert all(line.startswith("#") or line.strip() for line in text.splitlines() if line)


@pytest.mark.parametrize("names", [*combinations(PROVIDERS, 2)], ids="-".join)
def test_its_route_falls_back_on_the_second_provider(names: tuple[str, ...], folder: Path) -> None:
    assert main(["init", *given(*names)]) == 0
    plan = load_plan(folder / "profiles.yaml")
    for profile in plan.profiles:
        assert any(profile.models.serves(model) for model in plan.routes["smart"])


def test_what_stands_in_comments_is_right_as_well(folder: Path) -> None:
    """The spare profile and the route are there to be uncommented."""
    assert main(["init", *given("openai")]) == 0
    text = (folder / "profiles.yaml").read_text("utf-8")
    awake = text.replace("  # spare:", "  spare:").replace("  #   ", "    ").replace("# routes:", "routes:")
    plan = load_plan_of(awake.replace("#   smart", "  smart"), folder)
    assert [profile.id for profile in plan.profiles] == ["openai", "spare"]
    assert plan.routes["smart"][0] == "gpt-4o"


def load_plan_of(text: str, folder: Path) -> Plan:
    (folder / "awake.yaml").write_text(text)
    return load_plan(folder / "awake.yaml")


def test_with_yes_the_providers_are_those_whose_variables_are_set(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("GOOGLE_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_HOST"):
        monkeypatch.setenv(name, CANARY)
    assert main(["init", "--yes"]) == 0
    plan = load_plan(folder / "profiles.yaml")
    assert [profile.id for profile in plan.profiles] == ["anthropic", "google", "ollama"]
    written = (folder / "profiles.yaml").read_text("utf-8")
    assert "api_key: env:GOOGLE_API_KEY\n" in written, "the one that is set, not the first one"
    said = capsys.readouterr()
    assert CANARY not in written + said.out + said.err
    assert said.out == (
        "profiles.yaml is written, for anthropic, google, ollama. Next:\n  cbauth validate\n  cbauth status\n"
    )


def test_a_variable_that_is_empty_is_not_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    monkeypatch.setenv("GOOGLE_API_KEY", CANARY)
    assert main(["init", "--yes"]) == 0
    assert [profile.id for profile in load_plan(folder / "profiles.yaml").profiles] == ["google"]


def test_a_variable_that_is_not_set_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--yes", "first.yaml"]) == 0
    assert "api_key: env:OPENAI_API_KEY # not set yet\n" in (folder / "first.yaml").read_text("utf-8")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  set OPENAI_API_KEY in your environment",
        "  cbauth validate first.yaml",
        "  cbauth status --config first.yaml",
    ]


def test_a_file_that_is_there_is_replaced_by_force_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "profiles.yaml"
    file.write_text("mine\n")
    file.chmod(0o640)
    assert main(["init", "--yes"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert file.read_text() == "mine\n"
    assert main(["init", "--yes", "--force"]) == 0
    assert check(file.read_text()) == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_link_to_nowhere_is_something_that_is_there(folder: Path) -> None:
    (folder / "profiles.yaml").symlink_to("elsewhere.yaml")
    assert main(["init", "--yes"]) == 1
    assert not (folder / "elsewhere.yaml").exists()


def test_a_folder_means_its_profiles_yaml(folder: Path) -> None:
    (folder / "deploy").mkdir()
    assert main(["init", "--yes", "deploy", "--schema"]) == 0
    assert sorted(path.name for path in (folder / "deploy").iterdir()) == ["profiles.schema.json", "profiles.yaml"]


@pytest.mark.parametrize("name", ["missing/profiles.yaml", "profiles\0.yaml"])
def test_a_place_that_cannot_be_written_is_one_sentence(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--yes", name]) == 2
    said = capsys.readouterr().err
    assert "the file cannot be written to" in said
    assert "Traceback" not in said
    assert list(folder.iterdir()) == []


def test_the_schema_lies_beside_it_and_the_first_line_names_it(folder: Path) -> None:
    assert main(["init", "--yes", "--schema"]) == 0
    first = (folder / "profiles.yaml").read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=profiles.schema.json"
    assert json.loads((folder / "profiles.schema.json").read_text("utf-8")) == json_schema("draft-07")
    assert check((folder / "profiles.yaml").read_bytes()) == []


@pytest.mark.parametrize(("name", "said"), [("opnai", "did you mean `openai`?"), ("zzzzzz", "there are anthropic, ")])
def test_a_provider_that_there_is_not_gets_a_suggestion(
    name: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--provider", name]) == 2
    assert said in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_without_a_terminal_nobody_is_asked(folder: Path) -> None:
    ended = run(stdin=subprocess.DEVNULL)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "give --yes, or --provider P" in ended.stderr
    assert list(folder.iterdir()) == []


def test_a_closed_standard_input_is_no_terminal_either(folder: Path) -> None:
    command = f'exec "{sys.executable}" -m cbauth init <&-'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "give --yes, or --provider P" in ended.stderr


def run(*, stdin: int, variable: str = "MISTRAL_API_KEY") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cbauth", "init"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), variable: CANARY}
    return subprocess.run(command, stdin=stdin, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: the person's and the program's."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize(
    ("answers", "providers", "has_schema"),
    [
        ("\n\n", ["mistral"], True),
        ("anthropic, openai anthropic\nn\n", ["anthropic", "openai"], False),
        ("opnai\nopenai\ny\n", ["openai"], True),
        (",\nn\n", ["openai"], False),
    ],
    ids=["what is offered", "several", "once more after a mistake", "nothing but a comma"],
)
def test_at_a_terminal_it_asks(
    answers: str, providers: list[str], has_schema: bool, terminal: tuple[int, int], folder: Path
) -> None:
    person, program = terminal
    os.write(person, answers.encode())
    ended = run(stdin=program)
    assert ended.returncode == 0, ended.stderr
    assert "Their usual variables are set for: mistral" in ended.stderr
    assert ("did you mean `openai`?" in ended.stderr) == answers.startswith("opnai")
    assert CANARY not in ended.stdout + ended.stderr
    assert [profile.id for profile in load_plan(folder / "profiles.yaml").profiles] == providers
    assert (folder / "profiles.schema.json").exists() == has_schema


def test_who_has_no_variable_set_is_offered_a_provider_all_the_same(terminal: tuple[int, int], folder: Path) -> None:
    person, program = terminal
    os.write(person, b"\nn\n")
    ended = run(stdin=program, variable="SOME_OTHER_KEY")
    assert ended.returncode == 0
    assert "usual variables" not in ended.stderr
    assert [profile.id for profile in load_plan(folder / "profiles.yaml").profiles] == ["openai"]


def test_whoever_turns_away_leaves_nothing_behind(terminal: tuple[int, int], folder: Path) -> None:
    person, program = terminal
    os.write(person, b"\x04")  # the end of input
    ended = run(stdin=program)
    assert ended.returncode == 130
    assert ended.stderr.endswith("interrupted\n")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("draft", ["2020-12", "draft-07"])
def test_the_schema_alone_can_be_written_to_a_file(
    draft: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", "--draft", draft, "--output", "s.json"]) == 0
    assert json.loads((folder / "s.json").read_text("utf-8")) == json_schema(draft)
    assert capsys.readouterr().out == ""
    assert main(["schema", "--output", "missing/s.json"]) == 2
    assert "the schema cannot be written to missing/s.json" in capsys.readouterr().err


def test_a_file_that_appears_at_the_last_moment_is_not_replaced(folder: Path) -> None:
    """Between the look and the writing somebody else may have written one."""
    (folder / "profiles.yaml").write_text("mine\n")
    with pytest.raises(click.UsageError, match=r"the file cannot be written to profiles\.yaml: File exists"):
        save("profiles.yaml", "other\n", "the file", new=True)
    assert [path.read_text() for path in folder.iterdir()] == ["mine\n"]
