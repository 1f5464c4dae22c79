"""Health: what each outcome changes, who is admitted then, and how a record is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cbauth.core.breaker import BreakerPolicy, Circuit, admit, trip
from cbauth.core.cooldown import ADAPTIVE, BILLING, CLASSIC, FAILURE, MISSING, CooldownPolicy
from cbauth.core.health import (
    BLANK,
    BREAKER_KINDS,
    FREE,
    HARMLESS,
    TRANSIENT,
    Admission,
    Failure,
    Health,
    State,
    admission,
    circuit_of,
    clamped,
    failed,
    reaches_provider,
    recovered,
    running,
    skewed,
    succeeded,
)

NOW = 1_700_000_000.0
HOUR = 3600.0
BREAKER = BreakerPolicy(failure_threshold=2)
PER_PROVIDER = BreakerPolicy(failure_threshold=2, scope="provider")


def after(
    health: Health | None,
    kind: str,
    *,
    now: float = NOW,
    breaker: BreakerPolicy = BREAKER,
    cooldown: CooldownPolicy = ADAPTIVE,
    shared: bool = False,
    **facts: Any,
) -> Health:
    """The record after one failure of a kind."""
    return failed(health, Failure(kind=kind, now=now, **facts), breaker, cooldown, shared=shared)


def opened(*, now: float = NOW, breaker: BreakerPolicy = BREAKER, shared: bool = False) -> Health:
    """A record whose breaker has just opened."""
    return after(
        after(None, "server", now=now, breaker=breaker, shared=shared),
        "server",
        now=now,
        breaker=breaker,
        shared=shared,
    )


def refusal(answer: Admission) -> tuple[str, float | None]:
    """Why somebody is refused, and until when."""
    assert answer.state is State.REFUSED
    return answer.why, answer.until


def judged(own: Health | None, *, shared: Health | None = None, model: str | None = "m", now: float = NOW) -> Admission:
    """The answer to a request for a model."""
    return admission(own, shared, BREAKER, model, now)


class TestAdmission:
    """Laws 1 and 2: both gates, from both records."""

    def test_nobody_knows_anything_bad(self) -> None:
        assert judged(None) is FREE
        assert FREE.why == ""
        assert judged(BLANK).state is State.FREE

    def test_a_cooldown_refuses_until_it_ends(self) -> None:
        health = after(None, "billing")
        assert refusal(judged(health)) == ("cooling down after billing", NOW + 600)
        assert judged(health, now=NOW + 600).state is State.FREE

    def test_a_model_that_rests_is_named(self) -> None:
        health = after(None, "rate_limit", model="m")
        assert judged(health).why == "cooling down after rate_limit on m"
        assert judged(health, model="other").state is State.FREE

    def test_a_model_that_the_provider_does_not_know_is_named(self) -> None:
        health = after(None, "model_not_found", model="m")
        assert refusal(judged(health)) == ("does not know m", NOW + HOUR)
        assert judged(health, model=None).state is State.FREE

    def test_an_open_circuit_refuses_until_half_open(self) -> None:
        assert refusal(judged(opened())) == ("circuit open", NOW + 60)
        assert judged(opened(), now=NOW + 60) == Admission(State.TESTING)

    def test_a_trial_under_way_refuses_the_next(self) -> None:
        health = opened()
        half = NOW + 60
        busy = admit(health.breaker, BREAKER, half, "trial")
        assert busy is not None
        answer = judged(health._replace(breaker=busy), now=half)
        assert refusal(answer) == ("circuit half-open, its trial is under way", half + 600)

    def test_the_later_deadline_counts(self) -> None:
        health = after(opened(), "billing")
        assert judged(health).until == NOW + 600
        assert judged(after(opened(), "rate_limit", model="m")).until == NOW + 60
        assert judged(after(opened(), "rate_limit", model="m")).why == "circuit open"

    def test_a_cooldown_gates_a_half_open_circuit(self) -> None:
        health = after(opened(), "billing")
        assert judged(health, now=NOW + 60).state is State.REFUSED

    def test_the_providers_record_gates_too(self) -> None:
        resting = after(None, "auth", scope="provider", shared=True)
        assert judged(None, shared=resting).until == NOW + 300
        assert judged(BLANK, shared=resting).until == NOW + 300

    def test_only_the_breaker_of_the_policys_scope_is_asked(self) -> None:
        shared = opened(breaker=PER_PROVIDER, shared=True)
        assert admission(None, shared, PER_PROVIDER, "m", NOW).why == "circuit open"
        assert admission(None, shared, BREAKER, "m", NOW).state is State.FREE
        assert admission(opened(), None, PER_PROVIDER, "m", NOW).state is State.FREE

    @pytest.mark.parametrize("mode", ["observe", "off"])
    def test_a_breaker_that_does_not_enforce_admits_everybody(self, mode: str) -> None:
        assert admission(opened(), None, BreakerPolicy(mode=mode), "m", NOW).state is State.FREE

    def test_a_breaker_that_does_not_enforce_leaves_cooldowns_in_force(self) -> None:
        health = after(opened(), "billing")
        assert admission(health, None, BreakerPolicy(mode="observe"), "m", NOW).why == "cooling down after billing"

    def test_a_failure_without_a_kind_is_called_a_failure(self) -> None:
        assert judged(after(None, TRANSIENT)).why == "cooling down after failure"


class TestFailures:
    """Law 3: an outcome changes only what its kind and scope name."""

    @pytest.mark.parametrize("kind", sorted(HARMLESS))
    def test_harmless_kinds_change_nothing(self, kind: str) -> None:
        health = opened()
        assert after(health, kind, now=NOW + 60, message="no such field") is health
        assert after(None, kind, message="no such field") == BLANK

    @pytest.mark.parametrize("kind", sorted(HARMLESS))
    def test_harmless_kinds_give_their_permit_back(self, kind: str) -> None:
        health = opened()
        busy = admit(health.breaker, BREAKER, NOW + 60, "trial")
        assert busy is not None
        freed = after(health._replace(breaker=busy), kind, now=NOW + 61, permit="trial")
        assert freed.breaker.permits == ()
        assert freed._replace(breaker=health.breaker) == health

    @pytest.mark.parametrize("kind", sorted(BREAKER_KINDS))
    def test_breaker_kinds_count_in_the_breaker_and_cool_nothing(self, kind: str) -> None:
        health = after(after(None, kind), kind)
        assert circuit_of(health, NOW) is Circuit.OPEN
        assert health.cooldowns == ()

    @pytest.mark.parametrize("kind", sorted(BREAKER_KINDS))
    def test_under_classic_breaker_kinds_cool_as_well(self, kind: str) -> None:
        health = after(None, kind, cooldown=CLASSIC)
        assert [(c.lane, c.model, c.until) for c in health.cooldowns] == [(FAILURE, None, NOW + 60)]
        assert circuit_of(after(health, kind, cooldown=CLASSIC), NOW) is Circuit.OPEN

    @pytest.mark.parametrize("kind", ["rate_limit", "billing", "auth", TRANSIENT, "model_not_found"])
    def test_kinds_about_the_credential_never_touch_the_breaker(self, kind: str) -> None:
        health: Health | None = None
        for _ in range(10):
            health = after(health, kind, model="m")
        assert health is not None
        assert health.breaker == BLANK.breaker

    @pytest.mark.parametrize("kind", ["rate_limit", "overloaded"])
    def test_a_trial_that_fails_gives_its_permit_back(self, kind: str) -> None:
        health = opened()
        busy = admit(health.breaker, BREAKER, NOW + 60, "trial")
        assert busy is not None
        health = after(health._replace(breaker=busy), kind, now=NOW + 61, permit="trial", generation=busy.generation)
        assert health.breaker.permits == ()
        expected = Circuit.OPEN if kind == "overloaded" else Circuit.HALF_OPEN
        assert circuit_of(health, NOW + 61) is expected

    def test_billing_and_other_failures_climb_apart(self) -> None:
        health = after(after(after(None, "billing"), "auth"), "auth")
        assert {c.lane: c.step for c in health.cooldowns} == {BILLING: 1, FAILURE: 2}

    def test_rate_limits_rest_one_model_each(self) -> None:
        health = after(after(after(None, "rate_limit", model="a"), "rate_limit", model="b"), "rate_limit", model="a")
        assert {c.model: c.step for c in health.cooldowns} == {"a": 2, "b": 1}

    def test_where_no_model_is_known_scope_model_means_the_profile(self) -> None:
        assert [c.model for c in after(None, "rate_limit").cooldowns] == [None]

    def test_an_outcomes_own_scope_wins_over_the_ladders(self) -> None:
        assert [c.model for c in after(None, "rate_limit", model="m", scope="profile").cooldowns] == [None]
        assert [c.model for c in after(None, "auth", model="m", scope="model").cooldowns] == ["m"]

    def test_scope_provider_cools_the_providers_record_and_not_the_profiles(self) -> None:
        assert after(None, "rate_limit", model="m", scope="provider").cooldowns == ()
        shared = after(None, "rate_limit", model="m", scope="provider", shared=True)
        assert [c.model for c in shared.cooldowns] == [None]

    def test_the_providers_record_stays_the_same_object_when_the_failure_is_not_its(self) -> None:
        shared = after(None, "auth", scope="provider", shared=True)
        assert after(shared, "billing", shared=True) is shared
        assert after(shared, "server", shared=True) is shared

    def test_a_breaker_per_provider_counts_in_the_providers_record_only(self) -> None:
        assert after(None, "server", breaker=PER_PROVIDER).breaker == BLANK.breaker
        assert circuit_of(opened(breaker=PER_PROVIDER, shared=True), NOW) is Circuit.OPEN

    def test_model_not_found_rests_the_pair_in_the_profiles_record(self) -> None:
        assert [(c.lane, c.model) for c in after(None, "model_not_found", model="m").cooldowns] == [(MISSING, "m")]
        assert after(None, "model_not_found", model="m", shared=True) is BLANK
        assert after(None, "model_not_found").cooldowns == ()

    def test_the_profiles_record_says_what_failed_last_and_the_providers_does_not(self) -> None:
        own = after(None, "server", message="503 from upstream")
        assert (own.last_error, own.last_kind, own.last_at) == ("503 from upstream", "server", NOW)
        assert after(own, "auth").last_error is None
        shared = after(None, "server", message="503", breaker=PER_PROVIDER, shared=True)
        assert (shared.last_error, shared.last_kind, shared.last_at) == (None, None, None)

    def test_a_failure_without_a_kind_is_recorded_as_unknown_and_cools(self) -> None:
        health = after(None, TRANSIENT)
        assert health.last_kind == "unknown"
        assert [(c.lane, c.until) for c in health.cooldowns] == [(FAILURE, NOW + 60)]

    def test_a_long_message_is_cut(self) -> None:
        assert after(None, "server", message="x" * 100_000).last_error == "x" * 500

    def test_hint_dice_and_time_of_admission_reach_the_ladder(self) -> None:
        assert after(None, "auth", hint=7.0).cooldowns[0].until == NOW + 7
        patient = replace(ADAPTIVE, retry_after_cap=7200.0)
        assert after(None, "auth", hint=9000.0).cooldowns[0].until == NOW + 600
        assert after(None, "auth", hint=9000.0, cooldown=patient).cooldowns[0].until == NOW + 7200
        assert after(None, "rate_limit", dice=0.5).cooldowns[0].until == NOW + 30 * 1.05
        first = after(None, "auth")
        assert after(first, "auth", admitted_at=NOW - 1).cooldowns == first.cooldowns

    def test_a_stale_generation_does_not_count(self) -> None:
        health = opened()
        assert after(health, "server", now=NOW + 60, generation=0).breaker == health.breaker


class TestRoom:
    """Law 6: at most 64 pairs are remembered."""

    def test_the_model_that_ends_first_makes_room(self) -> None:
        health: Health | None = None
        for n in range(65):
            health = after(health, "model_not_found", model=f"m{n}", now=NOW + n)
        assert health is not None
        models = [c.model for c in health.cooldowns]
        assert len(models) == 64
        assert "m0" not in models

    def test_unknown_models_never_push_out_the_rest_of_the_whole_profile(self) -> None:
        """A profile without credit stays refused, however many wrong model names are tried on it."""
        health = after(after(None, "billing"), "auth")
        for n in range(200):
            health = after(health, "model_not_found", model=f"m{n}", now=NOW + 1)
        assert len(health.cooldowns) == 64
        assert judged(health, model="m").until == NOW + 600
        assert {c.lane: c.step for c in health.cooldowns if c.model is None} == {BILLING: 1, FAILURE: 1}

    def test_a_pair_that_is_known_takes_no_more_room(self) -> None:
        health: Health | None = None
        for n in range(64):
            health = after(health, "model_not_found", model=f"m{n}")
        assert health is not None
        again = after(health, "model_not_found", model="m0")
        assert {c.model for c in again.cooldowns} == {c.model for c in health.cooldowns}


class TestReach:
    """Which failures concern the provider's record."""

    def test_by_the_breakers_scope(self) -> None:
        assert reaches_provider("server", None, PER_PROVIDER, ADAPTIVE)
        assert not reaches_provider("server", None, BREAKER, ADAPTIVE)
        assert not reaches_provider("server", None, BreakerPolicy(scope="provider", mode="off"), ADAPTIVE)

    def test_by_the_cooldowns_scope(self) -> None:
        assert reaches_provider("billing", "provider", BREAKER, ADAPTIVE)
        assert not reaches_provider("billing", "profile", BREAKER, ADAPTIVE)
        assert not reaches_provider("billing", None, BREAKER, ADAPTIVE)
        assert not reaches_provider("server", "provider", BREAKER, ADAPTIVE)

    def test_each_kind_has_its_lane_and_ladder(self) -> None:
        assert ADAPTIVE.rules.get("billing") == (BILLING, ADAPTIVE.billing)
        assert ADAPTIVE.rules.get("rate_limit") == (FAILURE, ADAPTIVE.rate_limit)
        assert ADAPTIVE.rules.get("auth") == (FAILURE, ADAPTIVE.auth)
        assert ADAPTIVE.rules.get(TRANSIENT) == (FAILURE, ADAPTIVE.transient)
        assert ADAPTIVE.rules.get("server") is None
        assert CLASSIC.rules.get("server") == (FAILURE, CLASSIC.transient)
        assert CLASSIC.rules.get("model_not_found") is None


