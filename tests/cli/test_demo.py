"""``cbauth demo``: the story it tells is complete and true, on any terminal, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
from http.client import HTTPConnection
from io import TextIOWrapper
from pathlib import Path

import pytest

import cbauth
from cbauth.cli import main
from cbauth.cli.console import Paint
from cbauth.cli.demo.client import Answered
from cbauth.cli.demo.provider import Provider
from cbauth.cli.demo.story import Call
from cbauth.cli.demo.summary import NEXT, lost, summary
from cbauth.cli.demo.timeline import ASCII, SYMBOLS, Look, Timeline
from cbauth.config import check

ROOT = Path(__file__).parents[2]
FAST = [sys.executable, "-W", "error", "-m", "cbauth", "demo", "--fast"]
ROW = re.compile(r"^ *(?P<at>\d+\.\d\d) +(?P<number>\d+)  (?P<who>\S+) +(?P<tries>\d+)  (?P<why>\S+)")


def environment(**changes: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **changes}


@pytest.fixture(scope="module")
def piped(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """One run into a pipe; its temporary folder is inside a folder of the test's own."""
    folder = tmp_path_factory.mktemp("demo")
    ended = subprocess.run(
        [*FAST, "--seed", "7"], env=environment(TMPDIR=str(folder)), capture_output=True, text=True, check=False
    )
    assert list(folder.iterdir()) == []
    return ended


def rows(text: str) -> list[re.Match[str]]:
    return [row for line in text.splitlines() if (row := ROW.match(line))]


class TestTheStory:
    def test_no_call_is_lost(self, piped: subprocess.CompletedProcess[str]) -> None:
        assert (piped.returncode, piped.stderr) == (0, "")
        calls = len(rows(piped.stdout))
        assert calls > 20
        assert f"{calls} calls, {calls} answered, 0 lost" in piped.stdout

    def test_every_reason_and_every_key_has_its_part(self, piped: subprocess.CompletedProcess[str]) -> None:
        assert {row["why"] for row in rows(piped.stdout)} == {"primary", "failover", "testing", "sticky"}
        assert {row["who"] for row in rows(piped.stdout)} == {"acme-team", "acme-spare", "nova"}

    def test_every_trouble_and_what_came_of_it_is_told_in_order(self, piped: subprocess.CompletedProcess[str]) -> None:
        story = [
            r"x acme-team   rate_limit: Rate limit reached for atlas-large",
            r"z acme-team   rests .+, until \d",
            r"x acme-spare  billing: You exceeded your current quota",
            r"z acme-spare  rests 10m, until \d",
            r"\. acme-team   has rested: may be asked again",
            r"x acme-team   overloaded: The engine is currently overloaded",
            r"x acme-team   network: ConnectionRefusedError",
            r"o acme-team   circuit open until \d",
            r"o acme-team   circuit half-open: this call is its trial",
            r"x acme-team   network: ConnectionRefusedError",
            r"o acme-team   circuit open until \d",
            r"o acme-team   circuit half-open: this call is its trial",
            r"\* acme-team   circuit closed",
        ]
        assert re.search(".*?".join(story), piped.stdout, re.DOTALL)

    def test_the_numbers_of_the_summary_are_those_of_the_rows(self, piped: subprocess.CompletedProcess[str]) -> None:
        seen = rows(piped.stdout)
        requests = sum(int(row["tries"]) for row in seen)
        assert f"(it took {requests} requests)" in piped.stdout
        assert [int(row["number"]) for row in seen] == list(range(1, len(seen) + 1))
        for name in ("acme-team", "acme-spare", "nova"):
            answered = sum(row["who"] == name for row in seen)
            failed = piped.stdout.count(f"x {name}")
            assert re.search(rf"^  {name} +{answered} +{failed}  ", piped.stdout, re.MULTILINE)

    def test_its_profiles_yaml_is_shown_and_is_a_good_one(self, piped: subprocess.CompletedProcess[str]) -> None:
        shown = piped.stdout.partition("# The profiles.yaml")[2].partition("\n\n")[0]
        assert check(f"# {shown}\n") == []
        assert "open_for: 200ms" in shown

    def test_no_key_is_shown(self, piped: subprocess.CompletedProcess[str]) -> None:
        assert "sk-" not in piped.stdout

    def test_a_pipe_gets_plain_text_of_bearable_width(self, piped: subprocess.CompletedProcess[str]) -> None:
        assert piped.stdout.isascii()
        assert "\x1b" not in piped.stdout
        assert max(map(len, piped.stdout.splitlines())) <= 100


