"""What several processes do to one state, each through a toolkit of its own: nothing is lost, all of it is seen."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import cbauth
from cbauth import Event
from tests.support.processes import Process, Processes, eventually

SETUP = """
import json, os, sys, time
import cbauth
ahead = 0.0
toolkit = cbauth.load(json.loads(sys.argv[1]), clock=lambda: time.time() + ahead)
"""
HOUR = 3600.0
OPEN_FOR = 60.0
COUNTING = {"breaker": {"failure_threshold": 1_000_000, "failure_decay": "1h"}}
FAILURES = {
    "manager": "for _ in range(200): toolkit.models.record_failure('a')",
    "toolkit": "for _ in range(200): toolkit.acquire('m').report('server')",
}


class Team:
    """Processes that share one state, and this one, whose toolkits' clock is ``ahead`` seconds ahead."""

    def __init__(self, spec: str, processes: Processes) -> None:
        self.ahead = 0.0
        self.policy: dict[str, Any] = {}
        self.looks_at_once = spec.startswith("sqlite")
        self._spec = spec
        self._processes = processes
        self._open = ExitStack()

    @property
    def config(self) -> dict[str, Any]:
        """Two profiles, of which ``a`` is preferred."""
        profile = {"provider": "acme", "models": ["*"]}
        return {
            "version": 1,
            "providers": {"acme": {"protocol": "generic", "base_url": "https://acme.example/v1"}},
            "profiles": {"a": {**profile, "priority": 1}, "b": profile},
            "policy": self.policy,
            "state": {"store": self._spec},
        }

    def start(self, number: int) -> list[Process]:
        """Other processes with a ``toolkit``; ``line`` is a pipe on which each may wait for a byte."""
        self._line, self._gate = os.pipe()
        self._open.callback(os.close, self._line)
        self._open.callback(os.close, self._gate)
        started = self._processes.start_all(number, SETUP, json.dumps(self.config), fds=[self._line])
        return [self._with_clock(process) for process in started]

    def _with_clock(self, process: Process) -> Process:
        process.ask(f"ahead, line = {self.ahead}, {self._line}")
        return process

    def load(self) -> cbauth.Toolkit:
        """A toolkit in this process."""
        return self._open.enter_context(cbauth.load(self.config, clock=lambda: time.time() + self.ahead))

    def ask_at_once(self, processes: list[Process], code: str) -> list[Any]:
        """Let all of them run ``code`` at the same moment, and give their answers."""
        for process in processes:
            process.send(f"os.read(line, 1); {code}" if code.startswith("for ") else f"(os.read(line, 1), {code})[1]")
        os.write(self._gate, b"." * len(processes))
        return [process.answer() for process in processes]

    def sees(self, holds: Callable[[], object]) -> bool:
        """Whether it holds: with SQLite at the next look, with Redis once it was published."""
        return bool(holds()) if self.looks_at_once else eventually(holds)

    def close(self) -> None:
        """Close what was opened here."""
        self._open.close()


@pytest.fixture(params=["sqlite", "redis"])
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Team]:
    if request.param == "sqlite":
        spec = f"sqlite:{tmp_path / 'state.db'}"
    else:
        spec = f"{request.getfixturevalue('redis_server').url}?prefix={uuid.uuid4().hex}"
    with Processes() as processes:
        team = Team(spec, processes)
        yield team
        team.close()


def standing(toolkit: cbauth.Toolkit, profile_id: str = "a") -> cbauth.Status:
    """The status of one profile; asking for it is a look."""
    return next(record for record in toolkit.status() if record.profile_id == profile_id)


def sees(team: Team, process: Process, expression: str, value: object) -> bool:
    """Whether another process sees it so."""
    return team.sees(lambda: process.ask(expression) == value)


STANDING = "next(r for r in toolkit.status() if r.profile_id == 'a')"


@pytest.mark.parametrize("door", ["manager", "toolkit"])
def test_eight_processes_with_two_hundred_failures_each_make_sixteen_hundred(team: Team, door: str) -> None:
    team.policy = COUNTING
    here = team.load()
    processes = team.start(8)
    for process in processes:
        process.ask(f"def work():\n    {FAILURES[door]}")
    team.ask_at_once(processes, "work()")
    assert team.sees(lambda: standing(here).failure_count == 1600)
    for process in processes:
        assert sees(team, process, f"{STANDING}.failure_count", 1600)
    assert standing(team.load()).failure_count == 1600, "and so it is stored"
    assert standing(here, "b").failure_count == 0


