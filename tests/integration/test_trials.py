"""Half-open under real traffic: one trial at a time, and a permit always comes back."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Barrier

import pytest

import cbauth
from cbauth import UnavailableError
from tests.support import replies
from tests.support.clients import ASYNC_OPENAI, HTTPX, OPENAI, PATIENCE, Caller
from tests.support.replies import Hang, Ok
from tests.support.setting import Setting, key, record

TWO = {"first": {"priority": 2}, "second": {"priority": 1}}
THREADS = 50
SOON = 20.0
"""Seconds after which a test gives up waiting for another thread."""


def half_open(setting: Setting, toolkit: cbauth.Toolkit, profile_id: str = "first") -> None:
    """Open a circuit, and let the time pass after which it is tried."""
    toolkit.models.open_circuit(profile_id)
    setting.clock.advance(60)


def test_fifty_threads_at_half_open_make_one_request_to_the_tested_key(setting: Setting) -> None:
    """The trial hangs until all others have been answered, so it is under way while each of them chooses."""
    toolkit = setting.toolkit(TWO)
    half_open(setting, toolkit)
    trial = Hang()
    setting.acme.says(key("first"), trial, Ok())
    barrier = Barrier(THREADS)

    def call() -> tuple[str, str]:
        caller = Caller(HTTPX)
        barrier.wait(SOON)
        caller(toolkit, "gpt-4o")
        return caller.leases[0][0], caller.leases[0][2]

    with ThreadPoolExecutor(THREADS) as pool:
        calls = [pool.submit(call) for _ in range(THREADS)]
        finished = as_completed(calls, SOON)
        for _ in range(THREADS - 1):
            next(finished)
        assert setting.acme.keys.count(key("first")) == 1
        trial.release.set()
        next(finished)

    assert Counter(one.result() for one in calls) == {("first", "testing"): 1, ("second", "failover"): THREADS - 1}
    assert record(toolkit, "first").circuit == "open"


def test_fifty_threads_that_acquire_at_half_open_get_one_lease(setting: Setting) -> None:
    toolkit = setting.toolkit({"first": {}})
    half_open(setting, toolkit)
    barrier = Barrier(THREADS)

    def acquire() -> cbauth.Lease | None:
        barrier.wait(SOON)
        try:
            return toolkit.acquire("gpt-4o")
        except UnavailableError:
            return None

    with ThreadPoolExecutor(THREADS) as pool:
        leases = [one.result() for one in [pool.submit(acquire) for _ in range(THREADS)]]
    assert [lease.reason for lease in leases if lease is not None] == ["testing"]


def test_a_trial_that_is_answered_closes_the_circuit_for_everybody(setting: Setting) -> None:
    toolkit = setting.toolkit(TWO)
    half_open(setting, toolkit)
    caller = Caller(OPENAI)
    for _ in range(2):
        caller(toolkit, "gpt-4o")
    assert [(profile, reason) for profile, _, reason in caller.leases] == [("first", "testing"), ("first", "primary")]


def test_a_trial_that_fails_opens_the_circuit_again_and_the_call_goes_on(setting: Setting) -> None:
    toolkit = setting.toolkit(TWO)
    half_open(setting, toolkit)
    setting.acme.says(key("first"), replies.overloaded())
    caller = Caller(OPENAI)
    assert caller(toolkit, "gpt-4o") == "Hello."
    assert [(profile, reason) for profile, _, reason in caller.leases] == [("first", "testing"), ("second", "failover")]
    assert record(toolkit, "first").until == setting.clock.now + 60


def test_a_trial_that_ends_in_the_callers_mistake_says_nothing_and_frees_its_permit(setting: Setting) -> None:
    toolkit = setting.toolkit({"first": {}})
    half_open(setting, toolkit)
    setting.acme.says(key("first"), replies.bad_request(), Ok())
    with pytest.raises(Exception, match="Invalid type"):
        Caller(OPENAI)(toolkit, "gpt-4o")
    assert record(toolkit, "first").circuit == "half-open"
    caller = Caller(OPENAI)
    caller(toolkit, "gpt-4o")
    assert caller.leases == [("first", "gpt-4o", "testing")]


def test_a_trial_that_never_reports_frees_its_permit_in_time(setting: Setting) -> None:
    toolkit = setting.toolkit(TWO, policy={"breaker": {"permit_timeout": "5m"}})
    half_open(setting, toolkit)
    lost = toolkit.acquire("gpt-4o")
    assert lost.reason == "testing"
    caller = Caller(OPENAI)
    caller(toolkit, "gpt-4o")
    setting.clock.advance(300)
    caller(toolkit, "gpt-4o")
    assert [(profile, reason) for profile, _, reason in caller.leases] == [("second", "failover"), ("first", "testing")]


def test_a_loop_that_is_left_frees_its_permit(setting: Setting) -> None:
    """``break`` before the block was entered drops the lease."""
    toolkit = setting.toolkit({"first": {}})
    half_open(setting, toolkit)
    for attempt in toolkit.attempts("gpt-4o"):
        assert attempt.lease.reason == "testing"
        break
    del attempt
    gc.collect()
    caller = Caller(OPENAI)
    caller(toolkit, "gpt-4o")
    assert caller.leases == [("first", "gpt-4o", "testing")]


def test_a_task_that_is_cancelled_frees_its_permit_and_harms_nobody(setting: Setting) -> None:
    toolkit = setting.toolkit({"first": {}})
    half_open(setting, toolkit)
    trial = Hang()
    setting.acme.says(key("first"), trial, Ok())

    async def ask() -> str:
        async for attempt in toolkit.attempts("gpt-4o"):
            async with attempt as lease:
                return str(await ASYNC_OPENAI.call(lease, PATIENCE))
        raise AssertionError("the loop ended without an answer or an error")

    async def program() -> str:
        task = asyncio.create_task(ask())
        assert await asyncio.to_thread(trial.reached.wait, SOON)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        status = record(toolkit, "first")
        assert (status.circuit, status.failure_count, status.last_kind) == ("half-open", 0, None)
        return await ask()

    assert asyncio.run(program()) == "Hello."
    assert record(toolkit, "first").circuit == "closed"


def test_a_deadline_of_the_callers_own_is_a_time_out_and_moves_on(setting: Setting) -> None:
    """``asyncio.timeout`` inside the block raises ``TimeoutError``: the profile was too slow for this program."""
    toolkit = setting.toolkit(TWO)
    setting.acme.says(key("first"), Hang())

    async def program() -> list[str]:
        asked = []
        async for attempt in toolkit.attempts("gpt-4o"):
            async with attempt as lease:
                asked.append(lease.profile_id)
                async with asyncio.timeout(0.3 if lease.profile_id == "first" else PATIENCE):
                    await ASYNC_OPENAI.call(lease, PATIENCE)
        return asked

    assert asyncio.run(program()) == ["first", "second"]
    assert (record(toolkit, "first").last_kind, record(toolkit, "first").failure_count) == ("timeout", 1)


def test_many_tasks_that_meet_one_rate_limit_climb_one_step(setting: Setting) -> None:
    """Twenty calls in flight are refused together: that is one incident, and none of them is lost."""
    toolkit = setting.toolkit(TWO, policy={"cooldown": {"rate_limit": {"jitter": 0}}})
    refusal = replies.refusal(429, {"error": {"message": "Too many.", "code": "rate_limit_exceeded"}})
    setting.acme.says(key("first"), refusal)

    async def ask(entered: asyncio.Barrier) -> str:
        is_first = True
        async for attempt in toolkit.attempts("gpt-4o"):
            async with attempt as lease:
                if is_first:
                    is_first = False
                    await entered.wait()
                return str(await ASYNC_OPENAI.call(lease, PATIENCE))
        raise AssertionError("the loop ended without an answer or an error")

    async def program() -> list[str]:
        entered = asyncio.Barrier(20)
        return await asyncio.gather(*(ask(entered) for _ in range(20)))

    assert asyncio.run(program()) == ["Hello."] * 20
    assert Counter(setting.acme.keys) == {key("first"): 20, key("second"): 20}
    assert record(toolkit, "first").cooldown_remaining == 30
