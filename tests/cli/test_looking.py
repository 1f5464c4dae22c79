"""``cbauth explain``, ``status`` and ``reset`` as a shell sees them: output, exit code, no secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cbauth

CANARY = "sk-canary-a0d3b15e77"

FILE = """\
version: 1
profiles:
  main: {provider: openai, api_key: env:MAIN_KEY, models: ["gpt-*"], priority: 10}
  spare: {provider: openai, api_key: env:SPARE_KEY, models: ["gpt-*"]}
routes:
  smart: [gpt-4o, gpt-4o-mini]
policy: {cooldown: {rate_limit: {scope: profile}}}
state: {store: "sqlite:state.db"}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAIN_KEY", f"{CANARY}-main")
    monkeypatch.setenv("SPARE_KEY", f"{CANARY}-spare")
    (tmp_path / "profiles.yaml").write_text(FILE)
    return tmp_path


def run(*words: str) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [sys.executable, "-m", "cbauth", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=dict(os.environ),
        check=False,
    )
    assert "Traceback" not in result.stderr
    assert CANARY not in result.stdout + result.stderr
    return result


def cool(*profiles: str, kind: str = "billing") -> None:
    with cbauth.load("profiles.yaml") as toolkit:
        for profile in profiles:
            toolkit.profiles.mark_failed(profile, "no", kind=kind)


class TestExplain:
    def test_it_lists_who_would_be_asked_in_order(self, here: Path) -> None:
        result = run("explain", "gpt-4o")
        assert result.returncode == 0
        assert [line.split() for line in result.stdout.splitlines()] == [
            ["1.", "main", "gpt-4o", "would", "be", "asked"],
            ["2.", "spare", "gpt-4o", "would", "be", "asked"],
        ]

    def test_a_route_names_its_models(self, here: Path) -> None:
        result = run("explain", "smart")
        assert result.stdout.startswith("smart is a route: gpt-4o, gpt-4o-mini\n")
        assert len(result.stdout.splitlines()) == 5

    def test_a_cooling_profile_says_why_and_until_when(self, here: Path) -> None:
        cool("main")
        result = run("explain", "gpt-4o")
        assert result.returncode == 0
        assert "no: cooling down after billing, until 20" in result.stdout

    def test_when_all_cool_down_the_exit_code_is_5_and_stderr_says_until_when(self, here: Path) -> None:
        cool("main", "spare")
        result = run("explain", "gpt-4o")
        assert result.returncode == 5
        assert "nobody can be asked now, until 20" in result.stderr

    def test_json_has_every_candidate(self, here: Path) -> None:
        cool("main")
        report = json.loads(run("explain", "gpt-4o", "--json").stdout)
        assert report["request"] == "gpt-4o"
        assert [(c["profile_id"], c["admitted"]) for c in report["candidates"]] == [("main", False), ("spare", True)]

    def test_a_model_nobody_serves_is_a_failure_that_says_what_to_do(self, here: Path) -> None:
        result = run("explain", "claude-4")
        assert result.returncode == 1
        assert "models" in result.stderr

    def test_a_code_is_explained(self, here: Path) -> None:
        result = run("explain", "CBA203")
        assert result.returncode == 0
        assert result.stdout.startswith("CBA203")

    def test_an_unknown_code_is_refused_cleanly(self, here: Path) -> None:
        result = run("explain", "CBA999")
        assert result.returncode == 2
        assert "there is no such code" in result.stderr


class TestStatus:
    def test_each_profile_has_a_row(self, here: Path) -> None:
        cool("main")
        result = run("status")
        assert result.returncode == 0
        rows = {line.split()[0]: line for line in result.stdout.splitlines()}
        assert "cooling down, until 20" in rows["main"]
        assert "env:MAIN_KEY" in rows["main"]
        assert "ready" in rows["spare"]

    def test_a_missing_key_is_named(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MAIN_KEY")
        assert "not ready: MAIN_KEY is not set" in run("status").stdout

    def test_json_has_the_documented_fields(self, here: Path) -> None:
        (record, _) = json.loads(run("status", "--json").stdout)["profiles"]
        assert set(record) >= {
            *("profile_id", "provider_id", "healthy", "enabled", "circuit", "failure_count", "in_cooldown"),
            *("cooldown_remaining", "until", "last_error", "last_kind", "credential_source", "token_expires_at"),
        }

    def test_check_turns_health_into_exit_codes(self, here: Path) -> None:
        assert run("status", "--check").returncode == 0
        cool("main", "spare")
        assert run("status", "--check").returncode == 5
        assert run("status").returncode == 0

    def test_one_profile_can_be_looked_at_alone(self, here: Path) -> None:
        cool("main")
        assert run("status", "--check").returncode == 0, "spare can answer"
        checks = {name: run("status", name, "--check") for name in ("main", "spare")}
        assert {name: check.returncode for name, check in checks.items()} == {"main": 5, "spare": 0}
        assert [line.split()[0] for line in checks["main"].stdout.splitlines()] == ["profile", "main"]
        assert "nobody can be asked now, until 20" in checks["main"].stderr
        (record,) = json.loads(run("status", "spare", "--json").stdout)["profiles"]
        assert record["profile_id"] == "spare"

    @pytest.mark.parametrize(("name", "hint"), [("mian", "did you mean main?"), ("openai", "there are main, spare")])
    def test_an_unknown_profile_is_refused_with_a_suggestion(self, here: Path, name: str, hint: str) -> None:
        result = run("status", name, "--check")
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == f"cbauth: there is no profile {name!r}: {hint}\n"

    def test_the_help_says_what_check_answers(self) -> None:
        told = " ".join(run("status", "--help").stdout.split())
        assert "0 when at least one profile can answer; 4 when" in told
        assert "; 5 when" in told


class TestReset:
    def test_it_forgets_one_or_all(self, here: Path) -> None:
        cool("main", "spare")
        assert run("reset", "main").returncode == 0
        with cbauth.load("profiles.yaml") as toolkit:
            assert {r.profile_id: r.healthy for r in toolkit.status()} == {"main": True, "spare": False}
        assert run("reset").returncode == 0
        with cbauth.load("profiles.yaml") as toolkit:
            assert all(r.healthy for r in toolkit.status())

    def test_an_unknown_profile_is_refused_with_what_there_is(self, here: Path) -> None:
        result = run("reset", "mian")
        assert result.returncode == 2
        assert "main, spare" in result.stderr


class TestWithoutConfiguration:
    @pytest.mark.parametrize("words", [("status",), ("explain", "gpt-4o"), ("reset",)])
    def test_the_places_looked_at_are_listed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        result = run(*words)
        assert result.returncode == 2
        assert "profiles.yaml" in result.stderr

    def test_a_named_file_that_is_missing_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        result = run("status", "--config", "nowhere.yaml")
        assert result.returncode == 2
        assert "nowhere.yaml" in result.stderr
