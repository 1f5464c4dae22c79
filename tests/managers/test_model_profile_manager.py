"""ModelProfileManager: selection by model, circuit breakers and readiness, through its public methods."""

from __future__ import annotations

import pickle
import threading
from dataclasses import dataclass

import pytest

from cbauth import ConfigError, Event, ModelProfile, ModelProfileManager, Policy
from cbauth.core.breaker import BreakerPolicy
from tests.answers import AnswerError
from tests.clock import FakeClock

CANARY = "sk-canary-55aa0c1d9e"


def profile(id: str, *models: str, priority: int = 0, provider: str = "acme", enabled: bool = True) -> ModelProfile:
    return ModelProfile(
        id=id,
        name=id.upper(),
        provider_id=provider,
        auth_type="api_key",
        api_key=f"{CANARY}-{id}",
        models=models or ("*",),
        priority=priority,
        enabled=enabled,
    )


def heard(manager: ModelProfileManager) -> list[Event]:
    events: list[Event] = []
    manager.on("*", events.append)
    return events


def chosen(manager: ModelProfileManager, model: str | None = None) -> tuple[str, str | None, str] | None:
    selection = manager.select_profile(model)
    return None if selection is None else (selection.profile.id, selection.model, selection.reason)


class TestSelection:
    def test_the_highest_priority_that_serves_the_model_wins(self) -> None:
        manager = ModelProfileManager(
            [profile("any"), profile("gpt", "gpt-*", priority=5), profile("claude", "claude-*", priority=9)]
        )
        assert chosen(manager, "gpt-4o") == ("gpt", "gpt-4o", "primary")
        assert chosen(manager, "llama3") == ("any", "llama3", "primary")

    def test_without_a_model_the_default_is_used_then_the_first_name(self) -> None:
        named = ModelProfile("a", "A", "acme", "none", models=("gpt-*", "gpt-4o"))
        assert chosen(ModelProfileManager([named])) == ("a", "gpt-4o", "primary")
        default = ModelProfile("a", "A", "acme", "none", models=("gpt-*",), default_model="o9")
        assert chosen(ModelProfileManager([default])) == ("a", "o9", "primary")

    def test_nobody_serves_it_gives_none(self) -> None:
        assert chosen(ModelProfileManager([profile("gpt", "gpt-*")]), "claude-4") is None
        assert chosen(ModelProfileManager(), "gpt-4o") is None

    def test_a_built_in_provider_serves_its_own_models_when_none_are_named(self) -> None:
        manager = ModelProfileManager([ModelProfile("a", "A", "anthropic", "api_key", "k")])
        assert chosen(manager, "claude-sonnet-4") == ("a", "claude-sonnet-4", "primary")
        assert chosen(manager, "gpt-4o") is None

    def test_disabled_profiles_are_passed_over_and_come_back_with_their_health(self) -> None:
        manager = ModelProfileManager([profile("a", priority=2), profile("b", priority=1)])
        assert manager.disable_profile("a") is True
        assert chosen(manager, "m") == ("b", "m", "primary")
        assert [p.id for p in manager.get_enabled_profiles()] == ["b"]
        manager.open_circuit("a")
        assert manager.enable_profile("a") is True
        assert chosen(manager, "m") == ("b", "m", "primary")
        assert manager.enable_profile("nobody") is False
        assert manager.disable_profile("nobody") is False

    def test_enabled_profiles_come_highest_priority_first(self) -> None:
        manager = ModelProfileManager([profile("low"), profile("high", priority=7), profile("off", enabled=False)])
        assert [p.id for p in manager.get_enabled_profiles()] == ["high", "low"]
        assert [p.id for p in manager.get_all_profiles()] == ["low", "high", "off"]

    def test_a_profile_without_a_key_is_not_ready_and_not_chosen(self) -> None:
        keyless = ModelProfile("a", "A", "acme", "api_key", priority=9)
        manager = ModelProfileManager([keyless, profile("b")])
        assert not manager.is_profile_ready(keyless)
        assert chosen(manager, "m") == ("b", "m", "primary")

    def test_a_profile_that_needs_no_credential_is_ready(self) -> None:
        local = ModelProfile("a", "A", "ollama", "none", models=("*",))
        manager = ModelProfileManager([local])
        assert manager.is_profile_ready(local)
        assert manager.get_access_token("a") is None

    def test_wildcards_decide_what_a_profile_supports(self) -> None:
        manager = ModelProfileManager()
        assert manager.profile_supports_model(profile("a", "gpt-4*"), "gpt-4-turbo")
        assert not manager.profile_supports_model(profile("a", "gpt-4*"), "gpt-3.5")

    def test_the_default_profiles_are_enabled_by_their_environment_variables(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", CANARY)
        manager = ModelProfileManager()
        manager.initialize_default_profiles()
        assert {"openai-default", "anthropic-default", "google-default", "grok-default", "ollama-local"} <= {
            p.id for p in manager.get_all_profiles()
        }
        assert [p.id for p in manager.get_enabled_profiles()] == ["openai-default"]
        assert manager.get_access_token("openai-default") == CANARY
        assert CANARY not in repr(manager.get_all_profiles())


class TestFailover:
    def test_the_failed_one_is_recorded_once_and_never_given_back(self) -> None:
        manager = ModelProfileManager([profile("a", priority=2), profile("b", priority=1)])
        events = heard(manager)
        selection = manager.get_next_available_profile("a", "m")
        assert selection is not None
        assert (selection.profile.id, selection.reason) == ("b", "failover")
        assert [(e.name, e.profile_id) for e in events] == [
            ("profile:failure", "a"),
            ("profile:failover", "b"),
            ("profile:selected", "b"),
        ]
        assert events[1].failed_profile_id == "a"

    def test_nobody_else_gives_none(self) -> None:
        manager = ModelProfileManager([profile("a")])
        assert manager.get_next_available_profile("a", "m") is None


class TestBreaker:
    def test_three_failures_open_for_a_minute_and_one_trial_closes(self) -> None:
        clock = FakeClock()
        manager = ModelProfileManager([profile("a", priority=1), profile("b")], clock=clock)
        events = heard(manager)
        for _ in range(3):
            assert chosen(manager, "m") == ("a", "m", "primary")
            manager.record_failure("a")
        assert chosen(manager, "m") == ("b", "m", "primary")
        assert manager.get_stats()["open_circuits"] == 1
        clock.advance(59.9)
        assert chosen(manager, "m") == ("b", "m", "primary")
        clock.advance(0.1)
        assert chosen(manager, "m") == ("a", "m", "testing")
        assert chosen(manager, "m") == ("b", "m", "primary"), "one trial at a time"
        manager.record_success("a")
        assert chosen(manager, "m") == ("a", "m", "primary")
        circuit = [e.name.removeprefix("profile:circuit-") for e in events if "circuit" in e.name]
        assert circuit == ["opened", "half-open", "closed"]

    def test_a_failed_trial_opens_again(self) -> None:
        clock = FakeClock()
        manager = ModelProfileManager([profile("a")], clock=clock)
        manager.open_circuit("a")
        clock.advance(60)
        assert chosen(manager, "m") == ("a", "m", "testing")
        manager.record_failure("a")
        assert chosen(manager, "m") is None
        assert manager.get_stats()["open_circuits"] == 1

    def test_a_trial_that_never_reports_frees_its_permit(self) -> None:
        clock = FakeClock()
        manager = ModelProfileManager([profile("a")], clock=clock)
        manager.open_circuit("a")
        clock.advance(60)
        assert chosen(manager, "m") == ("a", "m", "testing")
        clock.advance(599)
        assert chosen(manager, "m") is None
        clock.advance(1)
        assert chosen(manager, "m") == ("a", "m", "testing")

    def test_a_trial_that_is_rate_limited_gives_its_permit_back(self) -> None:
        clock = FakeClock()
        policy = Policy(breaker=BreakerPolicy(permit_timeout=1e6))
        manager = ModelProfileManager([profile("a")], policy=policy, clock=clock)
        manager.open_circuit("a")
        clock.advance(60)
        assert chosen(manager, "m") == ("a", "m", "testing")
        manager.record_failure("a", AnswerError(429, {"retry-after": "5"}))
        assert chosen(manager, "m") is None
        clock.advance(6)
        assert chosen(manager, "m") == ("a", "m", "testing")

    def test_old_failures_do_not_count(self) -> None:
        clock = FakeClock()
        manager = ModelProfileManager([profile("a")], clock=clock)
        manager.record_failure("a")
        manager.record_failure("a")
        clock.advance(301)
        manager.record_failure("a")
        assert chosen(manager, "m") == ("a", "m", "primary")

    def test_a_success_clears_the_count(self) -> None:
        manager = ModelProfileManager([profile("a")])
        for _ in range(10):
            manager.record_failure("a")
            manager.record_failure("a")
            manager.record_success("a")
        assert chosen(manager, "m") == ("a", "m", "primary")

    def test_a_failure_without_an_error_starts_no_cooldown_even_under_classic(self) -> None:
        manager = ModelProfileManager([profile("a")], policy={"cooldown": {"preset": "classic"}})
        manager.record_failure("a")
        assert chosen(manager, "m") == ("a", "m", "primary")
        manager.record_failure("a", AnswerError(503))
        assert chosen(manager, "m") is None

    def test_what_the_error_is_decides(self) -> None:
        manager = ModelProfileManager([profile(i) for i in "abcd"], clock=FakeClock())
        for _ in range(3):
            manager.record_failure("a", AnswerError(503))
            manager.record_failure("b", AnswerError(400))
            manager.record_failure("d", RuntimeError("nobody knows me"))
        manager.record_failure("c", AnswerError(401))
        stats = manager.get_stats()
        assert (stats["open_circuits"], stats["cooling_profiles"], stats["healthy_profiles"]) == (2, 1, 1)

    def test_observing_counts_and_tells_but_refuses_nobody(self) -> None:
        manager = ModelProfileManager([profile("a")], policy=Policy(breaker=BreakerPolicy(mode="observe")))
        events = heard(manager)
        for _ in range(3):
            manager.record_failure("a")
        assert chosen(manager, "m") == ("a", "m", "primary")
        assert "profile:circuit-opened" in [e.name for e in events]

    def test_off_does_not_even_count(self) -> None:
        manager = ModelProfileManager([profile("a")], policy=Policy(breaker=BreakerPolicy(mode="off")))
        for _ in range(9):
            manager.record_failure("a")
        assert manager.get_stats()["open_circuits"] == 0

    def test_a_providers_circuit_is_shared_by_its_profiles(self) -> None:
        policy = Policy(breaker=BreakerPolicy(scope="provider"))
        manager = ModelProfileManager(
            [profile("a"), profile("b"), profile("c", provider="other")], policy=policy, clock=FakeClock()
        )
        manager.record_failure("a")
        manager.record_failure("b")
        manager.record_failure("a")
        assert chosen(manager, "m") == ("c", "m", "primary")

    def test_fifty_threads_at_half_open_make_one_trial(self) -> None:
        clock = FakeClock()
        manager = ModelProfileManager([profile("a")], clock=clock)
        manager.open_circuit("a")
        clock.advance(60)
        barrier, got = threading.Barrier(50), []

        def ask() -> None:
            barrier.wait()
            if manager.select_profile("m") is not None:
                got.append(1)

        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 1

    def test_a_threshold_of_a_million_is_fine_and_counting_stays_small(self) -> None:
        clock = FakeClock()
        policy = Policy(breaker=BreakerPolicy(failure_threshold=1_000_000))
        manager = ModelProfileManager([profile("a")], policy=policy, clock=clock)
        for _ in range(500):
            manager.record_failure("a")
        assert chosen(manager, "m") == ("a", "m", "primary")

    def test_unknown_ids_are_ignored(self) -> None:
        manager = ModelProfileManager([profile("a")])
        manager.record_failure("nobody")
        manager.record_success("nobody")
        manager.open_circuit("nobody")
        assert manager.get_access_token("nobody") is None
        assert manager.remove_profile("nobody") is False
        assert manager.get_stats()["healthy_profiles"] == 1


class TestOAuth:
    def test_an_expired_but_refreshable_login_is_ready_and_none_is_not(self) -> None:
        logins = Logins({"login-1": Login(expired=True)})
        manager = ModelProfileManager(oauth=logins)
        mine = ModelProfile("a", "A", "acme", "oauth", credential_id="login-1", models=("*",))
        nobody = ModelProfile("b", "B", "acme", "oauth", credential_id="login-2", models=("*",))
        manager.add_profile(mine)
        manager.add_profile(nobody)
        assert manager.is_profile_ready(mine)
        assert not manager.is_profile_ready(nobody)
        assert chosen(manager, "m") == ("a", "m", "primary")
        assert manager.get_access_token("a") == "token of login-1"

    def test_an_oauth_manager_may_come_later(self) -> None:
        mine = ModelProfile("a", "A", "acme", "oauth", credential_id="login-1", models=("*",))
        manager = ModelProfileManager([mine])
        assert chosen(manager, "m") is None
        manager.set_oauth_manager(Logins({"login-1": Login(expired=False)}))
        assert chosen(manager, "m") == ("a", "m", "primary")


class TestBadInput:
    def test_a_wrong_auth_type_says_what_was_meant(self) -> None:
        with pytest.raises(ConfigError, match="did you mean 'api_key'"):
            ModelProfile("a", "A", "acme", "api-key")

    def test_models_given_as_text_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="list of names"):
            ModelProfile("a", "A", "acme", "none", models="gpt-4o")  # type: ignore[arg-type]

    def test_a_wrong_policy_says_where_and_what(self) -> None:
        with pytest.raises(ConfigError, match="failure_threshold"):
            ModelProfileManager(policy={"breaker": {"failure_treshold": 3}})

    def test_a_policy_mapping_takes_durations_as_text_and_as_seconds(self) -> None:
        clock = FakeClock()
        manager = ModelProfileManager(
            [profile("a")], policy={"breaker": {"failure_threshold": 1, "open_for": "2m"}}, clock=clock
        )
        manager.record_failure("a")
        clock.advance(119)
        assert chosen(manager, "m") is None
        clock.advance(1)
        assert chosen(manager, "m") == ("a", "m", "testing")

    def test_a_profile_cannot_be_pickled(self) -> None:
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(profile("a"))


