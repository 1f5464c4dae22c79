"""``toolkit.reload``: what goes on, what begins anew, who is trusted. No network, no sleep."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cbauth
from cbauth import ConfigError, ModelProfile, Plan, Toolkit
from cbauth.stores.memory import MemoryStore
from cbauth.trust import revoke, trust
from tests.answers import AnswerError
from tests.clock import FakeClock

FILE = """\
version: 1
profiles:
  main: {provider: openai, api_key: env:MAIN_KEY, priority: 10}
  spare: {provider: openai, api_key: env:SPARE_KEY}
routes:
  smart: [gpt-4o]
state: {store: memory}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A profiles.yaml in the current folder, and its keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("MAIN", "SPARE", "MORE"):
        monkeypatch.setenv(f"{name}_KEY", f"key-of-{name.lower()}")
    path = tmp_path / "profiles.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def toolkit(file: Path, clock: FakeClock) -> Iterator[Toolkit]:
    with cbauth.load(file, clock=clock) as toolkit:
        yield toolkit


def rewrite(file: Path, *changes: tuple[str, str]) -> None:
    """Change words of the file; each has to be there."""
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def resting(toolkit: Toolkit) -> set[str]:
    return {record.profile_id for record in toolkit.status() if record.in_cooldown}


def order(toolkit: Toolkit) -> list[str]:
    """The profiles, most preferred first; those that are disabled in brackets."""
    return [r.profile_id if r.enabled else f"({r.profile_id})" for r in toolkit.status()]


class TestHealth:
    def test_profiles_that_only_change_their_rank_or_policy_keep_it(self, toolkit: Toolkit, file: Path) -> None:
        toolkit.profiles.mark_failed("main", "busy")
        rewrite(file, ("priority: 10", "priority: 20"), ("state:", "policy: {breaker: {open_for: 90s}}\nstate:"))
        toolkit.reload()
        assert resting(toolkit) == {"main"}

    @pytest.mark.parametrize(
        "change", [("env:MAIN_KEY", "env:MORE_KEY"), ("priority: 10", 'base_url: "https://eu.api.openai.com/v1"')]
    )
    def test_another_credential_or_base_url_begins_anew(
        self, toolkit: Toolkit, file: Path, change: tuple[str, str]
    ) -> None:
        toolkit.profiles.mark_failed("main", "busy")
        toolkit.profiles.mark_failed("spare", "busy")
        rewrite(file, change)
        toolkit.reload()
        assert resting(toolkit) == {"spare"}

    def test_it_comes_back_with_the_profile_it_belongs_to(self, toolkit: Toolkit, file: Path) -> None:
        toolkit.profiles.mark_failed("main", "busy")
        rewrite(file, ("env:MAIN_KEY", "env:MORE_KEY"))
        toolkit.reload()
        assert not resting(toolkit)
        rewrite(file, ("env:MORE_KEY", "env:MAIN_KEY"))
        toolkit.reload()
        assert resting(toolkit) == {"main"}


