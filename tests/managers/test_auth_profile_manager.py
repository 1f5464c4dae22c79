"""AuthProfileManager: rotation, cooldowns, sessions and events over credentials, through its public methods."""

from __future__ import annotations

import copy
import pickle
import threading
from random import Random

import pytest

from cbauth import AuthProfile, AuthProfileManager, ConfigError, Event, Policy
from cbauth.core.cooldown import CLASSIC
from cbauth.core.rotation import RotationPolicy
from cbauth.stores.memory import MemoryStore
from tests.clock import FakeClock

CANARY = "sk-canary-7f3b9e21c4"


def profile(id: str, *, priority: int = 0, type: str = "api-key", provider: str = "acme") -> AuthProfile:
    return AuthProfile(
        id=id, provider=provider, type=type, credentials={"api_key": f"{CANARY}-{id}"}, priority=priority
    )


def rotating(strategy: str, *, sticky: bool = True, sticky_ttl: float = 3600.0) -> Policy:
    return Policy(rotation=RotationPolicy(strategy=strategy, sticky=sticky, sticky_ttl=sticky_ttl))


def heard(manager: AuthProfileManager) -> list[Event]:
    events: list[Event] = []
    manager.on("*", events.append)
    return events


def names(events: list[Event]) -> list[tuple[str, str | None]]:
    return [(e.name, e.profile_id) for e in events]


class TestChoosing:
    def test_priority_decides_then_login_before_key_then_order_of_adding(self) -> None:
        manager = AuthProfileManager(
            [profile("low"), profile("key", priority=5), profile("login", priority=5, type="oauth"), profile("late")]
        )
        assert [p.id for p in manager.get_healthy_profiles()] == ["login", "key", "low", "late"]
        chosen = manager.get_next_profile()
        assert chosen is not None
        assert chosen.id == "login"

    def test_no_profiles_gives_none(self) -> None:
        assert AuthProfileManager().get_next_profile() is None

    def test_the_very_profile_that_was_added_comes_back(self) -> None:
        mine = profile("a")
        manager = AuthProfileManager([mine])
        assert manager.get_next_profile() is mine
        assert manager.get_profile("a") is mine
        assert manager.get_profile("b") is None

    def test_round_robin_visits_everybody_whatever_their_priority(self) -> None:
        manager = AuthProfileManager(
            [profile("a", priority=9), profile("b"), profile("c")], policy=rotating("round-robin")
        )
        turns = [p.id for _ in range(6) if (p := manager.get_next_profile())]
        assert turns == ["a", "b", "c", "a", "b", "c"]

    def test_round_robin_shares_a_dead_ones_calls_between_all_others(self) -> None:
        manager = AuthProfileManager([profile(i) for i in "abcd"], policy=rotating("round-robin"))
        manager.mark_failed("b", "down")
        turns = [p.id for _ in range(30) if (p := manager.get_next_profile())]
        assert {i: turns.count(i) for i in "abcd"} == {"a": 10, "b": 0, "c": 10, "d": 10}

    def test_random_is_decided_by_the_dice_it_was_given(self) -> None:
        def draw(seed: int) -> list[str]:
            manager = AuthProfileManager(
                [profile(i) for i in "abc"], policy=rotating("random"), clock=FakeClock(), rng=Random(seed)
            )
            return [p.id for _ in range(50) if (p := manager.get_next_profile())]

        assert draw(1) == draw(1)
        assert draw(1) != draw(2)
        assert set(draw(1)) == {"a", "b", "c"}

    def test_replacing_a_profile_keeps_its_place_and_its_health(self) -> None:
        manager = AuthProfileManager([profile("a"), profile("b")])
        manager.mark_failed("a", "down")
        manager.add_profile(profile("a", priority=50))
        assert [p.id for p in manager.get_all_profiles()] == ["a", "b"]
        assert manager.is_in_cooldown("a")
        chosen = manager.get_next_profile()
        assert chosen is not None
        assert chosen.id == "b"

    def test_a_removed_profile_is_gone_and_forgotten(self) -> None:
        manager = AuthProfileManager([profile("a"), profile("b")])
        manager.mark_failed("a", "down")
        assert manager.remove_profile("a") is True
        assert manager.remove_profile("a") is False
        assert [p.id for p in manager.get_all_profiles()] == ["b"]
        manager.add_profile(profile("a", priority=1))
        assert not manager.is_in_cooldown("a")


