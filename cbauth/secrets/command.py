"""Credentials that a program prints: password managers, cloud command lines, a team's own script.

Laws:

1. No shell: the words are handed over as they are. Standard input is closed, standard error is dropped.
2. After ``TIMEOUT`` seconds, or ``LARGEST`` bytes, the program is killed, and with it its whole process group.
3. A program that leaves a helper behind, which keeps its output open, is done when it ends itself.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from cbauth.errors import AuthError
from cbauth.plan import SecretRef
from cbauth.secrets.remembered import Remembered
from cbauth.secrets.secret import Secret, vetted

__all__ = ["Command"]

TIMEOUT = 10.0
"""Seconds a program may take."""
LARGEST = 65536
"""Bytes it may print."""
LIFETIME = 300.0
"""Seconds for which its answer is used without asking again."""
GLANCE = 0.05
"""Seconds between looks at whether a program that keeps its output open has ended."""


class Command(Remembered):
    """What a program prints, remembered until ``forget()`` or for five minutes.

    It runs in the folder of profiles.yaml, with the environment of this process.
    """

    def __init__(
        self,
        args: tuple[str, ...],
        base_dir: Path | None = None,
        *,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(lifetime=LIFETIME, clock=clock)
        self._args = args
        self._base_dir = base_dir
        self._timeout = timeout
        self.description = str(SecretRef("command", args))

    def missing(self) -> str | None:
        """Nothing that could be told without running it."""
        return None

    def _ask(self) -> Secret:
        secret, fault = self._run()
        if secret is None:
            raise AuthError(f"{self.description} {fault}")
        return vetted(secret, self.description)

    def _run(self) -> tuple[Secret | None, str]:
        """What the program printed, or what went wrong. The text lives in a buffer that shows nothing of itself."""
        try:
            process = subprocess.Popen(
                self._args,
                cwd=self._base_dir,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                bufsize=0,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "an argument holds a null character"
            return None, f"cannot be started: {reason}"
        printed = io.BytesIO()
        reader = threading.Thread(target=_collect, args=(process.stdout, printed), daemon=True)
        try:
            reader.start()
            fault = _wait(process, reader, printed, self._timeout)
        finally:
            if process.returncode is None:
                _kill(process)
        return (None, fault) if fault else _decoded(printed)

    def __repr__(self) -> str:
        return f"Command({self.description!r})"


def _collect(stream: IO[bytes], printed: io.BytesIO) -> None:
    """Copy what the program prints, up to one byte more than it may. Nothing of it is kept in a local variable."""
    with stream:
        while printed.tell() <= LARGEST and printed.write(stream.read(LARGEST + 1 - printed.tell())):
            pass


def _wait(process: subprocess.Popen[bytes], reader: threading.Thread, printed: io.BytesIO, timeout: float) -> str:
    """Wait for the program to end, at most ``timeout`` seconds. Gives what went wrong, or nothing."""
    deadline = time.monotonic() + timeout
    while reader.is_alive() and process.poll() is None and (left := deadline - time.monotonic()) > 0:
        reader.join(min(left, GLANCE))
    if printed.tell() > LARGEST:
        return "printed more than 64 KiB, so it is not a key"
    try:
        code = process.wait(max(deadline - time.monotonic(), 0.0))
    except subprocess.TimeoutExpired:
        return f"took longer than {timeout:g} s, so it was stopped"
    reader.join(GLANCE)  # what is still in the pipe
    if code < 0:
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}: run it by hand to see why" if code else ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the program with its process group, where there are such groups."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _decoded(printed: io.BytesIO) -> tuple[Secret | None, str]:
    """The secret in what was printed, or what is wrong with it."""
    try:
        secret = Secret(printed.getvalue().decode("utf-8-sig").strip())
    except UnicodeDecodeError:  # it holds the bytes, so it goes no further
        return None, "printed something that is not UTF-8 text"
    return (secret, "") if secret else (None, "printed nothing")
