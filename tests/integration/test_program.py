"""The program that the contract shows first, run as its reader would run it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import replies
from tests.support.provider import Provider
from tests.support.replies import Ok
from tests.support.setting import key

PROGRAM = """\
import cbauth
import openai

messages = [{"role": "user", "content": "Say hello."}]

toolkit = cbauth.load("profiles.yaml")
for attempt in toolkit.attempts("gpt-4o", session="thread-7"):
    with attempt as lease:
        client = openai.OpenAI(api_key=lease.token, base_url=lease.base_url, max_retries=0)
        reply = client.chat.completions.create(model=lease.model, messages=messages)
print(reply.choices[0].message.content, "from", lease.profile_id)
"""

PROFILES = """\
version: 1
profiles:
  team:  {{provider: openai, api_key: env:TEAM_KEY, base_url: "{url}", priority: 100}}
  spare: {{provider: openai, base_url: "{url}"}}
"""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def folder(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program and its profiles.yaml are; the keys are in the environment, state is where it usually is."""
    (tmp_path / "profiles.yaml").write_text(PROFILES.format(url=provider.base_url()), encoding="utf-8")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.setenv("TEAM_KEY", key("team"))
    monkeypatch.setenv("OPENAI_API_KEY", key("spare"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return tmp_path


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "program.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_it_answers(folder: Path, provider: Provider) -> None:
    ended = run(folder)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "Hello. from team\n", "")
    assert [(r.key, r.model) for r in provider.requests] == [(key("team"), "gpt-4o")]


def test_a_key_that_was_refused_in_one_process_is_not_asked_in_the_next(folder: Path, provider: Provider) -> None:
    provider.says(key("team"), replies.spent(), Ok())
    assert [run(folder).stdout for _ in range(2)] == ["Hello. from spare\n"] * 2
    assert provider.keys == [key("team"), key("spare"), key("spare")]


def test_when_nobody_can_answer_its_last_line_says_when_somebody_will(folder: Path, provider: Provider) -> None:
    for name in ("team", "spare"):
        provider.says(key(name), replies.spent())
    ended = run(folder)
    assert ended.returncode == 1
    assert "cbauth.errors.UnavailableError: no profile can answer for 'gpt-4o' now" in ended.stderr
    assert "  try again at 20" in ended.stderr
    assert key("team") not in ended.stderr
    assert key("spare") not in ended.stderr


def test_a_mistake_in_its_file_is_told_with_its_place(folder: Path) -> None:
    text = (folder / "profiles.yaml").read_text(encoding="utf-8")
    (folder / "profiles.yaml").write_text(text.replace("provider: openai, base_url", "provder: openai, base_url"))
    ended = run(folder)
    assert ended.returncode == 1
    assert "profiles.yaml:4:" in ended.stderr
    assert "did you mean" in ended.stderr