@pytest.mark.parametrize(
    "trial",
    ["toolkit.models.select_profile('m')", "toolkit.profiles.get_next_profile()", "leases.append(lease()) or leases"],
    ids=["models", "profiles", "leases"],
)
def test_eight_processes_at_half_open_get_exactly_one_trial(team: Team, trial: str) -> None:
    """Round after round: the trial fails, the circuit opens again, and again only one is let through."""
    team.policy = {"breaker": {"open_for": OPEN_FOR}}
    here = team.load()
    here.models.disable_profile("b")
    here.models.open_circuit("a")
    processes = team.start(8)
    lease = "def lease():\n    try: return toolkit.acquire('m')\n    except cbauth.UnavailableError: return None"
    for process in processes:
        process.ask(f"toolkit.models.disable_profile('b')\n{lease}")
    for _ in range(10):
        team.ahead += OPEN_FOR + 1
        for process in processes:
            process.ask(f"leases = []\nahead = {team.ahead}")
        answers = team.ask_at_once(processes, trial.replace("or leases", "or [one for one in leases if one]"))
        chosen = [process for process, answer in zip(processes, answers, strict=True) if answer]
        assert len(chosen) == 1, answers
        assert team.sees(lambda: [c.testing for c in here.explain("m")].count(True) == 0), "it is taken for all"
        chosen[0].ask("leases[0].report('server') if leases else toolkit.models.record_failure('a')")
    assert team.sees(lambda: standing(here).circuit == "open")


def test_a_trial_that_succeeds_closes_the_circuit_for_everybody(team: Team) -> None:
    here = team.load()
    here.models.open_circuit("a")
    team.ahead = OPEN_FOR + 1
    one, other = team.start(2)
    assert one.ask("(lease := toolkit.acquire('m')).reason") == "testing"
    assert team.sees(lambda: other.ask("toolkit.acquire('m').profile_id") == "b")
    one.ask("lease.report()")
    assert team.sees(lambda: other.ask("toolkit.acquire('m').profile_id") == "a")
    assert team.sees(lambda: standing(here).circuit == "closed")


def test_a_permit_whose_holder_was_killed_is_free_after_its_time(team: Team) -> None:
    team.policy = {"breaker": {"permit_timeout": "10m"}}
    here = team.load()
    here.models.disable_profile("b")
    here.models.open_circuit("a")
    team.ahead = OPEN_FOR + 1
    (process,) = team.start(1)
    assert process.ask("(lease := toolkit.acquire('m')).reason") == "testing"
    process.kill()
    assert team.sees(lambda: not here.explain("m")[0].admitted)
    team.ahead += 601
    with here.acquire("m") as lease:
        assert lease.reason == "testing"


CALLS = {
    "profiles": ("toolkit.profiles.get_next_profile('thread-7').id", "toolkit.profiles.get_next_profile('thread-7')"),
    "attempts": (
        "(lease := toolkit.acquire('m', session='thread-7')).profile_id",
        "(lease := toolkit.acquire('m', session='thread-7')).report()",
    ),
}


BOUND = {
    "profiles": "toolkit.profiles.get_profile_for_session('thread-7') is not None",
    "attempts": "toolkit.explain('m', session='thread-7')[0].sticky",
}


@pytest.mark.parametrize("door", CALLS)
def test_a_session_stays_with_its_profile_in_every_process_until_its_time_is_over(team: Team, door: str) -> None:
    who, bind = CALLS[door]
    team.policy = {"rotation": {"sticky": True, "sticky_ttl": "1h"}}
    one, other = team.start(2)
    one.ask("toolkit.models.disable_profile('a')")
    one.ask(bind)
    assert team.sees(lambda: other.ask(BOUND[door])), "though a is preferred"
    assert other.ask(who) == "b"
    one.end()
    other.kill()
    (later,) = team.start(1)
    assert later.ask(who) == "b", "and after a restart"
    team.ahead = HOUR + 1
    (last,) = team.start(1)
    assert last.ask(who) == "a", "an hour later the session is free"


@pytest.mark.parametrize("door", CALLS)
def test_releasing_a_session_is_seen_in_every_process(team: Team, door: str) -> None:
    who, bind = CALLS[door]
    here = team.load()
    one, other = team.start(2)
    one.ask("toolkit.models.disable_profile('a')")
    one.ask(bind)
    assert team.sees(lambda: other.ask(BOUND[door]))
    here.profiles.release_session("thread-7")
    assert team.sees(lambda: not other.ask(BOUND[door]))
    assert other.ask(who) == "a"


def test_a_reset_is_seen_in_every_process(team: Team) -> None:
    here = team.load()
    processes = team.start(2)
    processes[0].ask("toolkit.profiles.mark_failed('a', kind='billing')")
    processes[0].ask("toolkit.models.open_circuit('a')")
    for process in processes:
        assert sees(team, process, f"[{STANDING}.circuit, {STANDING}.in_cooldown]", ["open", True])
    processes[1].ask("toolkit.reset('a')")
    for process in processes:
        assert sees(team, process, f"[{STANDING}.circuit, {STANDING}.in_cooldown]", ["closed", False])
        assert process.ask("toolkit.acquire('m').profile_id") == "a"
    assert team.sees(lambda: standing(here).healthy)


@pytest.mark.parametrize(
    "change", ["toolkit.reset('a')", "toolkit.profiles.recover_profile('a')", "toolkit.profiles.remove_profile('a')"]
)
def test_what_is_ended_by_hand_ends_though_this_process_has_not_looked_since_it_began(team: Team, change: str) -> None:
    one, other = team.start(2)
    assert team.sees(lambda: other.ask(f"{STANDING}.healthy"))
    one.ask("toolkit.profiles.mark_failed('a', kind='billing')")
    other.ask(change)
    assert team.sees(lambda: not one.ask(f"{STANDING}.in_cooldown"))


