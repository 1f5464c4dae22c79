"""A Redis that goes and comes back, hangs, or was never there: callers notice nothing, and nothing is forgotten."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

import cbauth
from tests.answers import AnswerError
from tests.support.processes import Process, Processes, eventually
from tests.support.redis_server import RedisServer

Start = Callable[..., RedisServer]
HOUR = 3600.0
HANGING = 4.0
"""Seconds that a caller may lose to a server that hangs; the aim is one."""
AWAY, BACK = "cannot be used", "again"

CALLER = """
import json, sys, threading, time
import cbauth
from tests.stores.test_redis_outage import Caller
toolkit = cbauth.load(json.loads(sys.argv[1]))
caller = Caller(toolkit, 2)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers of this test's own, with the options that it gives."""
    servers: list[RedisServer] = []

    def start_one(options: Sequence[str] = ()) -> RedisServer:
        server = RedisServer(tmp_path / f"redis-{len(servers)}", options)
        servers.append(server)
        server.start()
        return server

    yield start_one
    for server in servers:
        server.kill()


@pytest.fixture
def load() -> Iterator[Callable[..., cbauth.Toolkit]]:
    """Loads toolkits that are closed at the end."""
    toolkits = []

    def load_one(server: RedisServer) -> cbauth.Toolkit:
        toolkit = cbauth.load(config(server))
        toolkits.append(toolkit)
        return toolkit

    yield load_one
    for toolkit in toolkits:
        toolkit.close()


Load = Callable[[RedisServer], cbauth.Toolkit]


def config(server: RedisServer) -> dict[str, Any]:
    """Three profiles: one that rests, one that fails whenever it is asked, and one that always answers."""
    names = ("resting", "flaky", "spare")
    profiles = {name: {"provider": "acme", "models": ["*"], "priority": -n} for n, name in enumerate(names)}
    return {
        "version": 1,
        "providers": {"acme": {"protocol": "generic", "base_url": "https://acme.example/v1"}},
        "profiles": profiles,
        "policy": {
            "breaker": {"failure_threshold": 1_000_000, "failure_decay": "1h"},
            "cooldown": {"retry_after_cap": "2h"},
        },
        "state": {"store": server.url},
    }


