"""A process that forks takes its stores along unharmed. Each test runs in a process of its own, which it forks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START = """
import os, signal, sys, threading, warnings
from cbauth.stores.memory import MemoryStore
from cbauth.stores.sqlite import SqliteStore
from tests.stores.records import count, increment

warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what is tested


def child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)  # a child that hangs is a failure
        try:
            work()
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    return pid


def well(*pids):
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * len(pids)


def times(store, key, n):
    for _ in range(n):
        store.update(key, increment)
"""


def run(code: str, *args: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START + code, *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_parent_and_children_write_on_and_nothing_is_lost(database: Path) -> None:
    code = """
store = SqliteStore(sys.argv[1])
times(store, "k", 10)
pids = [child(lambda: times(store, "k", 50)) for _ in range(4)]
times(store, "k", 50)
well(*pids)
assert store.update("k", increment) == 261
"""
    run(code, database)


def test_a_parent_that_closes_does_not_take_the_file_from_its_child(database: Path) -> None:
    """Closing the last connection that SQLite knows of deletes the log, which the child would go on writing."""
    code = """
store = SqliteStore(sys.argv[1])
store.update("k", increment)
here, there = os.pipe()
def work():
    store.update("k", increment)
    os.read(here, 1)
    times(store, "k", 10)
pid = child(work)
store.update("k", increment)
store.close()
os.write(there, b"x")
well(pid)
assert count(SqliteStore(sys.argv[1]).read("k")) == 13
"""
    run(code, database)


def test_a_child_knows_what_its_parent_knew_and_sees_what_it_does_next(database: Path) -> None:
    code = """
store = SqliteStore(sys.argv[1])
store.update("k", increment)
here, there = os.pipe()
def work():
    assert count(store.read("k")) == 1
    os.read(here, 1)
    while store.generation < 2:
        pass
    assert count(store.read("k")) == 2
pid = child(work)
store.update("k", increment)
os.write(there, b"x")
well(pid)
"""
    run(code, database)


@pytest.mark.parametrize("kind", ["MemoryStore()", "SqliteStore(sys.argv[1])"])
def test_forking_while_threads_are_inside_leaves_no_child_hanging(kind: str, database: Path) -> None:
    code = f"""
store = {kind}
stop = threading.Event()
def busy():
    while not stop.is_set():
        store.update("busy", increment)
        store.keys()
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    well(child(lambda: times(store, "child", 3)))
stop.set()
for thread in threads:
    thread.join()
expected = 60 if isinstance(store, SqliteStore) else 0
store.update("after", increment)
store = SqliteStore(sys.argv[1]) if expected else store
assert count(store.read("child")) == expected
"""
    run(code, database)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_fork_in_the_middle_of_many_calls_leaves_no_engine_locked(tmp_path: Path, kind: str) -> None:
    """Threads that choose hold the engine and then want the store; a fork must not come between the two."""
    code = """
import cbauth
profiles = {name: {"provider": "ollama", "base_url": f"http://{name}.example", "models": ["m"]} for name in "ab"}
policy = {"breaker": {"failure_threshold": 1, "open_for": 0.001}, "cooldown": {"preset": "adaptive"}}
toolkit = cbauth.load({"version": 1, "profiles": profiles, "policy": policy}, store=sys.argv[1])
toolkit.on("*", lambda event: None)
done = threading.Event()
def call():
    while not done.is_set():
        try:
            with toolkit.acquire("m") as lease:
                lease.headers, lease.token
                raise TimeoutError
        except (TimeoutError, cbauth.CbauthError):
            pass
threads = [threading.Thread(target=call) for _ in range(4)]
for thread in threads:
    thread.start()
def work():
    toolkit.models.record_failure("a")
    toolkit.status()
    toolkit.explain("m")
well(*[child(work) for _ in range(30)])
done.set()
for thread in threads:
    thread.join()
"""
    run(code, "memory" if kind == "memory" else f"sqlite:{tmp_path}/state.db")
