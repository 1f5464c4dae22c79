"""``kill -9`` at random moments, over and over: what was acknowledged stays, nothing stands in others' way."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cbauth
from tests.support.processes import Process, Processes, eventually

WRITERS = 4
PERMIT_TIMEOUT = 60.0
LONG_AGO = 3600.0
SLOWEST = 5.0
"""Seconds in which state has to be readable after a kill; the aim is one."""

# Writers are forked off a process that has loaded everything and opened nothing: one begins within milliseconds.
# Each says with a byte what has been acknowledged: o its own failure, s the shared one, p a permit taken, r given back.
NURSERY = """
import json, logging, os, sys
import cbauth
from cbauth.stores.redis import RedisStore
from cbauth.stores.sqlite import SqliteStore

class Strict(logging.Handler):
    def emit(self, record):
        print(record.getMessage(), file=sys.stderr, flush=True)
        os._exit(3)

def fork(n, line):
    pid = os.fork()
    if pid:
        return pid
    try:
        logging.getLogger("cbauth").addHandler(Strict(logging.WARNING))
        write(n, line)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(4)

plan = cbauth.load_plan(json.loads(sys.argv[1]))

def write(n, line):
    toolkit = cbauth.load(plan)
    while True:
        try:
            lease = toolkit.acquire("trial")
        except cbauth.UnavailableError:
            lease = None
        else:
            os.write(line, b"p")
        for _ in range(5):
            toolkit.models.record_failure(f"own-{n}")
            os.write(line, b"o")
            toolkit.models.record_failure("shared")
            os.write(line, b"s")
        if lease is not None:
            lease.close()
            os.write(line, b"r")
"""


def config(spec: str) -> dict[str, Any]:
    """A profile for each writer, one for all of them, and one whose circuit is half-open."""
    profiles = {f"own-{n}": {"provider": "acme", "models": ["m"]} for n in range(WRITERS)}
    half_open = {"breaker": {"permit_timeout": PERMIT_TIMEOUT, "half_open_permits": 1}}
    return {
        "version": 1,
        "providers": {"acme": {"protocol": "generic", "base_url": "https://acme.example/v1"}},
        "profiles": {
            **profiles,
            "shared": {"provider": "acme", "models": ["m"]},
            "trial": {"provider": "acme", "models": ["trial"], "policy": half_open},
        },
        "policy": {"breaker": {"failure_threshold": 1_000_000, "failure_decay": "1h"}},
        "state": {"store": spec},
    }


class Writer:
    """One of the four: who it is now, and what all who held its place have acknowledged."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self.kills = 0
        self.said = b""
        self.line, self.end = os.pipe()
        os.set_blocking(self.line, False)

    def listen(self) -> None:
        """Take in what it has acknowledged so far."""
        while True:
            try:
                self.said += os.read(self.line, 1 << 20)
            except BlockingIOError:
                return

    def holds_a_permit(self) -> bool:
        """Whether the last that it said of a permit is that it was taken."""
        self.listen()
        return self.said.rfind(b"p") > self.said.rfind(b"r")

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self.line)
        os.close(self.end)


class Four:
    """The writers, and the process that they are forked off."""

    def __init__(self, processes: Processes, spec: str) -> None:
        self.config = config(spec)
        self.writers = [Writer(n) for n in range(WRITERS)]
        self._open_the_trial()
        ends = [writer.end for writer in self.writers]
        self.nursery: Process = processes.start(NURSERY, json.dumps(self.config), fds=ends)

    def _open_the_trial(self) -> None:
        with cbauth.load(self.config, clock=lambda: time.time() - LONG_AGO) as toolkit:
            toolkit.models.open_circuit("trial")

    def start(self, writer: Writer) -> None:
        """Put somebody in a place."""
        writer.pid = self.nursery.ask(f"fork({writer.number}, {writer.end})")

    def holders(self) -> list[Writer]:
        """Those who hold a permit, as far as they have said."""
        return [writer for writer in self.writers if writer.holds_a_permit()]

    def kill(self, writer: Writer) -> None:
        """Kill whoever holds a place, wait for the end, and take in the last words."""
        os.kill(writer.pid, signal.SIGKILL)
        status = self.nursery.ask(f"os.waitpid({writer.pid}, 0)[1]")
        writer.pid = 0
        assert status == signal.SIGKILL, f"writer {writer.number} had ended by itself"
        writer.kills += 1
        writer.listen()

    def close(self) -> None:
        """End those who are left."""
        for writer in self.writers:
            if writer.pid:
                os.kill(writer.pid, signal.SIGKILL)
            writer.close()