class TestCooldowns:
    def test_unnamed_failures_climb_one_five_twenty_five_sixty_minutes(self) -> None:
        clock = FakeClock()
        manager = AuthProfileManager([profile("a")], clock=clock)
        events = heard(manager)
        for _ in range(5):
            manager.mark_failed("a", "boom")
        assert [e.cooldown for e in events if e.name == "profile:cooldown"] == [60, 300, 1500, 3600, 3600]
        assert [e.until for e in events if e.name == "profile:cooldown"][-1] == clock.now + 3600

    def test_billing_climbs_apart_from_other_failures(self) -> None:
        manager = AuthProfileManager([profile("a")], policy=Policy(cooldown=CLASSIC), clock=FakeClock())
        events = heard(manager)
        manager.mark_failed("a", "boom")
        for _ in range(4):
            manager.mark_failed("a", "no credit", is_billing=True)
        manager.mark_failed("a", "boom")
        lengths = [e.cooldown for e in events if e.name == "profile:cooldown"]
        hour = 3600
        assert lengths == [60, 5 * hour, 10 * hour, 20 * hour, 24 * hour, 300]

    def test_a_running_cooldown_is_never_shortened(self) -> None:
        clock = FakeClock()
        manager = AuthProfileManager([profile("a")], clock=clock)
        manager.mark_failed("a", "wait", kind="rate_limit", retry_after=500)
        manager.mark_failed("a", "wait", kind="rate_limit", retry_after=1)
        assert manager.get_status()[0].cooldown_remaining == 500

    def test_a_hint_replaces_the_step_and_is_capped(self) -> None:
        manager = AuthProfileManager([profile("a"), profile("b")], clock=FakeClock())
        manager.mark_failed("a", "wait", kind="rate_limit", retry_after=7)
        manager.mark_failed("b", "wait", kind="rate_limit", retry_after=86_400)
        assert {s.profile_id: s.cooldown_remaining for s in manager.get_status()} == {"a": 7, "b": 600}

    def test_recovery_keeps_the_count_and_success_clears_it(self) -> None:
        clock = FakeClock()
        manager = AuthProfileManager([profile("a")], clock=clock)
        events = heard(manager)
        manager.mark_failed("a", "boom")
        manager.recover_profile("a")
        assert not manager.is_in_cooldown("a")
        manager.mark_failed("a", "boom")
        manager.mark_success("a")
        assert not manager.is_in_cooldown("a")
        manager.mark_failed("a", "boom")
        assert [e.cooldown for e in events if e.name == "profile:cooldown"] == [60, 300, 60]
        assert [n for n, _ in names(events)].count("profile:recovered") == 2

    def test_quiet_longer_than_the_cap_after_the_end_clears_the_count(self) -> None:
        clock = FakeClock()
        manager = AuthProfileManager([profile("a")], clock=clock)
        manager.mark_failed("a", "boom")
        clock.advance(60 + 3600)
        manager.mark_failed("a", "boom")
        assert manager.get_status()[0].cooldown_remaining == 300
        clock.advance(300 + 3601)
        manager.mark_failed("a", "boom")
        assert manager.get_status()[0].cooldown_remaining == 60

    def test_the_end_of_a_cooldown_is_told_once(self) -> None:
        clock = FakeClock()
        manager = AuthProfileManager([profile("a"), profile("b")], clock=clock)
        events = heard(manager)
        manager.mark_failed("a", "boom")
        clock.advance(61)
        for _ in range(3):
            manager.get_next_profile()
            manager.get_status()
        assert names(events).count(("profile:recovered", "a")) == 1

    def test_unknown_ids_are_ignored(self) -> None:
        manager = AuthProfileManager([profile("a")])
        manager.mark_failed("nobody", "boom")
        manager.mark_success("nobody")
        manager.recover_profile("nobody")
        manager.release_session("nobody")
        assert not manager.is_in_cooldown("nobody")
        assert [s.healthy for s in manager.get_status()] == [True]

    def test_the_callers_own_mistakes_harm_nobody(self) -> None:
        manager = AuthProfileManager([profile("a")])
        manager.mark_failed("a", "your request is wrong", kind="bad_request")
        manager.mark_failed("a", "you went away", kind="cancelled")
        assert manager.get_status()[0].healthy

    def test_a_clock_set_back_shows_no_absurd_time(self) -> None:
        clock = FakeClock()
        manager = AuthProfileManager([profile("a")], clock=clock)
        manager.mark_failed("a", "boom")
        clock.advance(-864_000)
        assert manager.get_status()[0].cooldown_remaining == 60

    def test_a_clock_set_back_while_others_look_locks_nobody_out(self) -> None:
        clock = FakeClock()
        manager = AuthProfileManager([profile("a")], clock=clock)
        manager.mark_failed("a", "boom")
        assert manager.get_next_profile() is None
        clock.advance(-5 * 3600)
        assert manager.get_next_profile() is None
        clock.advance(61)
        assert manager.get_next_profile() is not None

    def test_a_clock_set_back_by_an_hour_locks_nobody_out_for_longer(self) -> None:
        clock = FakeClock()
        manager = AuthProfileManager([profile("a")], clock=clock)
        manager.mark_failed("a", "boom")
        clock.advance(-3600)
        assert manager.get_next_profile() is None
        clock.advance(61)
        assert manager.get_next_profile() is not None


