"""Where state is kept while it is measured: a folder that goes away, and a Redis that ends with the process."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.measuring import MissingError
from cbauth import StoreError

__all__ = ["folder", "one_core", "or_missing", "redis", "redis_url", "store"]

PATIENCE = 10.0
"""Seconds that a Redis may take to start, and to end."""
NOBODY = subprocess.DEVNULL
TRIES = 5
"""How many ports are tried; somebody else may take a free one before Redis does."""


@cache
def folder() -> Path:
    """A folder for files; whoever measures something on disk does it here, on the same disk."""
    made = TemporaryDirectory(prefix="cbauth-benchmarks-")
    atexit.register(made.cleanup)
    return Path(made.name)


def store(kind: str, name: str) -> str:
    """What `state.store` says for a store of this kind: ``memory``, ``redis``, or ``sqlite`` in a file of that name."""
    if kind == "redis":
        return redis_url()
    return f"sqlite:{folder() / name}.db" if kind == "sqlite" else kind


@contextmanager
def or_missing() -> Iterator[None]:
    """A store that cannot be opened is missing: what it would cost stays unknown, and everything else is measured."""
    try:
        yield
    except StoreError as error:
        raise MissingError(str(error)) from error


def redis() -> Any:
    """A new client of the Redis."""
    return import_module("redis").Redis.from_url(redis_url())


def redis_url() -> str:
    """The address of a Redis that writes nothing to disk. Raises ``MissingError`` without a ``redis-server``."""
    return f"redis://127.0.0.1:{_redis().port}/0"


@contextmanager
def one_core() -> Iterator[None]:
    """This thread and the Redis on the same core, where the system can.

    On two, waking the other one takes up to three times as long as all the rest, or nothing at all while it happens to
    be awake; what is measured then is that.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    both = (0, _redis().pid)
    cores = os.sched_getaffinity(0)
    for process in both:
        os.sched_setaffinity(process, {min(cores)})
    try:
        yield
    finally:
        for process in both:
            os.sched_setaffinity(process, cores)


class Server(NamedTuple):
    """A Redis that serves."""

    pid: int
    port: int


@cache
def _redis() -> Server:
    program = which("redis-server")
    if program is None:
        raise MissingError("there is no redis-server")
    for _ in range(TRIES):
        port = _free_port()
        process = _started(program, port)
        if _serves(process, port):
            return Server(process.pid, port)
    raise MissingError("redis-server does not start")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _started(program: str, port: int) -> subprocess.Popen[bytes]:
    settings = {"bind": "127.0.0.1", "port": str(port), "save": "", "appendonly": "no", "dir": str(folder())}
    command = [program, *(word for name, value in settings.items() for word in (f"--{name}", value))]
    process = subprocess.Popen(command, stdin=NOBODY, stdout=NOBODY, stderr=NOBODY)
    atexit.register(_end, process, os.getpid())
    return process


def _serves(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether this very process answers at ``port``, as soon as it does or has ended."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(b"INFO server\r\n")
                answer = connection.recv(4096)
            return f"\r\nprocess_id:{process.pid}\r\n".encode() in answer
        except ConnectionError:
            time.sleep(0.01)
    return False


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    """End the Redis; only the process that started it may, not one that was forked from it."""
    if os.getpid() != owner:
        return
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