class TestSuccess:
    """Law 4: what a success clears."""

    def test_nothing_to_reset_changes_nothing(self) -> None:
        assert succeeded(None, NOW) is None
        assert succeeded(BLANK, NOW) is BLANK
        only_words = after(None, "model_not_found")
        assert succeeded(only_words, NOW, model="m") is only_words

    def test_an_explicit_report_ends_every_rest_and_empties_the_count(self) -> None:
        health = after(after(after(None, "server"), "billing"), "rate_limit", model="m")
        healthy = succeeded(health, NOW)
        assert healthy is not None
        assert (healthy.cooldowns, healthy.breaker.failures) == ((), ())

    def test_a_models_success_clears_itself_and_the_profile_and_no_other_model(self) -> None:
        health: Health | None = after(None, "billing")
        for model in ("a", "b"):
            health = after(health, "rate_limit", model=model)
        health = succeeded(health, NOW, model="a")
        assert health is not None
        assert [c.model for c in health.cooldowns] == ["b"]

    def test_it_does_not_end_a_rest_that_began_after_its_caller_was_admitted(self) -> None:
        health = after(None, "auth")
        assert succeeded(health, NOW + 10, admitted_at=NOW - 5) is health
        assert succeeded(health, NOW + 10, admitted_at=NOW) is health

    def test_it_ends_a_rest_during_which_its_caller_was_admitted(self) -> None:
        """Whoever let that caller in knew better; the success proves it."""
        health = succeeded(after(None, "auth"), NOW + 10, admitted_at=NOW + 5)
        assert health is not None
        assert health.cooldowns == ()

    def test_it_clears_the_count_of_a_rest_that_is_over(self) -> None:
        health = succeeded(after(None, "auth"), NOW + 300, admitted_at=NOW - 5)
        assert health is not None
        assert health.cooldowns == ()

    def test_it_closes_a_half_open_breaker(self) -> None:
        health = succeeded(opened(), NOW + 60, admitted_at=NOW + 60, generation=1)
        assert circuit_of(health, NOW + 60) is Circuit.CLOSED

    def test_a_stale_success_gives_its_permit_back_and_closes_nothing(self) -> None:
        health = opened()
        busy = admit(health.breaker, BREAKER, NOW + 60, "trial")
        assert busy is not None
        freed = succeeded(health._replace(breaker=busy), NOW + 61, generation=0, permit="trial")
        assert freed is not None
        assert freed.breaker.permits == ()
        assert circuit_of(freed, NOW + 61) is Circuit.HALF_OPEN

    def test_it_keeps_the_memory_of_the_last_error(self) -> None:
        health = succeeded(after(None, "auth", message="bad key"), NOW)
        assert health is not None
        assert health.last_error == "bad key"