class TestLeases:
    def test_one_that_is_out_keeps_its_key_and_reports_to_its_own_profile(self, toolkit: Toolkit, file: Path) -> None:
        lease = toolkit.acquire("gpt-4o")
        rewrite(file, ("priority: 10", "priority: 20"))
        toolkit.reload()
        assert lease.token == "key-of-main"
        lease.report(AnswerError(429))
        assert resting(toolkit) == {"main"}

    def test_one_on_the_key_that_was_replaced_does_not_harm_the_new_key(self, toolkit: Toolkit, file: Path) -> None:
        lease = toolkit.acquire("gpt-4o")
        rewrite(file, ("env:MAIN_KEY", "env:MORE_KEY"))
        toolkit.reload()
        assert lease.token == "key-of-main"
        lease.report(AnswerError(401))
        assert not resting(toolkit)
        assert toolkit.acquire("gpt-4o").token == "key-of-more"

    @pytest.mark.parametrize("outcome", [None, "rate_limit", "server"])
    def test_one_on_a_profile_that_was_removed_harms_nothing(
        self, toolkit: Toolkit, file: Path, outcome: str | None
    ) -> None:
        lease = toolkit.acquire("gpt-4o", session="thread-7")
        rewrite(file, ("  main: {provider: openai, api_key: env:MAIN_KEY, priority: 10}\n", ""))
        toolkit.reload()
        assert lease.token == "key-of-main"
        lease.report(outcome)
        assert order(toolkit) == ["spare"]
        assert toolkit.acquire("gpt-4o", session="thread-7").reason == "primary"

    def test_a_trial_goes_on_and_its_permit_counts(self, toolkit: Toolkit, file: Path, clock: FakeClock) -> None:
        toolkit.models.open_circuit("main")
        clock.advance(60)
        trial = toolkit.acquire("gpt-4o")
        assert trial.reason == "testing"
        rewrite(file, ("priority: 10", "priority: 20"))
        toolkit.reload()
        assert toolkit.acquire("gpt-4o").profile_id == "spare", "the one permit is out"
        assert trial.token
        trial.report()
        assert toolkit.acquire("gpt-4o").profile_id == "main"

    def test_an_attempt_that_fails_after_a_reload_moves_on_to_a_new_profile(self, toolkit: Toolkit, file: Path) -> None:
        asked = []
        for attempt in toolkit.attempts("smart"):
            with attempt as lease:
                asked.append((lease.profile_id, lease.model, lease.token))
                if len(asked) == 1:
                    rewrite(file, ("main:", "more:"), ("MAIN_KEY", "MORE_KEY"), ("[gpt-4o]", "[gpt-5]"))
                    toolkit.reload()
                    raise AnswerError(429)
        assert asked == [("main", "gpt-4o", "key-of-main"), ("more", "gpt-5", "key-of-more")]


class TestRotation:
    def test_a_session_stays_with_its_profile(self, toolkit: Toolkit, file: Path) -> None:
        toolkit.models.disable_profile("main")
        with toolkit.acquire("gpt-4o", session="thread-7") as lease:
            assert lease.token == "key-of-spare"
        toolkit.models.enable_profile("main")
        rewrite(file, ("priority: 10", "priority: 20"))
        toolkit.reload()
        again = toolkit.acquire("gpt-4o", session="thread-7")
        assert (again.profile_id, again.reason) == ("spare", "sticky")

    def test_round_robin_shares_among_the_profiles_there_are_now(self, file: Path) -> None:
        rewrite(file, ("state:", "policy: {rotation: {strategy: round-robin}}\nstate:"))
        with cbauth.load(file) as toolkit:
            toolkit.acquire("gpt-4o")
            rewrite(file, ("routes:", "  more: {provider: openai, api_key: env:MORE_KEY}\nroutes:"))
            toolkit.reload()
            assert sorted(toolkit.acquire("gpt-4o").profile_id for _ in range(6)) == sorted(
                ["main", "spare", "more"] * 2
            )

    def test_a_reload_does_not_turn_the_wheel_back(self, file: Path) -> None:
        rewrite(file, ("state:", "policy: {rotation: {strategy: round-robin}}\nstate:"))
        with cbauth.load(file) as toolkit:
            asked = []
            for _ in range(4):
                asked.append(toolkit.acquire("gpt-4o").profile_id)
                toolkit.reload()
            assert asked == ["main", "spare"] * 2