class Caller:
    """Threads that call without a pause, and what reached them: errors, and answers of the profile that rests."""

    def __init__(self, toolkit: cbauth.Toolkit, threads: int) -> None:
        self.toolkit = toolkit
        self.calls = 0
        self.wrong: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.001):
            try:
                self._call()
            except BaseException as error:
                self.wrong.append(repr(error))
            self.calls += 1

    def _call(self) -> None:
        for attempt in self.toolkit.attempts("m", session=f"thread-{self.calls % 50}"):
            with attempt as lease:
                assert lease.token == ""
                if lease.profile_id == "resting":
                    self.wrong.append("the one that rests was asked")
                if lease.profile_id == "flaky":
                    raise AnswerError(500)

    def stop(self) -> list[str]:
        """Stop calling; everything that went wrong."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        return self.wrong


def have_called(caller: Caller, process: Process, here: int, there: int) -> bool:
    """Whether callers here and in the other process have called that often."""
    return caller.calls >= here and process.ask("caller.calls") >= there


def standing(toolkit: cbauth.Toolkit, profile_id: str) -> cbauth.Status:
    """The status of one profile."""
    return next(record for record in toolkit.status() if record.profile_id == profile_id)


def away(*toolkits: cbauth.Toolkit) -> bool:
    """Whether all of them come to know that the server cannot be used."""
    return eventually(lambda: all(toolkit.store.trouble for toolkit in toolkits))


def back(*toolkits: cbauth.Toolkit) -> bool:
    """Whether all of them come to know that it is back."""
    return eventually(lambda: not any(toolkit.store.trouble for toolkit in toolkits))


def fresh(server: RedisServer, profile_id: str) -> cbauth.Status:
    """What the server knows of a profile, as somebody new sees it."""
    with cbauth.load(config(server)) as toolkit:
        assert not toolkit.store.trouble
        return standing(toolkit, profile_id)


def client(server: RedisServer, **options: Any) -> redis.Redis:
    """A client to look behind the scenes with."""
    return redis.Redis(port=server.port, decode_responses=True, protocol=2, **options)


def pid_of(server: RedisServer) -> int:
    with client(server) as there:
        return int(there.info("server")["process_id"])


PERSISTENCE = pytest.mark.parametrize("options", [[], ["--appendonly", "yes"]], ids=["forgetful", "appendonly"])


@PERSISTENCE
def test_killed_and_started_again_under_load_no_error_reaches_a_caller_and_no_rest_ends_early(
    start: Start, load: Load, options: list[str]
) -> None:
    server = start(options)
    here = load(server)
    here.profiles.mark_failed("resting", kind="billing", retry_after=HOUR)
    until = standing(here, "resting").until
    with Processes() as processes:
        process = processes.start(CALLER, json.dumps(config(server)))
        caller = Caller(here, 3)
        for _ in range(3):
            enough = caller.calls + 20, process.ask("caller.calls") + 20
            server.kill()
            assert away(here)
            assert eventually(lambda: process.ask("bool(toolkit.store.trouble)"))
            assert eventually(partial(have_called, caller, process, *enough))
            server.start()
            assert back(here)
            assert eventually(lambda: not process.ask("bool(toolkit.store.trouble)"))
        assert process.ask("caller.stop()") == []
    assert caller.stop() == []
    assert standing(here, "resting").until == until
    assert fresh(server, "resting").until == until


@PERSISTENCE
def test_what_was_recorded_while_it_was_away_is_there_afterwards_merged_by_the_later_deadline(
    start: Start, load: Load, options: list[str]
) -> None:
    server = start(options)
    one, other = load(server), load(server)
    one.models.record_failure("flaky")
    assert eventually(lambda: standing(other, "flaky").failure_count == 1)
    one.profiles.mark_failed("resting", kind="auth", retry_after=100)
    assert eventually(lambda: standing(other, "resting").in_cooldown)

    server.kill()
    assert away(one, other)
    for toolkit, failures in ((one, 3), (other, 2)):
        for _ in range(failures):
            toolkit.models.record_failure("flaky")
    one.profiles.mark_failed("resting", kind="auth", retry_after=1000)
    other.profiles.mark_failed("resting", kind="auth", retry_after=2000)
    one.profiles.mark_failed("spare", kind="billing", retry_after=3000)
    later = standing(other, "resting").until
    spare = standing(one, "spare").until
    assert standing(one, "flaky").failure_count == 4, "meanwhile each goes on from what it knew"
    assert standing(other, "flaky").failure_count == 3

    server.start()
    assert back(one, other)
    both = one, other
    assert eventually(lambda: all(standing(toolkit, "flaky").failure_count == 6 for toolkit in both))
    assert eventually(lambda: all(standing(toolkit, "resting").until == later for toolkit in both))
    assert eventually(lambda: all(standing(toolkit, "spare").until == spare for toolkit in both))
    assert fresh(server, "flaky").failure_count == 6
    assert (fresh(server, "resting").until, fresh(server, "spare").until) == (later, spare)


def test_a_server_that_has_forgotten_everything_is_told_what_its_clients_know(start: Start, load: Load) -> None:
    server = start()
    toolkits = [load(server) for _ in range(3)]
    for n, name in enumerate(("resting", "flaky", "spare")):
        toolkits[n].profiles.mark_failed(name, kind="billing", retry_after=HOUR + n)
    toolkits[0].models.open_circuit("flaky")
    assert eventually(lambda: all(record.in_cooldown for toolkit in toolkits for record in toolkit.status()))
    assert eventually(lambda: all(standing(toolkit, "flaky").circuit == "open" for toolkit in toolkits))
    known = [(record.until, record.circuit) for record in toolkits[0].status()]
    server.kill()
    assert away(*toolkits)
    server.start()
    assert back(*toolkits)
    with cbauth.load(config(server)) as somebody:
        assert [(record.until, record.circuit) for record in somebody.status()] == known


def test_a_reset_while_it_is_away_is_seen_by_all_afterwards(start: Start, load: Load) -> None:
    server = start(["--appendonly", "yes"])
    one, other = load(server), load(server)
    one.profiles.mark_failed("resting", kind="billing")
    assert eventually(lambda: standing(other, "resting").in_cooldown)
    server.kill()
    assert away(one, other)
    one.reset("resting")
    assert standing(one, "resting").healthy
    assert standing(other, "resting").in_cooldown
    server.start()
    assert back(one, other)
    assert eventually(lambda: standing(other, "resting").healthy)
    assert standing(one, "resting").healthy
    assert fresh(server, "resting").healthy


def test_a_session_bound_while_it_was_away_is_honoured_by_others_afterwards(start: Start, load: Load) -> None:
    server = start()
    one, other = load(server), load(server)
    server.kill()
    assert away(one, other)
    one.models.disable_profile("resting")
    with one.acquire("m", session="thread-7") as lease:
        assert (lease.profile_id, lease.token) == ("flaky", "")
    server.start()
    assert back(one, other)
    assert eventually(lambda: other.acquire("m", session="thread-7").profile_id == "flaky")


def test_it_says_once_that_it_is_away_and_once_that_it_is_back(
    start: Start, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    server = start()
    toolkit = load(server)
    toolkit.profiles.mark_failed("resting", kind="billing", retry_after=HOUR)
    caller = Caller(toolkit, 3)
    server.kill()
    assert away(toolkit)
    with socket.create_server(("127.0.0.1", server.port)) as impostor:  # it counts how often the server is tried again
        impostor.settimeout(30)
        for _ in range(3):
            impostor.accept()[0].close()
        for _ in range(100):
            toolkit.models.record_failure("flaky")
    server.start()
    assert back(toolkit)
    assert caller.stop() == []
    told = [record for record in caplog.records if record.name == "cbauth.stores"]
    assert [record.levelno for record in told] == [logging.WARNING] * 2
    first, second = (record.getMessage() for record in told)
    assert AWAY in first
    assert str(server.port) in first
    assert BACK in second


def test_a_server_that_hangs_costs_one_caller_a_moment_and_nobody_an_error(start: Start, load: Load) -> None:
    server = start()
    toolkit, other = load(server), load(server)
    toolkit.models.record_failure("flaky")
    pid = pid_of(server)
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        toolkit.models.record_failure("flaky")
        for _ in range(100):
            toolkit.models.record_failure("spare")
            assert toolkit.acquire("m").profile_id == "resting"
        assert time.monotonic() - began < HANGING
        assert toolkit.store.trouble
        assert standing(toolkit, "flaky").failure_count == 2
    finally:
        os.kill(pid, signal.SIGCONT)
    assert back(toolkit, other)
    assert eventually(lambda: standing(other, "flaky").failure_count == 2), "what it was told while it hung counts once"
    assert standing(toolkit, "flaky").failure_count == 2


def test_a_server_that_is_not_there_at_the_start_is_waited_for(
    start: Start, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    server = start()
    server.kill()
    toolkit = load(server)
    assert AWAY in toolkit.store.trouble
    toolkit.profiles.mark_failed("resting", kind="billing")
    assert toolkit.acquire("m").profile_id == "flaky"
    assert len(caplog.records) == 1
    server.start()
    assert back(toolkit)
    assert fresh(server, "resting").in_cooldown


def test_closing_while_it_is_away_ends_quietly(start: Start) -> None:
    server = start()
    toolkit = cbauth.load(config(server))
    server.kill()
    assert away(toolkit)
    toolkit.close()
    toolkit.models.record_failure("flaky")
    toolkit.close()