class TestRecovery:
    """Ending cooldowns by hand."""

    def test_it_ends_what_runs_and_keeps_the_count(self) -> None:
        health = recovered(after(None, "auth"), NOW + 10)
        assert judged(health, now=NOW + 10).state is State.FREE
        assert after(health, "auth", now=NOW + 20).cooldowns[0].until == NOW + 20 + 600

    def test_nothing_running_changes_nothing(self) -> None:
        health = after(None, "auth")
        assert recovered(health, NOW + 300) is health
        assert recovered(None, NOW) is None

    def test_it_does_not_move_the_end_of_a_rest_that_is_over(self) -> None:
        health = after(after(None, "billing"), "auth", now=NOW + 400)
        ended = recovered(health, NOW + 650)
        assert ended is not None
        assert {c.lane: c.until for c in ended.cooldowns} == {BILLING: NOW + 600, FAILURE: NOW + 650}

    def test_it_leaves_the_breaker_alone(self) -> None:
        health = recovered(after(opened(), "auth"), NOW + 1)
        assert circuit_of(health, NOW + 1) is Circuit.OPEN


def test_what_runs_leaves_out_what_is_over_and_what_is_merely_unknown() -> None:
    health = after(after(after(None, "billing"), "auth"), "model_not_found", model="m")
    assert [c.lane for c in running(health, NOW)] == [BILLING, FAILURE]
    assert [c.lane for c in running(health, NOW + 300)] == [BILLING]
    assert running(None, NOW) == ()


