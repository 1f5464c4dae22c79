"""``toolkit.attempts``: who is tried, in which order, what is waited for, what ends the loop. No network, no sleep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import cbauth
from cbauth import ConfigError, Event, LoginRequiredError, Toolkit, UnavailableError
from cbauth.stores.memory import MemoryStore
from tests.answers import AnswerError
from tests.clock import FakeClock

QUOTA = '{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def start(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Toolkit]:
    """A toolkit over profiles that need no file, no network and no real time."""

    def start(profiles: Mapping[str, Mapping[str, Any]], **rest: Any) -> Toolkit:
        config: dict[str, Any] = {
            "version": 1,
            "providers": {
                "acme": {"protocol": "openai", "base_url": "https://acme.example/v1"},
                "bravo": {"protocol": "openai", "base_url": "https://bravo.example/v1"},
            },
            "profiles": {},
            **rest,
        }
        for name, profile in profiles.items():
            variable = f"KEY_{name.upper().replace('-', '_')}"
            monkeypatch.setenv(variable, f"key-of-{name}")
            entry = {"provider": "acme", "api_key": f"env:{variable}", "models": ["*"], **profile}
            config["profiles"][name] = {key: value for key, value in entry.items() if value is not None}
        return cbauth.load(config, store=MemoryStore(), clock=clock, sleep=clock.sleep, async_sleep=clock.async_sleep)

    return start


class Script:
    """What each profile answers, one entry per call; the last one stays."""

    def __init__(self, **answers: list[Exception | None]) -> None:
        self.answers = {name.replace("_", "-"): list(entries) for name, entries in answers.items()}
        self.calls: list[tuple[str, str | None, str]] = []

    def call(self, lease: cbauth.Lease) -> str:
        self.calls.append((lease.profile_id, lease.model, lease.reason))
        assert lease.token == f"key-of-{lease.profile_id}"
        answers = self.answers.get(lease.profile_id, [None])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is not None:
            raise answer
        return lease.profile_id

    @property
    def asked(self) -> list[str]:
        return [profile for profile, _, _ in self.calls]


def run(toolkit: Toolkit, script: Script, model: str = "gpt-4o", session: str | None = None) -> str | None:
    for attempt in toolkit.attempts(model, session=session):
        with attempt as lease:
            return script.call(lease)
    return None


async def run_async(toolkit: Toolkit, script: Script, model: str = "gpt-4o", session: str | None = None) -> str | None:
    async for attempt in toolkit.attempts(model, session=session):
        async with attempt as lease:
            await asyncio.sleep(0)
            return script.call(lease)
    return None


@pytest.fixture(params=["sync", "async"])
def go(request: pytest.FixtureRequest) -> Callable[..., str | None]:
    """The same engine through both doors."""
    if request.param == "sync":
        return run
    return lambda *args, **kwargs: asyncio.run(run_async(*args, **kwargs))


def record(toolkit: Toolkit, profile_id: str) -> cbauth.Status:
    return next(r for r in toolkit.status() if r.profile_id == profile_id)


Start = Callable[..., Toolkit]
Go = Callable[..., str | None]


class TestFailover:
    @pytest.mark.parametrize(
        ("answer", "kind", "cools"),
        [
            (AnswerError(429), "rate_limit", True),
            (AnswerError(429, body=QUOTA), "billing", True),
            (AnswerError(402), "billing", True),
            (AnswerError(401), "auth", True),
            (AnswerError(403), "auth", True),
            (AnswerError(503), "overloaded", False),
            (AnswerError(529), "overloaded", False),
            (AnswerError(500), "server", False),
            (AnswerError(504), "timeout", False),
            (AnswerError(418), "unknown", False),
            (TimeoutError(), "timeout", False),
            (ConnectionResetError(), "network", False),
        ],
    )
    def test_a_failure_of_the_first_is_answered_by_the_second_without_waiting(
        self, start: Start, go: Go, clock: FakeClock, answer: Exception, kind: str, cools: bool
    ) -> None:
        toolkit = start({"a": {"priority": 2}, "b": {"priority": 1}})
        script = Script(a=[answer])
        assert go(toolkit, script) == "b"
        assert script.calls == [("a", "gpt-4o", "primary"), ("b", "gpt-4o", "failover")]
        assert clock.slept == []
        failed = record(toolkit, "a")
        assert (failed.last_kind, failed.in_cooldown, failed.failure_count) == (kind, cools, 0 if cools else 1)
        assert record(toolkit, "b").healthy

    @pytest.mark.parametrize("answer", [AnswerError(400), AnswerError(422), AnswerError(413), KeyError("your bug")])
    def test_the_callers_own_mistake_is_raised_unchanged_once_and_harms_nobody(
        self, start: Start, go: Go, answer: Exception
    ) -> None:
        toolkit = start({"a": {}, "b": {}})
        script = Script(a=[answer])
        with pytest.raises(type(answer)) as caught:
            go(toolkit, script)
        assert caught.value is answer
        assert script.asked == ["a"]
        assert [(r.healthy, r.failure_count, r.last_kind) for r in toolkit.status()] == [(True, 0, None)] * 2

    def test_a_route_crosses_models_and_providers(self, start: Start, go: Go) -> None:
        toolkit = start(
            {
                "claude": {"models": ["claude-*"]},
                "gpt-one": {"models": ["gpt-*"], "priority": 2},
                "gpt-two": {"models": ["gpt-*"], "provider": "bravo"},
            },
            routes={"smart": ["claude-sonnet-4", "gpt-4o"]},
        )
        script = Script(claude=[AnswerError(529)], gpt_one=[AnswerError(429)])
        assert go(toolkit, script, "smart") == "gpt-two"
        assert [(p, m) for p, m, _ in script.calls] == [
            ("claude", "claude-sonnet-4"),
            ("gpt-one", "gpt-4o"),
            ("gpt-two", "gpt-4o"),
        ]

    def test_a_model_the_provider_does_not_know_moves_on_and_the_pair_rests_for_an_hour(
        self, start: Start, go: Go, clock: FakeClock
    ) -> None:
        toolkit = start({"a": {"priority": 2}, "b": {}}, routes={"r": ["new", "old"]})
        script = Script(a=[AnswerError(404), None], b=[AnswerError(404), None])
        assert go(toolkit, script, "r") == "a"
        assert [(p, m) for p, m, _ in script.calls] == [("a", "new"), ("b", "new"), ("a", "old")]
        assert [c.admitted for c in toolkit.explain("new")] == [False, False]
        assert all(r.healthy for r in toolkit.status())
        clock.advance(3600)
        assert [c.admitted for c in toolkit.explain("new")] == [True, True]

    def test_a_rate_limit_rests_this_model_only(self, start: Start, go: Go) -> None:
        toolkit = start({"a": {}})
        for attempt in toolkit.attempts("gpt-4o"):
            with attempt as lease:
                lease.report(AnswerError(429, {"retry-after": "600"}))
            break
        assert [c.admitted for c in toolkit.explain("gpt-4o")] == [False]
        assert [c.admitted for c in toolkit.explain("gpt-5")] == [True]

    def test_output_that_has_begun_is_never_retried_but_the_failure_is_recorded(self, start: Start) -> None:
        toolkit = start({"a": {}, "b": {}})
        asked = []

        def stream() -> None:
            for attempt in toolkit.attempts("gpt-4o"):
                with attempt as lease:
                    asked.append(lease.token)
                    lease.commit()
                    raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            stream()
        assert asked == ["key-of-a"]
        assert record(toolkit, "a").failure_count == 1

    def test_a_reported_failure_moves_on_like_a_raised_one(self, start: Start) -> None:
        toolkit = start({"a": {}, "b": {}})
        asked = []
        for attempt in toolkit.attempts("gpt-4o"):
            with attempt as lease:
                asked.append(lease.profile_id)
                if lease.profile_id == "a":
                    lease.report((429, {}, ""))
        assert asked == ["a", "b"]
        assert record(toolkit, "a").in_cooldown

    def test_a_reported_response_that_went_well_is_a_success(self, start: Start) -> None:
        toolkit = start({"a": {}, "b": {}})
        asked = []
        for attempt in toolkit.attempts("gpt-4o", session="s"):
            with attempt as lease:
                asked.append(lease.token)
                lease.report((200, {}, "{}"))
        assert asked == ["key-of-a"]
        assert record(toolkit, "a").last_kind is None
        assert toolkit.acquire("gpt-4o", session="s").reason == "sticky"

    @pytest.mark.parametrize("garbage", [5, [], object(), b"x"])
    def test_a_report_of_nothing_that_makes_sense_is_refused(self, start: Start, garbage: object) -> None:
        with pytest.raises(ConfigError, match="report nothing for a success"):
            start({"a": {}}).acquire("gpt-4o").report(garbage)

    def test_a_reported_exception_that_nobody_recognises_harms_nobody(self, start: Start) -> None:
        toolkit = start({"a": {}})
        toolkit.acquire("gpt-4o").report(KeyError("your bug"))
        assert record(toolkit, "a").failure_count == 0

    def test_a_lease_never_read_leaves_no_outcome_but_still_moves_on(self, start: Start) -> None:
        toolkit = start({"a": {}, "b": {}})
        asked = []
        for attempt in toolkit.attempts("gpt-4o"):
            with attempt as lease:
                asked.append(lease.profile_id)
                if lease.profile_id == "a":
                    raise AnswerError(429)
        assert asked == ["a", "b"]
        assert record(toolkit, "a").healthy

    def test_a_user_rule_decides_before_the_built_in_ones(self, start: Start, go: Go) -> None:
        toolkit = start(
            {"a": {"priority": 1}, "b": {"provider": "bravo"}},
            classify=[{"provider": "acme", "status": 403, "match": "Key limit exceeded", "kind": "billing"}],
        )
        refusal = AnswerError(403, body='{"error": {"message": "Key limit exceeded (total)"}}')
        assert go(toolkit, Script(a=[refusal])) == "b"
        assert record(toolkit, "a").last_kind == "billing"


class TestWaiting:
    def test_a_slot_within_max_wait_is_waited_for(self, start: Start, go: Go, clock: FakeClock) -> None:
        toolkit = start({"a": {}})
        script = Script(a=[AnswerError(429, {"retry-after": "7"}), None])
        assert go(toolkit, script) == "a"
        assert sum(clock.slept) == pytest.approx(7)

    def test_a_slot_beyond_max_wait_is_not(self, start: Start, go: Go, clock: FakeClock) -> None:
        toolkit = start({"a": {}})
        with pytest.raises(UnavailableError) as caught:
            go(toolkit, Script(a=[AnswerError(429, {"retry-after": "31"})]))
        assert clock.slept == []
        assert caught.value.retry_at == clock.now + 31

    def test_the_soonest_of_all_is_waited_for(self, start: Start, go: Go, clock: FakeClock) -> None:
        toolkit = start({"a": {"priority": 2}, "b": {}})
        script = Script(a=[AnswerError(429, {"retry-after": "20"})], b=[AnswerError(429, {"retry-after": "3"}), None])
        assert go(toolkit, script) == "b"
        assert script.asked == ["a", "b", "b"]
        assert sum(clock.slept) == pytest.approx(3)

    def test_a_lone_profile_in_trouble_is_asked_again_after_a_growing_pause(
        self, start: Start, go: Go, clock: FakeClock
    ) -> None:
        toolkit = start({"a": {}}, policy={"breaker": {"failure_threshold": 9}, "retry": {"backoff": {"jitter": 0}}})
        assert go(toolkit, Script(a=[AnswerError(503), AnswerError(503), AnswerError(503), None])) == "a"
        assert clock.slept == [0.5, 1.0, 2.0]

    def test_asking_the_same_one_again_is_no_failover(self, start: Start, go: Go) -> None:
        script = Script(a=[AnswerError(503), None])
        go(start({"a": {}}), script)
        assert [reason for _, _, reason in script.calls] == ["primary", "primary"]

    def test_attempts_counts_all_tries(self, start: Start, go: Go) -> None:
        toolkit = start({"a": {}, "b": {}}, policy=PATIENT)
        script = Script(a=[AnswerError(503)], b=[AnswerError(503)])
        with pytest.raises(UnavailableError) as caught:
            go(toolkit, script)
        assert script.asked == ["a", "b", "a"]
        assert [(r.profile_id, r.kind) for r in caught.value.attempts] == [
            ("a", "overloaded"),
            ("b", "overloaded"),
            ("a", "overloaded"),
        ]

    def test_a_call_that_finds_everybody_cooling_waits_too(self, start: Start, go: Go, clock: FakeClock) -> None:
        toolkit = start({"a": {}})
        toolkit.profiles.mark_failed("a", "busy", kind="rate_limit", retry_after=4)
        assert go(toolkit, Script()) == "a"
        assert sum(clock.slept) == pytest.approx(4)


class TestNobodyLeft:
    def test_the_error_says_who_was_tried_who_was_not_and_until_when(
        self, start: Start, go: Go, clock: FakeClock
    ) -> None:
        toolkit = start({"a": {"priority": 2}, "b": {"priority": 1}, "off": {"enabled": False}})
        last = AnswerError(402)
        with pytest.raises(UnavailableError) as caught:
            go(toolkit, Script(a=[AnswerError(429, {"retry-after": "300"})], b=[last]))
        error = caught.value
        assert [(r.profile_id, r.kind, r.until) for r in error.attempts] == [
            ("a", "rate_limit", clock.now + 300),
            ("b", "billing", clock.now + 600),
        ]
        refusals = {r.profile_id: (r.why, r.until) for r in error.refusals}
        assert refusals["a"] == ("cooling down after rate_limit on gpt-4o", clock.now + 300)
        assert refusals["b"] == ("cooling down after billing", clock.now + 600)
        assert refusals["off"] == ("disabled", None)
        assert error.retry_at == clock.now + 300
        assert error.__cause__ is last
        for word in ("gpt-4o", "a: rate_limit", "b: billing", "off: disabled", "try again at"):
            assert word in str(error)

    def test_a_model_nobody_serves_says_what_to_do(self, start: Start, go: Go) -> None:
        toolkit = start({"a": {"models": ["gpt-*"]}})
        with pytest.raises(UnavailableError, match="add it to a profile's `models`"):
            go(toolkit, Script(), "claude-4")

    def test_when_only_logins_are_missing_the_error_says_what_to_type(self, start: Start, go: Go) -> None:
        toolkit = start(
            {"me": {"provider": "login", "api_key": None, "oauth": {}}}, providers={"login": LOGIN_PROVIDER}
        )
        with pytest.raises(LoginRequiredError, match="cbauth login me") as caught:
            go(toolkit, Script())
        assert (caught.value.profile_id, caught.value.command) == ("me", "cbauth login me")

    def test_a_missing_key_is_named(self, start: Start, go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
        toolkit = start({"a": {}})
        monkeypatch.delenv("KEY_A")
        with pytest.raises(UnavailableError, match="KEY_A is not set"):
            go(toolkit, Script())

    def test_a_key_that_appears_later_is_used_at_once(
        self, start: Start, go: Go, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        toolkit = start({"a": {"priority": 1}, "b": {}})
        monkeypatch.delenv("KEY_A")
        assert go(toolkit, Script()) == "b"
        monkeypatch.setenv("KEY_A", "key-of-a")
        assert go(toolkit, Script()) == "a"


class TestSticky:
    def test_a_session_stays_with_who_answered_it(self, start: Start, go: Go, clock: FakeClock) -> None:
        toolkit = start({"a": {"priority": 2}, "b": {}})
        script = Script(a=[AnswerError(503), None])
        assert go(toolkit, script, session="s") == "b"
        assert go(toolkit, script, session="s") == "b"
        assert script.calls[-1] == ("b", "gpt-4o", "sticky")
        assert go(toolkit, script) == "a"
        assert go(toolkit, script, "other-model", session="s") == "a"

    def test_unavailable_for_a_moment_means_another_answers_and_is_bound(
        self, start: Start, go: Go, clock: FakeClock
    ) -> None:
        toolkit = start({"a": {"priority": 2}, "b": {}})
        assert go(toolkit, Script(), session="s") == "a"
        toolkit.profiles.mark_failed("a", "busy", kind="rate_limit", retry_after=60)
        assert go(toolkit, Script(), session="s") == "b"
        clock.advance(61)
        assert go(toolkit, Script(), session="s") == "b"

    def test_a_failed_call_binds_nobody(self, start: Start, go: Go) -> None:
        toolkit = start({"a": {"priority": 2}, "b": {}})
        with pytest.raises(AnswerError):
            go(toolkit, Script(a=[AnswerError(400)]), session="s")
        assert not [c for c in toolkit.explain("gpt-4o", session="s") if c.sticky]

    def test_reset_clears_health_and_keeps_bindings(self, start: Start, go: Go) -> None:
        toolkit = start({"a": {"priority": 2}, "b": {}})
        assert go(toolkit, Script(a=[AnswerError(429), None]), session="s") == "b"
        toolkit.reset()
        assert all(r.healthy for r in toolkit.status())
        assert go(toolkit, Script(), session="s") == "b"


class TestHalfOpen:
    def test_a_trial_that_answers_closes_the_circuit(self, start: Start, go: Go, clock: FakeClock) -> None:
        toolkit = start({"a": {"priority": 1}, "b": {}})
        toolkit.models.open_circuit("a")
        clock.advance(60)
        script = Script()
        assert go(toolkit, script) == "a"
        assert script.calls == [("a", "gpt-4o", "testing")]
        assert record(toolkit, "a").circuit == "closed"

    def test_a_dropped_lease_gives_its_permit_back(self, start: Start, clock: FakeClock) -> None:
        toolkit = start({"a": {}})
        toolkit.models.open_circuit("a")
        clock.advance(60)
        lease = toolkit.acquire("gpt-4o")
        with pytest.raises(UnavailableError, match="trial is under way"):
            toolkit.acquire("gpt-4o")
        del lease
        assert toolkit.acquire("gpt-4o").reason == "testing"

    def test_a_lease_left_unused_gives_its_permit_back_and_closes_nothing(self, start: Start, clock: FakeClock) -> None:
        toolkit = start({"a": {}})
        toolkit.models.open_circuit("a")
        clock.advance(60)
        with toolkit.acquire("gpt-4o"):
            pass
        assert record(toolkit, "a").circuit == "half-open"
        assert toolkit.acquire("gpt-4o").reason == "testing"

    def test_a_late_success_still_closes_it(self, start: Start, clock: FakeClock) -> None:
        toolkit = start({"a": {}})
        toolkit.models.open_circuit("a")
        clock.advance(60)
        lease = toolkit.acquire("gpt-4o")
        clock.advance(601)
        with lease:
            assert lease.token
        assert record(toolkit, "a").circuit == "closed"

    def test_an_answer_from_before_the_opening_is_void(self, start: Start, clock: FakeClock) -> None:
        toolkit = start({"a": {}})
        early = toolkit.acquire("gpt-4o")
        toolkit.models.open_circuit("a")
        clock.advance(60)
        early.report()
        assert record(toolkit, "a").circuit == "half-open"
        other = toolkit.acquire("gpt-4o")
        assert other.reason == "testing"


class TestBursts:
    def test_fifty_calls_in_flight_that_hit_one_limit_climb_one_step(self, start: Start) -> None:
        toolkit = start({"a": {}}, policy={"cooldown": {"rate_limit": {"jitter": 0}}})
        leases = [toolkit.acquire("gpt-4o") for _ in range(50)]
        for lease in leases:
            lease.report(AnswerError(429))
        assert record(toolkit, "a").cooldown_remaining == 30

    def test_a_success_that_began_before_the_limit_does_not_lift_it(self, start: Start, clock: FakeClock) -> None:
        toolkit = start({"a": {}})
        slow, hit = toolkit.acquire("gpt-4o"), toolkit.acquire("gpt-4o")
        clock.advance(1)
        hit.report(AnswerError(429))
        slow.report()
        assert record(toolkit, "a").in_cooldown


class TestEvents:
    def test_one_call_that_fails_over_tells_this_story(self, start: Start, go: Go) -> None:
        toolkit = start({"a": {"priority": 1}, "b": {}})
        events: list[Event] = []
        toolkit.on("*", events.append)
        go(toolkit, Script(a=[AnswerError(429)]))
        assert [(e.name, e.profile_id) for e in events] == [
            ("profile:selected", "a"),
            ("profile:failure", "a"),
            ("profile:cooldown", "a"),
            ("profile:failover", "b"),
            ("profile:selected", "b"),
        ]

    def test_a_mark_through_the_manager_is_told_once_as_failure(self, start: Start) -> None:
        toolkit = start({"a": {}})
        events: list[Event] = []
        toolkit.on("*", events.append)
        toolkit.profiles.mark_failed("a", "busy")
        assert [e.name for e in events] == ["profile:failure", "profile:cooldown"]


PATIENT = {"breaker": {"failure_threshold": 99}, "retry": {"attempts": 3, "backoff": {"jitter": 0}}}

LOGIN_PROVIDER = {
    "protocol": "openai",
    "base_url": "https://llm.acme.example/v1",
    "oauth": {"issuer": "https://login.acme.example", "client_id": "cbauth"},
}