@dataclass
class Login:
    expired: bool


class Logins:
    """An OAuth manager as far as this one needs it."""

    def __init__(self, logins: dict[str, Login]) -> None:
        self._logins = logins

    def get_credential(self, credential_id: str) -> Login | None:
        return self._logins.get(credential_id)

    def is_token_expired(self, credential: Login) -> bool:
        return credential.expired

    def get_access_token(self, credential_id: str) -> str:
        return f"token of {credential_id}"


class TestSiblings:
    def test_removing_a_profile_leaves_the_circuit_that_its_siblings_share(self) -> None:
        policy = Policy(breaker=BreakerPolicy(scope="provider"))
        manager = ModelProfileManager([profile("a"), profile("b")], policy=policy, clock=FakeClock())
        manager.open_circuit("a")
        manager.remove_profile("b")
        assert chosen(manager, "m") is None

    def test_an_error_that_quotes_the_key_is_shown_without_it(self) -> None:
        manager = ModelProfileManager([ModelProfile("a", "A", "acme", "api_key", "weirdkey", models=("*",))])
        events = heard(manager)
        manager.record_failure("a", "the key weirdkey was refused")
        assert [e.error for e in events] == ["the key [redacted] was refused"]

    def test_profiles_added_from_many_threads_are_all_there(self) -> None:
        manager = ModelProfileManager()

        def add(start: int) -> None:
            for number in range(start, start + 20):
                manager.add_profile(profile(f"p{number}"))

        threads = [threading.Thread(target=add, args=(n * 20,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(manager.get_all_profiles()) == 160