def count(toolkit: cbauth.Toolkit, profile_id: str) -> int:
    """The failures on record."""
    return next(record.failure_count for record in toolkit.status() if record.profile_id == profile_id)


def reads(four: Four, victim: Writer) -> None:
    """Look as somebody new: at the state, at what the dead one had acknowledged, and at the permit it may have held."""
    for writer in four.writers:
        writer.listen()
    shared = sum(writer.said.count(b"s") for writer in four.writers)
    own = victim.said.count(b"o")
    began = time.monotonic()
    with cbauth.load(four.config, clock=lambda: time.time() + PERMIT_TIMEOUT + 1) as toolkit:
        assert toolkit.store.trouble == ""
        assert own <= count(toolkit, f"own-{victim.number}") <= own + victim.kills
        assert count(toolkit, "shared") >= shared
        with toolkit.acquire("trial") as lease:
            assert lease.reason == "testing", "the dead one's permit has run out"
            lease.close()
    assert time.monotonic() - began < SLOWEST


def run(four: Four, kills: int, seed: int, looks: Any = None) -> None:
    """Let the four write, kill one of them at a random moment, look, put another in its place, and so on."""
    dice, held = random.Random(seed), 0
    for writer in four.writers:
        four.start(writer)
    for n in range(kills):
        if n % 2:
            assert eventually(four.holders)
        time.sleep(dice.uniform(0.0, 0.05))  # the random moment
        victim = dice.choice((four.holders() if n % 2 else []) or four.writers)
        four.kill(victim)
        held += victim.holds_a_permit()
        victim.said += b"r"  # its permit runs out
        reads(four, victim)
        if looks is not None:
            looks()
        four.start(victim)
    for writer in four.writers:
        four.kill(writer)
    with cbauth.load(four.config) as toolkit:
        for writer in four.writers:
            own = writer.said.count(b"o")
            assert own <= count(toolkit, f"own-{writer.number}") <= own + writer.kills
        shared = sum(writer.said.count(b"s") for writer in four.writers)
        assert shared <= count(toolkit, "shared") <= shared + kills + WRITERS
    assert shared > kills, "they have hardly written"
    assert held > 0, "nobody died while it held a permit"


@pytest.fixture
def seed() -> int:
    """Another one for each run; shown when the test fails."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    return seed


@pytest.fixture
def processes() -> Iterator[Processes]:
    with Processes() as processes:
        yield processes


def test_sqlite_keeps_all_that_was_acknowledged_through_a_hundred_kills(
    processes: Processes, tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "state"
    four = Four(processes, f"sqlite:{folder / 'state.db'}")

    def looks() -> None:
        names = {path.name for path in folder.iterdir()}
        assert names - {"state.db-wal", "state.db-shm"} == {"state.db", "state.db-signals"}

    try:
        run(four, 100, seed, looks)
    finally:
        four.close()
    assert {path.name for path in folder.iterdir()} == {"state.db", "state.db-signals"}
    assert caplog.records == []


def test_redis_keeps_all_that_was_acknowledged_through_twenty_kills(
    processes: Processes, request: pytest.FixtureRequest, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    server = request.getfixturevalue("redis_server")
    four = Four(processes, f"{server.url}?prefix={uuid.uuid4().hex}")
    try:
        run(four, 20, seed)
    finally:
        four.close()
    assert caplog.records == []
