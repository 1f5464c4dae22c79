"""A clock that is set back or forward by an hour locks nobody out for longer than the policy allows, on any store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import cbauth
from cbauth import UnavailableError
from cbauth.stores import Store, open_store
from cbauth.stores.memory import MemoryStore
from cbauth.stores.redis import RedisStore
from tests.answers import AnswerError
from tests.clock import FakeClock
from tests.support.processes import eventually
from tests.support.redis_server import RedisServer

HOUR = 3600.0
JITTER = 1.1
MODEL = "m"
QUOTA = '{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
CLASSIC = {"cooldown": {"preset": "classic"}}
CONFIG = {
    "version": 1,
    "providers": {"acme": {"protocol": "generic", "base_url": "https://acme.example/v1"}},
    "profiles": {"a": {"provider": "acme", "models": ["*"]}},
}


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis server for the tests of this file."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


class Machines:
    """Toolkits on one state, each with a clock of its own that shows the right time until it is set."""

    def __init__(self, open_one: Callable[[], Store]) -> None:
        self._open_one = open_one
        self._open = ExitStack()

    def load(self, ahead: float = 0.0, **policy: Any) -> tuple[cbauth.Toolkit, FakeClock]:
        """One more; ``ahead`` is how many seconds its clock is."""
        clock = FakeClock(NOW + ahead)
        toolkit = cbauth.load({**CONFIG, "policy": policy}, store=self._open_one(), clock=clock, sleep=clock.sleep)
        return self._open.enter_context(toolkit), clock

    def close(self) -> None:
        """Close them all."""
        self._open.close()


NOW = float(int(time.time()))


@pytest.fixture(params=["memory", "sqlite", "redis"])
def machines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machines]:
    match request.param:
        case "memory":
            shared = MemoryStore()
            machines = Machines(lambda: shared)
        case "sqlite":
            machines = Machines(lambda: open_store(f"sqlite:{tmp_path / 'state.db'}"))
        case _:
            server = request.getfixturevalue("redis_server")
            machines = Machines(lambda: open_store(f"{server.url}?prefix={tmp_path.name}-{id(machines)}"))
    yield machines
    machines.close()


def fails(toolkit: cbauth.Toolkit, *answers: AnswerError | str) -> None:
    """Let the profile fail with each of these, asked or not."""
    for answer in answers:
        if isinstance(answer, str):
            toolkit.profiles.mark_failed("a", kind=None if answer == "transient" else answer)
        else:
            toolkit.acquire(MODEL).report(answer)


def waits(toolkit: cbauth.Toolkit, clock: FakeClock) -> float:
    """The seconds until the profile may be asked, as everything that can be asked agrees; none when it may now."""
    status, (candidate,), refused = toolkit.status()[0], toolkit.explain(MODEL), refusal(toolkit)
    if refused is None:
        assert candidate.admitted
        assert status.until is None
        return 0.0
    assert not candidate.admitted
    assert candidate.until is not None
    assert refused.retry_at == candidate.until == refused.refusals[0].until
    if "does not know" not in candidate.why and "trial" not in candidate.why:
        assert status.until == candidate.until
        assert not status.healthy
    assert candidate.until > clock()
    return candidate.until - clock()


def refusal(toolkit: cbauth.Toolkit) -> UnavailableError | None:
    """Why a call is not let through now; ``None`` when it is."""
    try:
        toolkit.acquire(MODEL).close()
    except UnavailableError as refused:
        return refused
    return None


def is_free_after(toolkit: cbauth.Toolkit, clock: FakeClock, seconds: float) -> bool:
    """Whether a call is let through then."""
    clock.advance(seconds + 0.01)
    for attempt in toolkit.attempts(MODEL):
        with attempt as lease:
            assert lease.token == ""
            assert clock.slept == [], "nobody had to wait"
            return True
    return False


SERVER_ERRORS = [AnswerError(500)] * 3
RESTS: dict[str, tuple[dict[str, Any], list[AnswerError | str], float]] = {
    "breaker": ({}, [*SERVER_ERRORS], 60.0),
    "breaker of the provider": ({"breaker": {"scope": "provider", "open_for": "5m"}}, [*SERVER_ERRORS], 300.0),
    "rate limit": ({}, [AnswerError(429)], 30.0 * JITTER),
    "rate limit, second step": ({}, ["rate_limit", "rate_limit"], 60.0 * JITTER),
    "billing": ({}, [AnswerError(429, body=QUOTA)], 600.0),
    "auth": ({}, [AnswerError(401)], 300.0),
    "transient": ({}, ["transient"], 60.0),
    "transient, third step": ({}, ["transient"] * 3, 1500.0),
    "classic": (CLASSIC, [AnswerError(500)], 60.0),
    "classic billing": (CLASSIC, ["billing"], 18000.0),
    "hint": ({}, [AnswerError(429, {"retry-after": "120"})], 120.0),
    "hint beyond the cap": ({}, [AnswerError(429, {"retry-after": "86400"})], 600.0),
    "model not found": ({}, [AnswerError(404)], 3600.0),
}
EVERY_REST = pytest.mark.parametrize("name", RESTS)
JUMPS = pytest.mark.parametrize("jump", [-HOUR, HOUR], ids=["back", "forward"])


@EVERY_REST
@JUMPS
def test_a_jump_makes_no_rest_longer_than_its_policy_allows(machines: Machines, name: str, jump: float) -> None:
    policy, failures, allowed = RESTS[name]
    toolkit, clock = machines.load(**policy)
    fails(toolkit, *failures)
    assert 0 < waits(toolkit, clock) <= allowed, "so it was before the jump"
    clock.advance(5)
    clock.advance(jump)
    left = waits(toolkit, clock)
    assert left <= allowed
    assert waits(toolkit, clock) == left, "looking again changes nothing"
    assert is_free_after(toolkit, clock, left)


@EVERY_REST
def test_a_rest_that_began_on_a_clock_an_hour_ahead_is_no_longer_once_the_clock_is_right(
    machines: Machines, name: str
) -> None:
    """As after a resume from sleep: the clock leaps forward, somebody fails, and the time server puts it right."""
    policy, failures, allowed = RESTS[name]
    toolkit, clock = machines.load(ahead=HOUR, **policy)
    fails(toolkit, *failures)
    clock.advance(-HOUR)
    assert waits(toolkit, clock) <= allowed
    assert is_free_after(toolkit, clock, allowed)


@EVERY_REST
def test_a_failure_after_the_jump_rests_no_longer_than_without(machines: Machines, name: str) -> None:
    policy, failures, allowed = RESTS[name]
    toolkit, clock = machines.load(ahead=HOUR, **policy)
    fails(toolkit, *failures)
    clock.advance(-HOUR)
    toolkit.reset()
    fails(toolkit, *failures)
    assert waits(toolkit, clock) <= allowed
    assert is_free_after(toolkit, clock, allowed)


@EVERY_REST
@pytest.mark.parametrize("ahead", [-HOUR, HOUR], ids=["behind", "ahead"])
def test_two_machines_whose_clocks_differ_by_an_hour_lock_each_other_out_no_longer(
    machines: Machines, name: str, ahead: float
) -> None:
    policy, failures, allowed = RESTS[name]
    one, its_clock = machines.load(ahead=ahead, **policy)
    other, other_clock = machines.load(**policy)
    fails(one, *failures)
    other.store.refresh()
    for _ in range(3):
        assert waits(other, other_clock) <= allowed
        one.store.refresh()
        assert waits(one, its_clock) <= allowed
        other.store.refresh()
    its_clock.advance(allowed + 0.01)
    assert is_free_after(other, other_clock, allowed), "looking in turns has made it no longer"
    assert is_free_after(one, its_clock, 0)


@JUMPS
def test_a_trial_that_is_never_reported_is_free_again_in_time_whatever_the_clock_does(
    machines: Machines, jump: float
) -> None:
    toolkit, clock = machines.load()
    fails(toolkit, *SERVER_ERRORS)
    clock.advance(61)
    trial = toolkit.acquire(MODEL)
    assert trial.reason == "testing"
    assert waits(toolkit, clock) == pytest.approx(600.0)
    clock.advance(jump)
    ends = clock() + 600.0 + 0.01
    while (left := waits(toolkit, clock)) > 0:
        clock.advance(left + 0.001)
        assert clock() <= ends
    assert toolkit.acquire(MODEL).reason == "testing"
    trial.close()


def test_a_trial_of_a_machine_an_hour_ahead_holds_up_the_others_no_longer_than_its_timeout(machines: Machines) -> None:
    one, its_clock = machines.load(ahead=HOUR)
    other, clock = machines.load()
    fails(one, *SERVER_ERRORS)
    its_clock.advance(61)
    trial = one.acquire(MODEL)
    assert trial.reason == "testing"
    other.store.refresh()
    ends = clock() + 660.0
    while (left := waits(other, clock)) > 0:
        clock.advance(left + 0.001)
        assert clock() <= ends
    trial.close()


@JUMPS
def test_failures_of_before_a_jump_count_no_longer_than_they_may(machines: Machines, jump: float) -> None:
    toolkit, clock = machines.load()
    fails(toolkit, *SERVER_ERRORS[:2])
    clock.advance(jump)
    assert toolkit.status()[0].failure_count <= 2
    clock.advance(300.01)
    assert toolkit.status()[0].failure_count == 0
    fails(toolkit, AnswerError(500))
    assert waits(toolkit, clock) == 0, "one failure opens no circuit"


@JUMPS
def test_a_session_stays_bound_no_longer_than_its_time_once_it_is_used_after_a_jump(
    machines: Machines, jump: float
) -> None:
    toolkit, clock = machines.load(rotation={"sticky_ttl": "1h"})
    toolkit.acquire(MODEL, session="thread-7").report()
    bound = toolkit.explain(MODEL, session="thread-7")[0].sticky
    assert bound
    clock.advance(jump)
    toolkit.acquire(MODEL, session="thread-7").report()
    clock.advance(HOUR - 1)
    assert toolkit.explain(MODEL, session="thread-7")[0].sticky
    clock.advance(2)
    assert not toolkit.explain(MODEL, session="thread-7")[0].sticky


# Redis brings the server's clock


@pytest.mark.parametrize("ahead", [-HOUR, HOUR], ids=["behind", "ahead"])
def test_a_machine_whose_clock_is_wrong_uses_the_servers_time(
    redis_server: RedisServer, tmp_path: Path, ahead: float
) -> None:
    url = f"{redis_server.url}?prefix={tmp_path.name}"
    wrong = RedisStore(url, clock=lambda: time.time() + ahead)
    with cbauth.load(CONFIG, store=wrong) as one, cbauth.load(CONFIG, store=url) as other:
        assert wrong.clock() == pytest.approx(time.time(), abs=30)
        fails(one, "billing")
        until = one.status()[0].until
        assert until == pytest.approx(time.time() + 600, abs=30)
        assert eventually(lambda: other.status()[0].until == until)
        assert one.status()[0].until == until


@JUMPS
def test_a_machine_whose_clock_jumps_ends_no_rest_of_the_others_early(
    redis_server: RedisServer, tmp_path: Path, jump: float
) -> None:
    url, ahead = f"{redis_server.url}?prefix={tmp_path.name}", 0.0
    with (
        cbauth.load(CONFIG, store=RedisStore(url, clock=lambda: time.time() + ahead)) as one,
        cbauth.load(CONFIG, store=url) as other,
    ):
        fails(one, "billing")
        until = one.status()[0].until
        assert eventually(lambda: other.status()[0].until == until)
        ahead = jump
        one.status()
        fails(one, "auth")
        other.store.refresh()
        assert other.status()[0].until == until
        assert eventually(lambda: one.status()[0].until == until), "and it learns the time from the server's answer"
