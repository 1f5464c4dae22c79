"""What cbauth does in one call, in the ways in which users call it."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from functools import cache, partial
from itertools import count

import cbauth
from benchmarks import places
from benchmarks.measuring import Step
from cbauth.outcomes import Outcome

__all__ = [
    "FAILURES",
    "MODEL",
    "acquire_and_report",
    "attempts",
    "classify",
    "fail_and_acquire",
    "fail_and_get_next",
    "fail_and_select",
    "get_next_profile",
    "load",
    "profiles_yaml",
    "select_profile",
    "threads",
]

MODEL = "gpt-4o"
FAILURES = 900
"""Of 1000 profiles so many fail, one after the other, each of them the one that leads."""
VARIABLE = "CBAUTH_BENCHMARK_KEY"
os.environ.setdefault(VARIABLE, "not-a-key-for-anything")


@cache
def _plan(size: int, store: str = "memory") -> cbauth.Plan:
    """A plan of ``size`` profiles that all serve the model."""
    profiles = {f"p{n}": {"provider": "openai", "api_key": f"env:{VARIABLE}", "models": ["gpt-*"]} for n in range(size)}
    return cbauth.load_plan({"version": 1, "profiles": profiles, "state": {"store": places.store(store, str(size))}})


@cache
def _toolkit(size: int, store: str = "memory") -> cbauth.Toolkit:
    """A toolkit in which everybody stays well."""
    with places.or_missing():
        toolkit = cbauth.load(_plan(size, store))
    atexit.register(toolkit.close)
    return toolkit


def _credentials(size: int) -> cbauth.AuthProfileManager:
    return cbauth.AuthProfileManager(
        cbauth.AuthProfile(f"p{n}", "openai", "api-key", {"api_key": f"not-a-key-{n}"}) for n in range(size)
    )


def _models(size: int) -> cbauth.ModelProfileManager:
    return cbauth.ModelProfileManager(
        cbauth.ModelProfile(f"p{n}", f"P {n}", "openai", "api_key", f"not-a-key-{n}", models=("gpt-*",))
        for n in range(size)
    )


# everybody is well


@cache
def get_next_profile(size: int) -> Step:
    return _credentials(size).get_next_profile


@cache
def select_profile(size: int) -> Step:
    return partial(_models(size).select_profile, MODEL)


def acquire_and_report(size: int, store: str = "memory") -> Step:
    acquire = _toolkit(size, store).acquire
    return lambda: acquire(MODEL).report()


def attempts(size: int, store: str = "memory") -> Step:
    toolkit = _toolkit(size, store)

    def call() -> None:
        for attempt in toolkit.attempts(MODEL):
            with attempt as lease:
                _ = lease.token

    return call


def threads(count: int, each: int) -> Step:
    """``count`` threads at once, each with ``each`` calls; they stand ready before the clock starts."""
    call = acquire_and_report(3)
    start = threading.Barrier(count + 1)

    def work() -> None:
        start.wait()
        for _ in range(each):
            call()

    workers = [threading.Thread(target=work) for _ in range(count)]
    for worker in workers:
        worker.start()

    def run() -> None:
        start.wait()
        for worker in workers:
            worker.join()

    return run


# somebody fails, and the next one is asked

_requests = count()


def _each(size: int, step: Callable[[str], object]) -> Step:
    """``step`` with one profile id after the other."""
    ids = iter([f"p{n}" for n in range(size)])
    return lambda: step(next(ids))


def fail_and_get_next(size: int, error: object, new: bool = False) -> Step:
    """``new``: each error has a text of its own, as with a request id in it."""
    manager = _credentials(size)

    def step(profile_id: str) -> None:
        manager.mark_failed(profile_id, f"{error} ({next(_requests)})" if new else error)
        manager.get_next_profile()

    manager.get_next_profile()
    return _each(size, step)


def fail_and_select(size: int, error: object) -> Step:
    manager = _models(size)

    def step(profile_id: str) -> None:
        manager.record_failure(profile_id, error)
        manager.select_profile(MODEL)

    manager.select_profile(MODEL)
    return _each(size, step)


def fail_and_acquire(size: int, outcome: Outcome | str) -> Step:
    toolkit = cbauth.load(_plan(size))
    lease = toolkit.acquire(MODEL)

    def step() -> None:
        nonlocal lease
        lease.report(outcome)
        lease = toolkit.acquire(MODEL)

    return step


# now and then


def classify() -> Step:
    """An answer as a client gets it: status, headers and body."""
    answer = (
        429,
        {"retry-after": "20", "content-type": "application/json"},
        '{"error": {"message": "Rate limit reached for requests", "type": "requests", "code": "rate_limit_exceeded"}}',
    )
    return partial(cbauth.classify, answer, protocol="openai")


def profiles_yaml(lines: int) -> str:
    """A profiles.yaml of about ``lines`` lines."""
    head = ["version: 1", "state: {store: memory}", "profiles:"]
    profile = """\
  p{n}:
    provider: openai
    api_key: env:{variable}
    base_url: https://eu.api.openai.com/v1
    models: [gpt-4o, "gpt-*"]
    default_model: gpt-4o
    priority: {n}
    policy:
      breaker: {{failure_threshold: 5, open_for: 2m}}
    metadata: {{team: search}}"""
    count = (lines - len(head)) // len(profile.splitlines())
    return "\n".join([*head, *(profile.format(n=n, variable=VARIABLE) for n in range(count)), ""])


def load() -> Step:
    path = places.folder() / "profiles.yaml"
    path.write_text(profiles_yaml(100), "utf-8")

    def step() -> None:
        cbauth.load(path).close()

    return step