class TestByHand:
    """What was done from Python stays, but for the profiles whose own entry in the file has changed."""

    def test_an_added_profile_stays_after_those_of_the_file_and_takes_over_the_policy(
        self, toolkit: Toolkit, file: Path, clock: FakeClock
    ) -> None:
        toolkit.models.add_profile(ModelProfile("mine", "Mine", "openai", "api_key", api_key="given", models=("*",)))
        toolkit.profiles.mark_failed("mine", "busy")
        line = "  more: {provider: openai, api_key: env:MORE_KEY}\n"
        rewrite(file, ("routes:", f"{line}routes:"), ("state:", "policy: {breaker: {open_for: 90s}}\nstate:"))
        toolkit.reload()
        assert order(toolkit) == ["main", "spare", "more", "mine"]
        assert resting(toolkit) == {"mine"}
        toolkit.models.open_circuit("mine")
        assert [r.until for r in toolkit.status()][-1] == clock.now + 90

    def test_a_disabled_profile_stays_disabled_until_its_own_entry_changes(self, toolkit: Toolkit, file: Path) -> None:
        toolkit.models.disable_profile("main")
        rewrite(file, ("env:SPARE_KEY", "env:MORE_KEY"), ("state:", "policy: {retry: {attempts: 2}}\nstate:"))
        toolkit.reload()
        assert order(toolkit) == ["(main)", "spare"]
        rewrite(file, ("priority: 10", "priority: 20"))
        toolkit.reload()
        assert order(toolkit) == ["main", "spare"]

    def test_a_profile_enabled_by_hand_stays_enabled(self, file: Path) -> None:
        rewrite(file, ("priority: 10", "enabled: false"))
        with cbauth.load(file) as toolkit:
            toolkit.models.enable_profile("main")
            rewrite(file, ("env:SPARE_KEY", "env:MORE_KEY"))
            toolkit.reload()
            assert order(toolkit) == ["main", "spare"]

    def test_a_removed_profile_stays_away_until_its_own_entry_changes(self, toolkit: Toolkit, file: Path) -> None:
        toolkit.models.remove_profile("main")
        toolkit.reload()
        assert order(toolkit) == ["spare"]
        rewrite(file, ("priority: 10", "priority: 20"))
        toolkit.reload()
        assert order(toolkit) == ["main", "spare"]

    def test_a_replaced_profile_stays_replaced_until_its_own_entry_changes(self, toolkit: Toolkit, file: Path) -> None:
        mine = ModelProfile("main", "Mine", "openai", "api_key", api_key="given", models=("*",), priority=5)
        toolkit.models.add_profile(mine)
        toolkit.reload()
        assert toolkit.acquire("gpt-4o").token == "given"
        rewrite(file, ("priority: 10", "priority: 20"))
        toolkit.reload()
        assert toolkit.acquire("gpt-4o").token == "key-of-main"

    def test_a_profile_that_leaves_the_file_leaves_and_one_that_enters_it_is_the_files(
        self, toolkit: Toolkit, file: Path
    ) -> None:
        toolkit.models.add_profile(ModelProfile("more", "Mine", "openai", "api_key", api_key="given", models=("*",)))
        toolkit.models.disable_profile("main")
        rewrite(file, ("main:", "more:"), ("MAIN_KEY", "MORE_KEY"))
        toolkit.reload()
        assert order(toolkit) == ["more", "spare"]
        assert toolkit.acquire("gpt-4o").token == "key-of-more"