def test_removing_a_profile_forgets_its_health_in_every_process(team: Team) -> None:
    here = team.load()
    (process,) = team.start(1)
    process.ask("toolkit.profiles.mark_failed('a', kind='billing')")
    assert team.sees(lambda: standing(here).in_cooldown)
    assert process.ask("toolkit.profiles.remove_profile('a')") is True
    assert team.sees(lambda: not standing(here).in_cooldown)
    assert standing(here).last_kind is None
    assert standing(team.load()).healthy


def test_a_failure_is_seen_before_the_next_choice(team: Team) -> None:
    """Without looking by hand: a process whose snapshot is out of date learns it by choosing."""
    here = team.load()
    (process,) = team.start(1)
    for _ in range(20):
        assert team.sees(lambda: here.acquire("m").profile_id == "a")
        process.ask("toolkit.profiles.mark_failed('a', kind='auth')")
        assert team.sees(lambda: here.acquire("m").profile_id == "b")
        process.ask("toolkit.profiles.recover_profile('a')")


class Ear:
    """The events that a toolkit here tells, as (name, profile, remote)."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.toolkit = team.load()
        self.told: list[tuple[str, str | None, bool]] = []
        self.events: list[Event] = []
        self.toolkit.on("*", self._hear)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self.told.append((event.name, event.profile_id, event.remote))

    def hears(self, *expected: tuple[str, str | None, bool]) -> bool:
        """Whether exactly these are told now, once each, however often one looks."""

        def heard() -> bool:
            self.toolkit.status()
            return len(self.told) >= len(expected)

        self.team.sees(heard)
        for _ in range(3):
            self.toolkit.status()
        told, self.told = self.told, []
        assert told == list(expected)
        return True


def test_what_another_process_does_is_told_as_remote_exactly_once(team: Team) -> None:
    ear = Ear(team)
    (process,) = team.start(1)
    process.ask("for _ in range(3): toolkit.models.record_failure('a')")
    assert ear.hears(("profile:circuit-opened", "a", True))
    assert ear.events[-1].until == pytest.approx(time.time() + OPEN_FOR, abs=30)

    process.ask("toolkit.reset('a')")
    assert ear.hears(("profile:circuit-closed", "a", True))

    process.ask("toolkit.profiles.mark_failed('b', kind='billing')")
    assert ear.hears(("profile:cooldown", "b", True))
    cooldown = ear.events[-1]
    assert cooldown.kind == "billing"
    assert cooldown.until == pytest.approx(time.time() + 600, abs=30)

    process.ask("toolkit.profiles.recover_profile('b')")
    assert ear.hears(("profile:recovered", "b", True))

    process.ask("toolkit.profiles.mark_failed('b', kind='auth')")
    assert ear.hears(("profile:cooldown", "b", True))
    process.ask("toolkit.reset()")
    assert ear.hears(("profile:recovered", "b", True))

    process.ask("toolkit.models.open_circuit('a')")
    assert ear.hears(("profile:circuit-opened", "a", True))
    team.ahead = OPEN_FOR + 1
    process.ask(f"ahead = {team.ahead}")
    process.ask("lease = toolkit.acquire('m')")
    assert ear.hears(("profile:circuit-half-open", "a", True))
    process.ask("lease.report()")
    assert ear.hears(("profile:circuit-closed", "a", True))


def test_what_this_process_does_is_told_as_its_own_and_never_again(team: Team) -> None:
    ear = Ear(team)
    (process,) = team.start(1)
    for n in range(3):
        ear.toolkit.models.record_failure("a")
        opened = [("profile:circuit-opened", "a", False)] if n == 2 else []
        assert ear.hears(("profile:failure", "a", False), *opened)
    assert team.sees(lambda: process.ask(f"{STANDING}.circuit") == "open")
    process.ask("toolkit.profiles.mark_failed('b', kind='billing')")
    assert ear.hears(("profile:cooldown", "b", True)), "nothing came back between"
    ear.toolkit.reset("a")
    assert ear.hears(("profile:circuit-closed", "a", False))
    assert team.sees(lambda: process.ask(f"{STANDING}.circuit") == "closed")
    process.ask("toolkit.profiles.recover_profile('b')")
    assert ear.hears(("profile:recovered", "b", True))


def test_the_end_of_a_rest_that_another_process_began_is_told_once_as_time_goes_by(team: Team) -> None:
    ear = Ear(team)
    (process,) = team.start(1)
    process.ask("toolkit.profiles.mark_failed('a', kind='billing')")
    assert ear.hears(("profile:cooldown", "a", True))
    team.ahead = 601
    assert ear.hears(("profile:recovered", "a", False)), "the clock ended it, nobody else"


def test_who_subscribes_late_hears_nothing_of_before(team: Team) -> None:
    (process,) = team.start(1)
    process.ask("toolkit.models.open_circuit('a')")
    ear = Ear(team)
    assert ear.hears()
    process.ask("toolkit.reset('a')")
    assert ear.hears(("profile:circuit-closed", "a", True))