class TestSessions:
    def test_a_session_keeps_its_profile_against_rotation(self) -> None:
        manager = AuthProfileManager([profile(i) for i in "abc"], policy=rotating("round-robin"))
        first = manager.get_next_profile("thread-7")
        assert first is not None
        assert all(manager.get_next_profile("thread-7") is first for _ in range(5))
        assert manager.get_profile_for_session("thread-7") is first
        other = manager.get_next_profile("thread-8")
        assert other is not first

    def test_a_cooling_profile_hands_its_session_to_the_next(self) -> None:
        clock = FakeClock()
        manager = AuthProfileManager([profile("a", priority=1), profile("b")], clock=clock)
        assert manager.get_next_profile("s") == manager.get_profile("a")
        manager.mark_failed("a", "down")
        assert manager.get_next_profile("s") == manager.get_profile("b")
        clock.advance(61)
        assert manager.get_next_profile("s") == manager.get_profile("b"), "the binding moved"

    def test_a_released_session_is_chosen_for_anew(self) -> None:
        manager = AuthProfileManager([profile("a")])
        assert manager.get_profile_for_session("s") is None
        manager.get_next_profile("s")
        manager.release_session("s")
        assert manager.get_profile_for_session("s") is None

    def test_a_binding_ends_with_its_ttl(self) -> None:
        clock = FakeClock()
        manager = AuthProfileManager([profile("a")], policy=rotating("priority", sticky_ttl=10), clock=clock)
        manager.get_next_profile("s")
        clock.advance(10)
        assert manager.get_profile_for_session("s") is None

    def test_a_binding_is_renewed_at_most_once_per_tenth_of_its_ttl(self) -> None:
        clock, store = FakeClock(), MemoryStore()
        manager = AuthProfileManager(
            [profile("a")], policy=rotating("priority", sticky_ttl=100), store=store, clock=clock
        )
        manager.get_next_profile("s")
        written = store.generation
        clock.advance(5)
        manager.get_next_profile("s")
        assert store.generation == written
        clock.advance(6)
        manager.get_next_profile("s")
        assert store.generation == written + 1

    def test_without_stickiness_a_session_is_like_any_call(self) -> None:
        manager = AuthProfileManager([profile("a"), profile("b")], policy=rotating("round-robin", sticky=False))
        assert manager.get_next_profile("s") != manager.get_next_profile("s")
        assert manager.get_profile_for_session("s") is None

    def test_no_session_name_is_stored_in_the_clear(self) -> None:
        store = MemoryStore()
        manager = AuthProfileManager([profile("a")], store=store)
        manager.get_next_profile("alice@example.com")
        assert store.keys()
        assert "alice" not in " ".join(store.keys())


