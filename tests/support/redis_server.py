"""A real redis-server on loopback that a test can kill and start again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["RedisServer"]

PATIENCE = 10.0


class RedisServer:
    """A server with its own port and folder. ``options`` are command line options of redis-server."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        self.folder = folder
        self.port = _free_port()
        self.options = list(options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What ``state.store`` says."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, with what it has saved, and wait until it answers."""
        program = shutil.which("redis-server")
        assert program is not None, "redis-server is not installed: `make tools` does it"
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
            self._process = subprocess.Popen([*command, "--save", "", *self.options], stdout=log, stderr=log)
        ends = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(64)[:1] in (b"+", b"-"):  # an error, too, is an answer
                    return
            assert time.monotonic() < ends, "redis-server does not answer"
            time.sleep(0.01)
        raise AssertionError((self.folder / "log").read_text("utf-8", "replace"))

    def kill(self) -> None:
        """End it at once, without a word to its clients."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


def _free_port() -> int:
    """A port that is free, with room for that of a cluster's bus, 10 000 above it."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port < 55_000:
                return port