def test_the_circuit_of_nothing_is_closed() -> None:
    assert circuit_of(None, NOW) is Circuit.CLOSED


class TestClamp:
    """Clock skew over the whole record."""

    def test_a_sane_record_is_the_same_object(self) -> None:
        health = after(opened(), "billing")
        assert clamped(health, BREAKER, NOW) is health

    def test_breaker_and_cooldowns_are_both_mended(self) -> None:
        health = clamped(after(opened(now=NOW + HOUR), "billing", now=NOW + HOUR), BREAKER, NOW)
        assert judged(health).until == NOW + 600
        assert health.breaker.until == NOW + 60

    def test_either_alone_is_mended(self) -> None:
        assert clamped(opened(now=NOW + HOUR), BREAKER, NOW).breaker.until == NOW + 60
        assert clamped(after(None, "billing", now=NOW + HOUR), BREAKER, NOW).cooldowns[0].until == NOW + 600


class TestSkew:
    """What only a clock that was set back explains."""

    def test_a_record_of_now_is_sane(self) -> None:
        health = after(opened(), "billing")
        busy = admit(health.breaker, BREAKER, NOW + 60, "trial")
        assert busy is not None
        assert not skewed(health, BREAKER, NOW)
        assert not skewed(health._replace(breaker=busy), BREAKER, NOW + 60)
        assert not skewed(after(None, "server"), BREAKER, NOW)

    def test_any_part_of_it_may_lie_in_the_future(self) -> None:
        half_open = opened().breaker
        busy = admit(half_open, BREAKER, NOW + 60, "trial")
        assert busy is not None
        assert skewed(after(None, "billing"), BREAKER, NOW - 1)
        assert skewed(opened(), BREAKER, NOW - 1)
        assert skewed(after(None, "server"), BREAKER, NOW - 1)
        assert skewed(BLANK._replace(breaker=busy), BREAKER, NOW + 59)


def test_a_circuit_opened_by_hand_gates_like_any_other() -> None:
    health = BLANK._replace(breaker=trip(BLANK.breaker, BREAKER, NOW))
    assert judged(health).why == "circuit open"
