"""What a Redis store sends, what it leaves there, and how it comes through a fork."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

import cbauth
from cbauth.core.encoding import encode
from cbauth.core.health import Binding
from cbauth.stores.redis import RedisStore
from tests.stores.records import count, increment
from tests.support.processes import Processes, eventually
from tests.support.redis_server import RedisServer

DAY = 86400.0
LATER = 4e9
"""An epoch second that is far away."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of this test's own: nobody else sends it anything."""
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


def config(server: RedisServer) -> dict[str, Any]:
    """Two profiles of one provider."""
    return {
        "version": 1,
        "providers": {"acme": {"protocol": "generic", "base_url": "https://acme.example/v1"}},
        "profiles": {name: {"provider": "acme", "models": ["*"]} for name in ("flaky", "spare")},
        "policy": {"breaker": {"failure_threshold": 1_000_000, "failure_decay": "1h"}},
        "state": {"store": server.url},
    }


def client(server: RedisServer) -> redis.Redis:
    """A client to look behind the scenes with."""
    return redis.Redis(port=server.port, decode_responses=True, protocol=2)


def test_a_healthy_call_sends_nothing(server: RedisServer) -> None:
    with cbauth.load(config(server)) as toolkit, client(server) as there:
        toolkit.models.record_failure("flaky")  # it is asked: one success clears the count
        before = commands(there)
        for n in range(500):
            with toolkit.acquire("m", session="thread-7" if n % 2 else None) as lease:
                assert lease.token == ""
            if n == 1:
                before = commands(there)  # the session is bound by now
        assert commands(there) == before


def test_one_failure_is_exactly_one_script_call(server: RedisServer) -> None:
    with cbauth.load(config(server)) as toolkit, client(server) as there:
        toolkit.models.record_failure("flaky")  # loads the script
        before = commands(there)
        for n in range(1, 51):
            toolkit.models.record_failure("flaky")
            after = commands(there)
            assert after.pop("evalsha") == before["evalsha"] + n
        inside = {"get": 50, "set": 50, "publish": 50}
        for name, calls in after.items():
            assert calls - before.get(name, 0) <= inside.get(name, 0), name


def commands(there: redis.Redis) -> dict[str, int]:
    """How often each command was called, also from within scripts, but for those that are signs of life."""
    calls = {name.removeprefix("cmdstat_"): entry["calls"] for name, entry in there.info("commandstats").items()}
    return {name: number for name, number in calls.items() if name not in ("ping", "info", "time")}


def test_every_key_carries_the_prefix_and_ends_some_day(server: RedisServer) -> None:
    with closing(RedisStore(f"{server.url}?prefix=acme", "team")) as store, client(server) as there:
        with cbauth.load(config(server), store=store) as toolkit:
            toolkit.models.record_failure("flaky")
            toolkit.profiles.mark_failed("spare", kind="billing")
            toolkit.reset("spare")
            toolkit.acquire("m", session="thread-7").report()
        with cbauth.load(config(server)) as other:
            other.models.record_failure("flaky")
        keys = list(there.scan_iter())
        ours = [key for key in keys if not key.startswith("{cbauth:")]
        assert len(ours) >= 3
        assert all(key.startswith("{acme:team}:") for key in ours)
        assert {key: there.pttl(key) for key in keys if there.pttl(key) <= 0} == {}


def test_sessions_that_ended_long_ago_take_no_room(server: RedisServer) -> None:
    """A process that lives long hears of every session of its team."""
    many, at_once = 10_000, 1000
    version = int((time.time() - 2 * DAY) * 1e6)
    with closing(RedisStore(server.url)) as store, client(server) as there:

        def hear_of(sessions: range) -> None:
            batch = there.pipeline(transaction=False)
            for n in sessions:
                put(batch, f"session/{n:060}", version, encode(Binding("flaky", float(n))))
            last = Binding("flaky", LATER + sessions.stop)
            put(batch, "session/last", version + sessions.stop, encode(last))
            batch.execute()
            assert eventually(lambda: store.read("session/last") == last)

        tracemalloc.start()
        try:
            hear_of(range(at_once))
            before, _ = tracemalloc.get_traced_memory()
            for first in range(at_once, many, at_once):
                hear_of(range(first, first + at_once))
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert after - before < 100 * many, "bytes"


def put(there: Any, key: str, version: int, body: str) -> None:
    """Write a record as another process does."""
    there.set(f"{{cbauth:}}:record:{key}", f"{version} {body}")
    there.publish("{cbauth:}:changed:another", key)


FORKING = """
import os, signal, sys, warnings
from cbauth.stores.redis import RedisStore
from tests.stores.records import count, increment
from tests.support.processes import eventually
warnings.simplefilter("ignore", DeprecationWarning)

def child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(1)
    return pid

def times(n):
    for _ in range(n):
        store.update("k", increment)

def seen(n):
    assert eventually(lambda: count(store.read("k")) == n), count(store.read("k"))

store = RedisStore(sys.argv[1])
times(10)
"""


def test_a_process_that_forks_and_its_child_both_see_what_the_other_writes(server: RedisServer) -> None:
    with Processes() as processes:
        process = processes.start(FORKING, server.url)
        process.ask("here, there = os.pipe()\nback, forth = os.pipe()")
        process.ask(
            "def work():\n    os.read(here, 1)\n    seen(11)\n    times(1)\n    seen(12)\n    os.write(forth, b'.')\n"
            "    os.read(here, 1)\n"
        )
        process.ask("pid = child(work)")
        process.ask("times(1)")
        process.ask("os.write(there, b'.')")
        process.ask("seen(12)")
        process.ask("os.read(back, 1)")
        process.ask("os.write(there, b'.')")
        assert process.ask("os.waitpid(pid, 0)[1]") == 0
    with closing(RedisStore(server.url)) as store:
        assert count(store.read("k")) == 12


def test_what_forked_children_write_and_end_is_not_lost(server: RedisServer) -> None:
    with Processes() as processes:
        process = processes.start(FORKING, server.url)
        process.ask("pids = [child(lambda: times(50)) for _ in range(4)]\ntimes(50)")
        assert process.ask("[os.waitpid(pid, 0)[1] for pid in pids]") == [0] * 4
    with closing(RedisStore(server.url)) as store:
        assert store.update("k", increment) == 261
