"""``cbauth run``: a program with a profile's credential in its environment, and otherwise as if started directly."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

import cbauth
from tests.cli.logins.shell import Shell
from tests.support.identity import IdentityProvider, faults
from tests.support.processes import eventually

PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


def environment(shell: Shell, *words: str, **env: str) -> dict[str, str]:
    """The environment that a program sees."""
    run = shell.run("run", *words, "--", sys.executable, "-c", PRINT, **env)
    assert (run.end(), run.err) == (0, "")
    told: dict[str, str] = json.loads(run.out)
    return told


def declare(here: Path, profile: str, providers: str = "") -> None:
    (here / "profiles.yaml").write_text(
        f"version: 1\n{f'providers: {{{providers}}}' if providers else ''}\nprofiles: {{it: {profile}}}\n"
    )


class TestEnvironment:
    def test_a_login_is_found_by_its_own_name_and_by_the_sdk_of_its_protocol(
        self, shell: Shell, identity: IdentityProvider
    ) -> None:
        shell.login()
        seen = environment(shell, "acme-me", OPENAI_API_KEY="somebody-elses")
        token = identity.secrets()["access_token"][-1]
        assert seen["ACME_API_KEY"] == seen["OPENAI_API_KEY"] == token
        assert seen["ACME_BASE_URL"] == seen["OPENAI_BASE_URL"] == "https://llm.acme.example/v1"
        assert seen["CBAUTH_PROFILE"] == "acme-me"

    def test_the_provider_itself_needs_no_base_url_and_one_that_leads_elsewhere_goes(self, shell: Shell) -> None:
        seen = environment(
            shell, "team", OPENAI_BASE_URL="https://elsewhere.example", OPENAI_API_BASE="https://e.example"
        )
        assert seen["OPENAI_API_KEY"] == "key-of-the-team-4711"
        assert not {"OPENAI_BASE_URL", "OPENAI_API_BASE"} & set(seen)

    def test_another_base_url_goes_along_with_the_key(self, here: Path, shell: Shell) -> None:
        declare(here, '{provider: openai, api_key: "env:TEAM_KEY", base_url: "https://eu.api.openai.com/v1"}')
        seen = environment(shell, "it")
        assert seen["OPENAI_BASE_URL"] == "https://eu.api.openai.com/v1"

    def test_a_key_of_anthropic_outranks_a_token_that_was_set(self, here: Path, shell: Shell) -> None:
        declare(here, '{provider: anthropic, api_key: "env:TEAM_KEY"}')
        seen = environment(shell, "it", ANTHROPIC_AUTH_TOKEN="somebody-elses")
        assert seen["ANTHROPIC_API_KEY"] == "key-of-the-team-4711"
        assert "ANTHROPIC_AUTH_TOKEN" not in seen

    def test_a_login_with_the_protocol_of_anthropic_is_a_bearer_token(
        self, here: Path, shell: Shell, identity: IdentityProvider
    ) -> None:
        file = here / "profiles.yaml"
        file.write_text(file.read_text().replace("protocol: openai", "protocol: anthropic"))
        shell.login()
        seen = environment(shell, "acme-me", ANTHROPIC_API_KEY="somebody-elses")
        assert seen["ANTHROPIC_AUTH_TOKEN"] == identity.secrets()["access_token"][-1]
        assert seen["ANTHROPIC_BASE_URL"] == "https://llm.acme.example/v1"
        assert "ANTHROPIC_API_KEY" not in seen

    def test_all_usual_names_hold_the_key_so_that_none_outranks_it(self, here: Path, shell: Shell) -> None:
        declare(here, '{provider: google, api_key: "env:TEAM_KEY"}')
        seen = environment(shell, "it", GOOGLE_API_KEY="somebody-elses")
        assert seen["GOOGLE_API_KEY"] == seen["GEMINI_API_KEY"] == "key-of-the-team-4711"

    def test_a_built_in_provider_is_found_by_its_own_name_too(self, here: Path, shell: Shell) -> None:
        declare(here, '{provider: groq, api_key: "env:TEAM_KEY"}')
        seen = environment(shell, "it")
        assert seen["GROQ_API_KEY"] == seen["OPENAI_API_KEY"] == "key-of-the-team-4711"
        assert seen["OPENAI_BASE_URL"] == "https://api.groq.com/openai/v1"

    def test_without_a_credential_a_key_that_was_set_goes(self, here: Path, shell: Shell) -> None:
        declare(here, "{provider: ollama}")
        seen = environment(shell, "it", OLLAMA_API_KEY="somebody-elses")
        assert seen["OLLAMA_HOST"] == "http://127.0.0.1:11434"
        assert "OLLAMA_API_KEY" not in seen

    def test_a_generic_provider_has_names_of_its_own(self, here: Path, shell: Shell) -> None:
        declare(
            here,
            '{provider: own-lab, api_key: "env:TEAM_KEY"}',
            "own-lab: {protocol: generic, base_url: https://lab.example/api}",
        )
        seen = environment(shell, "it", OPENAI_API_KEY="mine")
        assert seen["OWN_LAB_API_KEY"] == "key-of-the-team-4711"
        assert seen["OWN_LAB_BASE_URL"] == "https://lab.example/api"
        assert seen["OPENAI_API_KEY"] == "mine"

    def test_everything_else_stays(self, shell: Shell) -> None:
        seen = environment(shell, "team", HARMLESS="yes")
        assert (seen["HARMLESS"], seen["PATH"]) == ("yes", os.environ["PATH"])


class TestModel:
    def test_the_policy_chooses_and_says_whom(self, shell: Shell) -> None:
        seen = environment(shell, "--model", "gpt-4o")
        assert (seen["CBAUTH_PROFILE"], seen["CBAUTH_MODEL"]) == ("team", "gpt-4o")
        assert seen["OPENAI_API_KEY"] == "key-of-the-team-4711"

    def test_it_leaves_no_mark_on_the_profiles_health(self, here: Path, shell: Shell) -> None:
        with cbauth.load(here / "profiles.yaml") as toolkit:
            toolkit.profiles.mark_failed("team", "no", kind="server")
            before = toolkit.status()
        environment(shell, "--model", "gpt-4o")
        with cbauth.load(here / "profiles.yaml") as toolkit:
            assert toolkit.status() == before

    @pytest.mark.parametrize("retry_after", [5, 500])
    def test_when_all_cool_down_it_exits_with_5_and_says_until_when(
        self, here: Path, shell: Shell, retry_after: int
    ) -> None:
        with cbauth.load(here / "profiles.yaml") as toolkit:
            toolkit.profiles.mark_failed("team", "no", kind="billing", retry_after=retry_after)
        run = shell.run("run", "--model", "gpt-4o", "--", "echo", "never")
        assert (run.end(), run.out) == (5, "")
        assert "try again at 20" in run.err

    def test_when_only_a_login_is_missing_it_exits_with_4(self, shell: Shell) -> None:
        run = shell.run("run", "--model", "atlas-large", "--", "echo", "never")
        assert (run.end(), run.out) == (4, "")
        assert "run `cbauth login acme-me`" in run.err

    def test_when_the_only_login_cannot_be_refreshed_for_now_it_says_so(
        self, shell: Shell, identity: IdentityProvider
    ) -> None:
        identity.set_access_token_ttl(1)
        shell.login()
        ends = json.loads(shell.run("status", "--json").out)["profiles"][0]["token_expires_at"]
        assert eventually(lambda: time.time() > ends)
        identity.fail(faults.status(503), times=9)
        run = shell.run("run", "--model", "atlas-large", "--", "echo", "never")
        assert (run.end(), run.out) == (1, "")
        assert run.err.startswith("cbauth: the token of acme-me cannot be refreshed: ")
        assert identity.asked("refresh_token") == 4, "as often as for one token"

    def test_a_model_that_nobody_serves_is_a_failure(self, shell: Shell) -> None:
        run = shell.run("run", "--model", "claude-4", "--", "echo", "never")
        assert (run.end(), run.out) == (1, "")

    def test_a_key_that_is_missing_moves_on_to_the_next(self, here: Path, shell: Shell) -> None:
        (here / "profiles.yaml").write_text(
            "version: 1\nprofiles:\n"
            '  first: {provider: openai, api_key: "file:missing", priority: 9}\n'
            '  second: {provider: openai, api_key: "env:TEAM_KEY"}\n'
        )
        assert environment(shell, "--model", "gpt-4o")["CBAUTH_PROFILE"] == "second"


class TestProgram:
    @pytest.mark.parametrize("code", [0, 1, 77])
    def test_its_exit_code_is_passed_on(self, shell: Shell, code: int) -> None:
        assert shell.run("run", "team", "--", "sh", "-c", f"exit {code}").end() == code

    def test_its_words_are_its_own(self, shell: Shell) -> None:
        run = shell.run("run", "team", "--", "printf", "%s|", "--model", "-h", "--", "a b")
        assert run.out == "--model|-h|--|a b|"

    def test_it_reads_standard_input(self, shell: Shell) -> None:
        run = shell.start("run", "team", "--", "cat", typing=True)
        run.type("one line")
        assert run.process.stdin is not None
        run.process.stdin.close()
        assert (run.end(), run.out) == (0, "one line\n")

    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"])
    def test_a_signal_reaches_it(self, shell: Shell, name: str) -> None:
        answer = f"signal.signal(signal.{name}, lambda *_: sys.exit(42))\n"
        program = f"import signal, sys\n{answer}print('ready', flush=True)\nsignal.pause()"
        run = shell.start("run", "team", "--", sys.executable, "-c", program)
        run.said("ready", "out")
        run.process.send_signal(getattr(signal, name))
        assert run.end() == 42
        assert run.err == ""

    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
    def test_one_that_a_signal_ends_looks_to_a_shell_as_if_it_was_started_directly(
        self, shell: Shell, name: str
    ) -> None:
        run = shell.start("run", "team", "--", "sh", "-c", f"kill -{name[3:]} $$")
        assert run.end() == -getattr(signal, name)
        assert run.err == ""

    def test_a_reader_that_goes_away_ends_it_as_usual(self, shell: Shell) -> None:
        run = shell.run("run", "team", "--", "sh", "-c", "trap - PIPE; (yes; echo $? >&2) | head -1")
        assert (run.out, run.err) == ("y\n", f"{128 + signal.SIGPIPE}\n")

    def test_no_secret_is_in_its_command_line(self, shell: Shell) -> None:
        program = "print(open('/proc/self/cmdline').read())"
        run = shell.run("run", "team", "--", sys.executable, "-c", program)
        assert "key-of-the-team" not in run.out

    def test_one_that_does_not_exist_is_127(self, shell: Shell) -> None:
        run = shell.run("run", "team", "--", "no-such-program")
        assert (run.end(), run.err) == (127, "cbauth: there is no command 'no-such-program'\n")

    def test_one_that_cannot_be_run_is_126(self, here: Path, shell: Shell) -> None:
        run = shell.run("run", "team", "--", str(here / "profiles.yaml"))
        assert run.end() == 126
        assert run.err.endswith("cannot be run: Permission denied\n")


class TestUsage:
    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            ([], "name a profile, or a model"),
            (["team", "--model", "gpt-4o", "--", "true"], "not both"),
            (["team"], "name the command after `--`"),
            (["team", "--"], "name the command after `--`"),
            (["team", "true"], "put `--` before the command: cbauth run team -- ..."),
            (["team", "--no-such-option", "--", "true"], "No such option"),
        ],
    )
    def test_what_is_wrong_is_said(self, shell: Shell, words: list[str], complaint: str) -> None:
        run = shell.run("run", *words)
        assert run.end() == 2
        assert complaint in run.err

    def test_options_may_stand_after_the_profile(self, here: Path, shell: Shell) -> None:
        (here / "other.yaml").write_text((here / "profiles.yaml").read_text())
        assert shell.run("run", "team", "--config", "other.yaml", "--", "true").end() == 0

    def test_an_unknown_profile_gets_a_suggestion(self, shell: Shell) -> None:
        run = shell.run("run", "taem", "--", "true")
        assert (run.end(), run.err) == (2, "cbauth: there is no profile 'taem': did you mean team?\n")