class TestProblems:
    def test_a_bad_file_raises_changes_nothing_and_stays_told_until_a_good_one_was_read(
        self, toolkit: Toolkit, file: Path, clock: FakeClock
    ) -> None:
        plan = toolkit.plan
        clock.advance(5)
        rewrite(file, ("priority", "priorty"))
        with pytest.raises(ConfigError) as caught:
            toolkit.reload()
        assert str(toolkit.problem) == str(caught.value)
        assert toolkit.problem is not None
        assert [d.line for d in toolkit.problem.diagnostics] == [3]
        assert toolkit.problem.__traceback__ is None, "it must not hold on to the caller's frames"
        assert toolkit.plan is plan
        assert toolkit.loaded_at == clock.now - 5
        rewrite(file, ("priorty", "priority"))
        toolkit.reload()
        assert toolkit.problem is None
        assert toolkit.loaded_at == clock.now

    def test_other_configurations_that_are_bad_leave_file_and_plan_as_they_are(self, toolkit: Toolkit) -> None:
        for bad in ("nowhere.yaml", {"version": 2}, 5):
            with pytest.raises(ConfigError):
                toolkit.reload(bad)  # type: ignore[arg-type]
            assert toolkit.problem is not None
        toolkit.reload()
        assert toolkit.problem is None

    def test_no_traceback_shows_a_key_that_somebody_wrote_into_the_file(self, toolkit: Toolkit, file: Path) -> None:
        rewrite(file, ("env:MAIN_KEY", "sk-canary-0123456789abcdef"))
        with pytest.raises(ConfigError) as caught:
            toolkit.reload()
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert "CBA301" in shown
        assert "canary" not in shown

    def test_another_file_is_the_one_that_is_read_from_then_on(self, toolkit: Toolkit, tmp_path: Path) -> None:
        other = tmp_path / "other.yaml"
        other.write_text(FILE.replace("priority: 10", "priority: 11"))
        toolkit.reload(other)
        rewrite(other, ("11", "12"))
        toolkit.reload()
        assert toolkit.plan.profiles[0].priority == 12
        toolkit.reload({"version": 1, "profiles": {"m": {"provider": "ollama"}}})
        with pytest.raises(ConfigError, match=r"reload\(config\)"):
            toolkit.reload()

    @pytest.mark.usefixtures("file")
    def test_a_new_current_folder_does_not_change_the_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        toolkit = cbauth.load("profiles.yaml")
        Path("elsewhere").mkdir()
        Path("elsewhere/profiles.yaml").write_text("version: 2")
        monkeypatch.chdir("elsewhere")
        toolkit.reload()
        Path("profiles.yaml").unlink()
        Path.cwd().rmdir()
        toolkit.reload()
        assert order(toolkit) == ["main", "spare"]

    @pytest.mark.parametrize("change", [("store: memory", 'store: "sqlite:x.db"'), ("memory", "memory, namespace: n")])
    def test_state_stays_as_it_was_opened_and_a_change_is_logged(
        self, toolkit: Toolkit, file: Path, change: tuple[str, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        toolkit.profiles.mark_failed("main", "busy")
        toolkit.reload()
        assert not caplog.records
        rewrite(file, change)
        toolkit.reload()
        assert [(r.levelno, "`state` has changed" in r.getMessage()) for r in caplog.records] == [
            (logging.WARNING, True)
        ]
        assert (toolkit.plan.store, toolkit.plan.namespace) == ("memory", "")
        assert resting(toolkit) == {"main"}
        assert not file.with_name("x.db").exists()

    def test_a_store_that_was_handed_over_does_not_care_what_the_file_says(
        self, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with cbauth.load(file, store=MemoryStore()) as toolkit:
            rewrite(file, ("store: memory", 'store: "sqlite:x.db"'))
            toolkit.reload()
        assert not caplog.records


ABROAD = ("priority: 10", 'base_url: "https://evil.example/v1"')
COMMAND = ("env:MAIN_KEY", '\'command:["touch", "ran"]\'')


@pytest.mark.usefixtures("file")
class TestTrust:
    @pytest.mark.parametrize("change", [ABROAD, COMMAND])
    def test_a_found_file_loses_it_with_its_content(self, file: Path, change: tuple[str, str]) -> None:
        trust(file)
        toolkit = cbauth.load()
        assert toolkit.plan.trusted
        rewrite(file, change)
        toolkit.reload()
        assert not toolkit.plan.trusted
        assert toolkit.acquire("gpt-4o").profile_id == "spare"
        assert not file.with_name("ran").exists()
        assert "cbauth trust" in toolkit.explain("gpt-4o")[-1].why + toolkit.explain("gpt-4o")[0].why

    def test_it_comes_back_when_somebody_trusts_the_new_content_and_goes_when_it_is_revoked(self, file: Path) -> None:
        toolkit = cbauth.load()
        rewrite(file, ABROAD)
        toolkit.reload()
        assert not toolkit.plan.trusted
        trust(file)
        toolkit.reload()
        assert toolkit.plan.trusted
        assert toolkit.explain("gpt-4o")[0].admitted
        revoke(file)
        toolkit.reload()
        assert not toolkit.plan.trusted

    def test_a_file_that_was_named_stays_trusted(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        named = cbauth.load("profiles.yaml")
        monkeypatch.setenv("CBAUTH_CONFIG", "profiles.yaml")
        toolkits = [named, cbauth.load()]
        rewrite(file, ABROAD)
        for toolkit in toolkits:
            toolkit.reload()
            assert toolkit.plan.trusted
            assert {c.profile_id for c in toolkit.explain("gpt-4o") if c.admitted} == {"main", "spare"}

    @pytest.mark.parametrize("trusted", [True, False])
    def test_a_plan_that_was_handed_over_keeps_its_own(self, file: Path, trusted: bool) -> None:
        toolkit = cbauth.load(cbauth.load_plan(file, trusted=trusted))
        rewrite(file, ABROAD)
        trust(file)
        toolkit.reload()
        assert toolkit.plan.trusted is trusted

    def test_another_file_in_the_way_of_a_found_one_is_not_trusted_for_it(self, file: Path, tmp_path: Path) -> None:
        trust(file)
        toolkit = cbauth.load()
        (tmp_path / "evil").mkdir()
        evil = tmp_path / "evil" / "profiles.yaml"
        evil.write_text(file.read_text())
        rewrite(evil, ABROAD)
        file.unlink()
        file.symlink_to(evil)
        toolkit.reload()
        assert not toolkit.plan.trusted

    def test_whoever_swaps_the_file_to_and_fro_never_gets_trust_for_other_bytes(self, file: Path) -> None:
        """The attack: be the trusted content while trust is judged, and another one while the file is loaded."""
        trust(file)
        toolkit = cbauth.load()
        texts = (file.read_text(), file.read_text().replace(*ABROAD))
        spare = file.with_name("swap")
        done = threading.Event()

        def swap() -> None:
            for text in itertools.cycle(texts):
                spare.write_text(text)
                spare.replace(file)
                if done.is_set():
                    return

        attacker = threading.Thread(target=swap)
        attacker.start()
        try:
            seen = set()
            for _ in range(200):
                toolkit.reload()
                plan = toolkit.plan
                seen.add((plan.trusted, "evil" in str(plan.profiles[0].base_url)))
        finally:
            done.set()
            attacker.join()
        assert (True, True) not in seen
        assert (False, False) not in seen


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as the interpreter can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("restless")
class TestThreads:
    def test_calls_during_reloads_never_fail_and_never_mix_two_plans(self) -> None:
        """Every lease has profile, address and model of one and the same plan."""
        toolkit = cbauth.load(generation(0), store=MemoryStore())
        done = threading.Event()
        faults: list[object] = []

        def call(number: int) -> None:
            try:
                while not done.is_set():
                    for attempt in toolkit.attempts("smart", session=f"thread-{number}"):
                        with attempt as lease:
                            assert lease.token == ""
                            marks = {lease.profile_id[0], str(lease.base_url)[8], str(lease.model)[0]}
                            if len(marks) != 1:
                                faults.append((lease, marks))
                            if number % 2 and lease.profile_id.endswith("0"):
                                lease.report("server")
                    toolkit.explain("smart")
                    toolkit.status()
            except Exception as error:
                faults.append(error)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for number in range(1, 1501):
            toolkit.reload(generation(number))
        done.set()
        for thread in threads:
            thread.join()
        assert not faults

    def test_reloads_at_once_end_with_one_whole_plan_and_lose_no_profile_that_is_added(self) -> None:
        toolkit = cbauth.load(generation(0), store=MemoryStore())
        barrier = threading.Barrier(4)

        def reload(number: int) -> None:
            barrier.wait()
            for step in range(50):
                toolkit.reload(generation(number + step))

        def add() -> None:
            barrier.wait()
            for step in range(50):
                toolkit.models.add_profile(ModelProfile(f"mine-{step}", "Mine", "ollama", "none", models=("none",)))

        threads = [threading.Thread(target=reload, args=(number,)) for number in range(3)]
        threads.append(threading.Thread(target=add))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ids = {record.profile_id for record in toolkit.status()}
        assert {f"mine-{step}" for step in range(50)} <= ids
        assert ids - {f"mine-{step}" for step in range(50)} == {profile.id for profile in toolkit.plan.profiles}


def generation(number: int) -> Plan:
    """One of two plans that have nothing in common but the name of a route."""
    return GENERATIONS[number % 2]


def _generation(name: str) -> Plan:
    profile: dict[str, Any] = {
        "provider": "ollama",
        "base_url": f"https://{name}.example/v1",
        "models": [f"{name}-model"],
    }
    profiles = {f"{name}-{number}": profile for number in range(3)}
    policy = {"breaker": {"mode": "off"}, "retry": {"max_wait": 0}}
    plan = cbauth.load_plan(
        {"version": 1, "policy": policy, "profiles": profiles, "routes": {"smart": [f"{name}-model"]}}
    )
    return replace(plan, store="memory")


GENERATIONS = tuple(_generation(name) for name in "ab")
