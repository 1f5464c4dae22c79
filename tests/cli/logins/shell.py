"""A person at a shell: the real command, what it says as it says it, and what is typed meanwhile."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO

from tests.support.identity import IdentityProvider
from tests.support.processes import PATIENCE

__all__ = ["COMMAND", "Running", "Shell", "config_for"]

COMMAND = Path(sys.executable).with_name("cbauth")


def config_for(identity: IdentityProvider, **oauth: str) -> str:
    """A profiles.yaml with a profile that logs in at ``identity``, and one with a key."""
    more = "".join(f"      {name}: {value}\n" for name, value in oauth.items())
    return f"""\
version: 1
providers:
  acme:
    name: Acme LLM
    protocol: openai
    base_url: https://llm.acme.example/v1
    oauth:
      issuer: {identity.issuer}
      client_id: cbauth
      scopes: [openid, offline_access, email]
      extra_params: {{prompt: consent}}
{more}profiles:
  acme-me: {{provider: acme, oauth: {{}}, models: ["atlas-*"]}}
  team: {{provider: openai, api_key: "env:TEAM_KEY", models: ["gpt-*"]}}
credentials: {{store: file}}
"""


class Running:
    """A command that runs, and what it says."""

    def __init__(self, words: Sequence[str], env: dict[str, str], stdin: int | IO[bytes]) -> None:
        self.process = subprocess.Popen(
            [COMMAND, *words], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env=env
        )
        self._news = threading.Condition()
        self._heard = {"out": b"", "err": b""}
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        streams = {"out": self.process.stdout, "err": self.process.stderr}
        self._readers = [threading.Thread(target=self._read, args=each, daemon=True) for each in streams.items()]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, stream: IO[bytes]) -> None:
        while chunk := stream.read(65536):
            with self._news:
                self._heard[name] += chunk
                self._news.notify_all()
        stream.close()

    @property
    def out(self) -> str:
        """What it has written to standard output so far."""
        return self._heard["out"].decode()

    @property
    def err(self) -> str:
        """What it has written to standard error so far."""
        return self._heard["err"].decode()

    def said(self, pattern: str, stream: str = "err") -> re.Match[str]:
        """The first match of ``pattern`` in what it says, once it has said that."""
        found: list[re.Match[str]] = []

        def has_come() -> bool:
            found.extend(re.finditer(pattern, self._heard[stream].decode(), re.MULTILINE))
            return bool(found)

        with self._news:
            assert self._news.wait_for(has_come, PATIENCE), f"it has not said {pattern!r}, but: {self.err}"
        return found[0]

    def url(self, identity: IdentityProvider) -> str:
        """The URL to open, once it stands there: on a line of its own, whole."""
        return self.said(rf"^{re.escape(identity.issuer)}/auth\?\S+$").group()

    def type(self, text: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Its exit code, once it has ended."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        if self.process.stdin is not None:
            self.process.stdin.close()
        return code


class Shell:
    """Commands in the current folder. ``shown``: everything that they have said, but for what was asked to be told."""

    def __init__(self, identity: IdentityProvider) -> None:
        self._identity = identity
        self._started: list[Running] = []
        self._told: list[Running] = []

    def start(
        self,
        *words: str,
        typing: bool = False,
        stdin: IO[bytes] | None = None,
        env: Mapping[str, str] = MappingProxyType({}),
    ) -> Running:
        """Start a command. ``typing``: its standard input is a pipe; else ``stdin``, or nothing to read."""
        source = stdin if stdin is not None else subprocess.PIPE if typing else subprocess.DEVNULL
        running = Running(words, {**os.environ, **env}, source)
        (self._told if words[0] in ("token", "run") else self._started).append(running)
        return running

    def run(self, *words: str, **env: str) -> Running:
        """Run a command to its end."""
        running = self.start(*words, env=env)
        running.end()
        assert "Traceback" not in running.err
        assert "internal fault" not in running.err
        return running

    def login(self, *words: str) -> Running:
        """Log in with a browser that is somewhere."""
        running = self.start("login", *(words or ("acme-me",)), "--no-browser")
        self._identity.visit(running.url(self._identity))
        assert running.end() == 0, running.err
        return running

    @property
    def shown(self) -> str:
        """What all commands have said: all of it, but for the output of those whose output is a token."""
        return "".join(each.out + each.err for each in self._started) + "".join(each.err for each in self._told)

    def close(self) -> None:
        """End what is still running."""
        for running in (*self._started, *self._told):
            if running.process.poll() is None:
                running.process.kill()
                running.end()