class TestTheTerminal:
    def test_it_gets_colour_and_symbols_in_lines_that_fit(self) -> None:
        text = on_a_terminal(COLUMNS="80", TERM="xterm")
        assert "\x1b[32mnova" in text
        assert set("●✗○·─") <= set(text)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
        timeline = plain[plain.index(" time call") : plain.index("calls,")]
        assert max(map(len, timeline.splitlines())) <= 80

    def test_no_color_leaves_the_symbols(self) -> None:
        text = on_a_terminal(NO_COLOR="1", TERM="xterm")
        assert "\x1b" not in text
        assert "●" in text

    @pytest.mark.parametrize(
        ("encoding", "tty", "variables", "signs", "coloured"),
        [
            ("utf-8", False, {}, ASCII, False),
            ("utf-8", True, {"TERM": "xterm"}, SYMBOLS, True),
            ("utf-8", True, {"TERM": "xterm", "NO_COLOR": "1"}, SYMBOLS, False),
            ("utf-8", False, {"FORCE_COLOR": "1"}, SYMBOLS, True),
            ("ascii", True, {"TERM": "xterm"}, ASCII, True),
            ("cp1252", True, {"TERM": "xterm"}, ASCII, True),
        ],
    )
    def test_the_look_suits_the_stream(
        self,
        encoding: str,
        tty: bool,
        variables: dict[str, str],
        signs: object,
        coloured: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COLUMNS", "132")
        reading, writing = pty.openpty() if tty else os.pipe()
        with TextIOWrapper(open(writing, "wb", closefd=True), encoding=encoding) as stream:
            look = Look.of(stream)
        os.close(reading)
        assert (look.signs, look.paint.on, look.width) == (signs, coloured, 132 if tty else 100)


def on_a_terminal(**variables: str) -> str:
    """What the demo writes to a terminal."""
    leader, follower = pty.openpty()
    program = subprocess.Popen(FAST, env=environment(**variables), stdout=follower, stderr=subprocess.PIPE)
    os.close(follower)
    written = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other side of a terminal has gone
            break
        if not part:
            break
        written += part
    os.close(leader)
    _, complaint = program.communicate()
    assert (program.returncode, complaint) == (0, b"")
    return written.decode().replace("\r\n", "\n")


class TestWhatItLeavesBehind:
    def test_variables_threads_and_files_are_as_before(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        monkeypatch.setenv("DEMO_NOVA", "mine")
        before, threads = dict(os.environ), set(threading.enumerate())
        assert main(["demo", "--fast"]) == 0
        assert "0 lost" in capsys.readouterr().out
        assert dict(os.environ) == before
        assert list(tmp_path.iterdir()) == []
        assert set(threading.enumerate()) <= threads

    def test_an_interrupt_ends_it_with_130_and_cleans_up(self, tmp_path: Path) -> None:
        program = subprocess.Popen(
            FAST[:-1],
            env=environment(TMPDIR=str(tmp_path)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert program.stdout is not None
        while ROW.match(program.stdout.readline()) is None:
            assert program.poll() is None
        program.send_signal(signal.SIGINT)
        _, complaint = program.communicate(timeout=30)
        assert (program.returncode, complaint.strip()) == (130, "interrupted")
        assert list(tmp_path.iterdir()) == []

    def test_a_reader_that_goes_away_is_no_error(self) -> None:
        program = subprocess.Popen(FAST, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert program.stdout is not None
        program.stdout.readline()
        program.stdout.close()
        assert program.stderr is not None
        complaint = program.stderr.read()
        program.stderr.close()
        assert (program.wait(30), complaint) == (0, b"")


class TestWhatNext:
    def test_the_config_can_be_had_alone_and_is_a_good_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["demo", "--show-config"]) == 0
        text = capsys.readouterr().out
        assert check(text) == []
        assert "0 lost" not in text

    def test_the_commands_that_it_names_work_in_this_order(self, tmp_path: Path) -> None:
        said = []
        for command, _ in NEXT:
            program, _, rest = command.partition(" ")
            assert program == "cbauth"
            line = f"{shlex.quote(sys.executable)} -m cbauth {rest}"
            ended = subprocess.run(
                line, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
            )
            assert "Traceback" not in ended.stderr
            said.append((ended.returncode, ended.stdout + ended.stderr))
        assert [code for code, _ in said] == [0, 0, 1], "the last one says that the keys are yet to be set"
        assert "chat is a route: atlas-large, comet-mini" in said[2][1]
        assert "DEMO_ACME_TEAM is not set" in said[2][1]


class TestACallThatIsLost:
    """It does not happen in the story; were it to happen, the demo would say so."""

    LOST = Call(
        number=3, at=0.5, session=None, answered=Answered(profile_id=None, reason="", failed=("a", "a")), events=()
    )

    def toolkit(self) -> cbauth.Toolkit:
        return cbauth.load({"version": 1, "profiles": {"a": {"provider": "ollama"}}, "state": {"store": "memory"}})

    def test_its_row_says_nobody(self) -> None:
        with self.toolkit() as toolkit:
            row = Timeline(["a"], 0.0, Look(100, ASCII, Paint(False))).row(self.LOST, toolkit.status())
        assert row.split() == ["0.50", "3", "nobody", "2", "x"]

    def test_the_summary_counts_it(self) -> None:
        with self.toolkit() as toolkit:
            lines = list(summary([self.LOST], toolkit, 1.0, Paint(False)))
        assert lost([self.LOST]) == 1
        assert lines[0] == "1 calls, 0 answered, 1 lost (it took 2 requests)"


class TestItsProviders:
    def ask(
        self, provider: Provider, key: str = "good", path: str = "/v1/chat/completions"
    ) -> tuple[int, dict[str, str], str]:
        connection = HTTPConnection(provider.origin.removeprefix("http://"), timeout=10)
        try:
            connection.request("POST", path, json.dumps({"model": "m"}), {"Authorization": f"Bearer {key}"})
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read().decode()
        finally:
            connection.close()

    def test_they_answer_and_refuse_as_real_ones_do(self) -> None:
        with Provider({"good", "poor"}) as provider:
            assert self.ask(provider)[0] == 200
            status, headers, body = self.ask(provider, key="other")
            assert (status, "invalid_api_key" in body, "other" in body) == (401, True, False)
            provider.limit("good", 30)
            status, headers, body = self.ask(provider)
            assert (status, headers["retry-after"], "rate_limit_exceeded" in body) == (429, "30", True)
            provider.spend("poor")
            status, headers, body = self.ask(provider, key="poor")
            assert (status, "retry-after" in headers, "insufficient_quota" in body) == (429, False, True)
            provider.overloaded = True
            assert self.ask(provider)[0] == 503
            assert self.ask(provider, path="/elsewhere")[0] == 404

    def test_one_that_is_down_refuses_connections_and_comes_back_where_it_was(self) -> None:
        with Provider({"good"}) as provider:
            origin = provider.origin
            provider.go_down()
            provider.go_down()
            with pytest.raises(ConnectionRefusedError):
                self.ask(provider)
            provider.go_up()
            assert (provider.origin, self.ask(provider)[0]) == (origin, 200)