class TestEvents:
    def test_a_failure_is_told_as_failed_then_cooldown(self) -> None:
        manager = AuthProfileManager([profile("a")])
        events = heard(manager)
        manager.get_next_profile()
        manager.mark_failed("a", "boom")
        assert names(events) == [("profile:selected", "a"), ("profile:failed", "a"), ("profile:cooldown", "a")]
        assert events[1].error == "boom"

    def test_unsubscribing_stops_the_calls(self) -> None:
        manager = AuthProfileManager([profile("a")])
        events: list[Event] = []
        stop = manager.on("profile:selected", events.append)
        manager.get_next_profile()
        stop()
        stop()
        manager.get_next_profile()
        assert len(events) == 1

    def test_a_failing_handler_breaks_nothing_and_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        manager = AuthProfileManager([profile("a")])

        def broken(event: Event) -> None:
            raise RuntimeError("handler bug")

        manager.on("profile:selected", broken)
        assert manager.get_next_profile() is not None
        assert "profile:selected" in caplog.text

    def test_a_handler_may_call_back(self) -> None:
        manager = AuthProfileManager([profile("a"), profile("b")])
        seen: list[bool] = []
        manager.on("profile:cooldown", lambda event: seen.append(manager.is_in_cooldown("a")))
        manager.mark_failed("a", "boom")
        assert seen == [True]

    def test_a_misspelt_event_says_what_was_meant(self) -> None:
        with pytest.raises(ConfigError, match="did you mean 'profile:cooldown'"):
            AuthProfileManager().on("profile:cooldwon", print)


class TestSharing:
    def test_two_managers_on_one_store_share_health(self) -> None:
        store, clock = MemoryStore(), FakeClock()
        one = AuthProfileManager([profile("a"), profile("b")], store=store, clock=clock)
        two = AuthProfileManager([profile("a"), profile("b")], store=store, clock=clock)
        assert two.get_next_profile() is not None
        one.mark_failed("a", "boom")
        chosen = two.get_next_profile()
        assert chosen is not None
        assert chosen.id == "b"

    def test_failures_from_many_threads_all_count(self) -> None:
        clock = FakeClock()
        manager = AuthProfileManager([profile("a")], policy=Policy(cooldown=CLASSIC), clock=clock)

        def fail_often() -> None:
            for _ in range(50):
                manager.mark_failed("a", "x")

        threads = [threading.Thread(target=fail_often) for _ in range(8)]
        events = heard(manager)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [n for n, _ in names(events)].count("profile:failed") == 400


class TestBadInput:
    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ({"type": "oauht"}, "'api-key', 'oauth'"),
            ({"type": "api_key"}, "did you mean 'api-key'"),
            ({"credentials": {"apikey": "x"}}, "the keys are api_key"),
            ({"credentials": {"api_key": 5}}, "has to be text"),
            ({"id": ""}, "has to be a name"),
            ({"priority": "high"}, "has to be a number"),
        ],
    )
    def test_a_wrong_profile_is_refused_with_what_to_write(self, wrong: dict[str, object], says: str) -> None:
        fields: dict[str, object] = {"id": "a", "provider": "acme", "type": "api-key", **wrong}
        with pytest.raises(ConfigError, match=says):
            AuthProfile(**fields)  # type: ignore[arg-type]

    def test_something_that_is_no_profile_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="expected a AuthProfile, got str"):
            AuthProfileManager(["a"])  # type: ignore[list-item]

    def test_an_unknown_kind_is_refused_and_nothing_is_recorded(self) -> None:
        manager = AuthProfileManager([profile("a")])
        with pytest.raises(ConfigError, match="rate_limit"):
            manager.mark_failed("a", "boom", kind="ratelimit")
        assert manager.get_status()[0].last_error is None


class TestSecrets:
    def test_no_key_in_any_text_of_a_profile_manager_or_status(self) -> None:
        manager = AuthProfileManager([profile("a")])
        manager.mark_failed("a", f"Incorrect API key provided: {CANARY}-a")
        shown = [
            repr(manager),
            repr(manager.get_all_profiles()),
            str(manager.get_profile("a")),
            repr(manager.get_status()),
        ]
        assert not [text for text in shown if CANARY in text]

    def test_profiles_and_credentials_cannot_be_pickled_but_can_be_copied(self) -> None:
        mine = profile("a")
        assert copy.deepcopy(mine).credentials["api_key"] == f"{CANARY}-a"
        for secretive in (mine, mine.credentials):
            with pytest.raises(TypeError, match="cannot be pickled"):
                pickle.dumps(secretive)
