"""Other processes: real ones, each with a prompt at which a test types. None of them outlives its test."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["PATIENCE", "Process", "Processes", "eventually", "serve"]

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0
"""Seconds after which whoever says nothing has failed."""


class Process:
    """A Python process that runs what it is sent. ``setup`` runs first, with ``args`` in ``sys.argv[1:]``.

    ``fds`` are file descriptors that it inherits.
    """

    def __init__(self, setup: str, *args: object, fds: Sequence[int] = ()) -> None:
        command = [sys.executable, "-c", "from tests.support.processes import serve; serve()", *map(str, args)]
        self._popen = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, pass_fds=tuple(fds)
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._to, self._from = self._popen.stdin, self._popen.stdout
        self._heard = b""
        self.send(setup)

    def send(self, code: str) -> None:
        """Let it run statements, or work out an expression, without waiting for the answer."""
        self._to.write(json.dumps(code).encode() + b"\n")

    def answer(self) -> Any:
        """What came of the oldest code whose answer was not taken yet: an expression's value, as far as JSON has it."""
        ends = time.monotonic() + PATIENCE
        while b"\n" not in self._heard:
            ready, _, _ = select.select([self._from], [], [], max(0.0, ends - time.monotonic()))
            assert ready, f"the process has not answered within {PATIENCE:g} s"
            chunk = os.read(self._from.fileno(), 65536)
            assert chunk, "the process has ended"
            self._heard += chunk
        line, _, self._heard = self._heard.partition(b"\n")
        error, value = json.loads(line)
        assert not error, error
        return value

    def ask(self, code: str) -> Any:
        """Let it run ``code`` and give the answer."""
        self.send(code)
        return self.answer()

    def end(self) -> None:
        """Let it end as programs do, and wait until it has."""
        self._to.close()
        self._popen.wait(PATIENCE)

    def kill(self) -> None:
        """End it at once (``kill -9``)."""
        self._popen.kill()
        self._popen.wait(PATIENCE)
        for pipe in (self._to, self._from):
            pipe.close()


class Processes:
    """The processes of one test. A context manager; leaving it kills them."""

    def __init__(self) -> None:
        self._started: list[Process] = []

    def start(self, setup: str, *args: object, fds: Sequence[int] = ()) -> Process:
        """One more process, ready."""
        (process,) = self.start_all(1, setup, *args, fds=fds)
        return process

    def start_all(self, number: int, setup: str, *args: object, fds: Sequence[int] = ()) -> list[Process]:
        """That many processes at once, all of them ready."""
        started = [Process(setup, *args, fds=fds) for _ in range(number)]
        self._started += started
        for process in started:
            process.answer()
        return started

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            process.kill()


def serve() -> None:
    """The other side: run each line that comes in, in one namespace, and answer with an error or a value."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what the code prints is no answer
    names: dict[str, Any] = {"__name__": "__process__"}
    for line in sys.stdin:
        code, value, error = json.loads(line), None, ""
        try:
            try:
                expression = compile(code.strip(), "<sent>", "eval")
            except SyntaxError:
                exec(compile(code, "<sent>", "exec"), names)
            else:
                value = eval(expression, names)
        except BaseException:
            error = traceback.format_exc()
        answers.write(json.dumps([error, value], default=repr).encode() + b"\n")


def eventually(holds: Callable[[], object]) -> bool:
    """Whether ``holds()`` comes to be true before patience ends. For what takes a moment; never for being right."""
    ends = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.001)
    return True
