"""The breaker: its table line by line, then the cases the laws were written for. Events in, states out."""

from __future__ import annotations

import pytest

from cbauth.core.breaker import (
    CLOSED,
    Breaker,
    BreakerPolicy,
    Circuit,
    Permit,
    admit,
    circuit,
    clamp,
    fail,
    failure_count,
    free_at,
    release,
    succeed,
    trip,
)

NOW = 1_700_000_000.0
HOUR = 3600.0
POLICY = BreakerPolicy(
    failure_threshold=3, failure_decay=300.0, open_for=60.0, half_open_permits=1, permit_timeout=600.0
)
HALF = NOW + POLICY.open_for
"""The moment at which a breaker opened at NOW becomes half-open."""


def failing(times: int, at: float = NOW, policy: BreakerPolicy = POLICY) -> Breaker:
    """A fresh breaker after so many failures at one moment."""
    breaker = CLOSED
    for _ in range(times):
        breaker = fail(breaker, policy, at)
    return breaker


def admitted(breaker: Breaker, at: float, name: str = "trial", policy: BreakerPolicy = POLICY) -> Breaker:
    """The breaker after ``name`` was let in."""
    after = admit(breaker, policy, at, name)
    assert after is not None
    return after


class TestTable:
    """The state machine in the module's docstring: four rows, three columns."""

    def test_closed_failure_counts(self) -> None:
        breaker = failing(2)
        assert circuit(breaker, NOW) is Circuit.CLOSED
        assert failure_count(breaker, POLICY, NOW) == 2

    def test_closed_failure_opens_at_the_threshold(self) -> None:
        assert circuit(failing(3), NOW) is Circuit.OPEN

    def test_open_failure_is_void(self) -> None:
        breaker = failing(3)
        assert fail(breaker, POLICY, NOW + 30) == breaker

    def test_half_open_failure_opens_again_for_the_full_length(self) -> None:
        breaker = fail(failing(3), POLICY, HALF + 5)
        assert circuit(breaker, HALF + 5) is Circuit.OPEN
        assert breaker.until == HALF + 5 + POLICY.open_for

    def test_closed_success_empties_the_count(self) -> None:
        breaker = succeed(failing(2), NOW)
        assert failure_count(breaker, POLICY, NOW) == 0
        assert circuit(fail(fail(breaker, POLICY, NOW), POLICY, NOW), NOW) is Circuit.CLOSED

    def test_open_success_is_void(self) -> None:
        breaker = failing(3)
        assert succeed(breaker, NOW + 59.9) == breaker

    def test_half_open_success_closes(self) -> None:
        breaker = succeed(failing(3), HALF)
        assert circuit(breaker, HALF) is Circuit.CLOSED
        assert failure_count(breaker, POLICY, HALF) == 0

    def test_closed_admits_freely_and_without_a_permit(self) -> None:
        breaker = failing(2)
        assert free_at(breaker, POLICY, NOW) is None
        assert admit(breaker, POLICY, NOW, "anyone") is breaker

    def test_open_refuses_until_its_time_is_up(self) -> None:
        breaker = failing(3)
        assert free_at(breaker, POLICY, NOW + 59.9) == HALF
        assert admit(breaker, POLICY, NOW + 59.9, "early") is None

    def test_half_open_gives_a_permit_then_refuses_until_one_returns(self) -> None:
        breaker = admitted(failing(3), HALF)
        assert breaker.permits == (Permit("trial", HALF + POLICY.permit_timeout),)
        assert free_at(breaker, POLICY, HALF) == HALF + POLICY.permit_timeout
        assert admit(breaker, POLICY, HALF, "second") is None
        assert admit(release(breaker, "trial"), POLICY, HALF, "second") is not None

    def test_closed_time_lets_failures_decay(self) -> None:
        breaker = failing(2)
        assert failure_count(breaker, POLICY, NOW + 299.9) == 2
        assert failure_count(breaker, POLICY, NOW + 300.0) == 0

    def test_open_time_turns_it_half_open_at_until(self) -> None:
        breaker = failing(3)
        assert circuit(breaker, HALF - 0.001) is Circuit.OPEN
        assert circuit(breaker, HALF) is Circuit.HALF_OPEN
        assert free_at(breaker, POLICY, HALF) is None

    def test_half_open_time_makes_permits_run_out(self) -> None:
        breaker = admitted(failing(3), HALF)
        late = HALF + POLICY.permit_timeout
        assert admit(breaker, POLICY, late - 0.001, "second") is None
        assert [p.name for p in admitted(breaker, late, "second").permits] == ["second"]


class TestCounting:
    """Law 4 and law 7: what counts, for how long, in how little memory."""

    def test_one_success_between_failures_starts_the_count_anew(self) -> None:
        breaker = fail(fail(succeed(failing(2), NOW), POLICY, NOW), POLICY, NOW)
        assert circuit(breaker, NOW) is Circuit.CLOSED

    def test_failures_spread_wider_than_the_decay_never_open(self) -> None:
        breaker = CLOSED
        for n in range(50):
            breaker = fail(breaker, POLICY, NOW + n * 150.0)
        assert circuit(breaker, NOW + 50 * 150.0) is Circuit.CLOSED

    def test_a_threshold_of_one_opens_at_once(self) -> None:
        policy = BreakerPolicy(failure_threshold=1)
        assert circuit(failing(1, policy=policy), NOW) is Circuit.OPEN

    @pytest.mark.parametrize("threshold", [64, 65, 66, 1000])
    def test_a_high_threshold_opens_at_exactly_that_many(self, threshold: int) -> None:
        policy = BreakerPolicy(failure_threshold=threshold)
        before = failing(threshold - 1, policy=policy)
        assert circuit(before, NOW) is Circuit.CLOSED
        assert failure_count(before, policy, NOW) == threshold - 1
        assert circuit(fail(before, policy, NOW), NOW) is Circuit.OPEN

    def test_a_steady_trickle_below_a_high_threshold_never_opens(self) -> None:
        """100 failures per decay against a threshold of 200: neighbours merge, yet the old ones still decay."""
        policy = BreakerPolicy(failure_threshold=200, failure_decay=300.0)
        breaker = CLOSED
        for n in range(2000):
            at = NOW + n * 3.0
            breaker = fail(breaker, policy, at)
            assert circuit(breaker, at) is Circuit.CLOSED
            assert len(breaker.failures) <= 64
        assert 100 <= failure_count(breaker, policy, at) <= 102

    def test_without_decay_time_only_failures_of_one_moment_count(self) -> None:
        policy = BreakerPolicy(failure_threshold=1000, failure_decay=0.0)
        breaker = CLOSED
        for n in range(200):
            breaker = fail(breaker, policy, NOW - n)
        assert len(breaker.failures) <= 64

    def test_an_open_breaker_still_shows_what_opened_it_until_that_decays(self) -> None:
        breaker = failing(3)
        assert failure_count(breaker, POLICY, NOW) == 3
        assert failure_count(breaker, POLICY, NOW + 300) == 0

    def test_a_failed_trial_counts_and_a_good_one_empties_the_count(self) -> None:
        half_open = trip(CLOSED, POLICY, NOW)
        assert failure_count(fail(half_open, POLICY, HALF), POLICY, HALF) == 1
        assert failure_count(succeed(failing(3), HALF), POLICY, HALF) == 0

    def test_the_count_saturates_at_the_threshold(self) -> None:
        breaker = failing(5, policy=BreakerPolicy(failure_threshold=1000))
        assert failure_count(breaker, BreakerPolicy(failure_threshold=4), NOW) == 4


class TestPermits:
    """Laws 2 and 3: how many trials, and how a permit comes back."""

    POLICY = BreakerPolicy(failure_threshold=1, open_for=60.0, half_open_permits=2, permit_timeout=600.0)

    def half_open(self) -> Breaker:
        return failing(1, policy=self.POLICY)

    def test_two_permits_admit_two_trials_and_no_third(self) -> None:
        breaker = admitted(self.half_open(), HALF, "a", self.POLICY)
        breaker = admitted(breaker, HALF + 10, "b", self.POLICY)
        assert admit(breaker, self.POLICY, HALF + 20, "c") is None
        assert free_at(breaker, self.POLICY, HALF + 20) == HALF + 600

    def test_more_trials_than_a_tightened_policy_allows_must_run_out_first(self) -> None:
        breaker = admitted(self.half_open(), HALF, "a", self.POLICY)
        breaker = admitted(breaker, HALF + 10, "b", self.POLICY)
        assert free_at(breaker, POLICY, HALF + 20) == HALF + 610

    def test_a_permit_that_is_gone_can_be_released_again(self) -> None:
        breaker = self.half_open()
        assert release(breaker, "nobody") is breaker

    def test_releasing_one_permit_leaves_the_others(self) -> None:
        breaker = admitted(admitted(self.half_open(), HALF, "a", self.POLICY), HALF, "b", self.POLICY)
        assert [p.name for p in release(breaker, "a").permits] == ["b"]

    def test_opening_again_voids_the_permits(self) -> None:
        breaker = fail(admitted(self.half_open(), HALF, "a", self.POLICY), self.POLICY, HALF + 1)
        assert breaker.permits == ()

    def test_tested_tells_whether_a_trial_of_this_opening_was_let_in(self) -> None:
        breaker = self.half_open()
        assert not breaker.tested
        breaker = admitted(breaker, HALF, "a", self.POLICY)
        assert breaker.tested
        assert release(breaker, "a").tested
        assert not trip(breaker, self.POLICY, HALF).tested


class TestGenerations:
    """Laws 5 and 6: whose answers count."""

    def test_a_failure_from_before_the_opening_is_void(self) -> None:
        old = CLOSED.generation
        breaker = failing(3)
        assert fail(breaker, POLICY, HALF, old) == breaker

    def test_a_success_from_before_the_opening_is_void(self) -> None:
        old = CLOSED.generation
        breaker = failing(3)
        assert succeed(breaker, HALF, old) == breaker

    def test_a_late_success_closes_a_half_open_breaker_that_nothing_else_changed(self) -> None:
        breaker = admitted(failing(3), HALF, "slow")
        late = HALF + POLICY.permit_timeout + HOUR
        assert circuit(succeed(breaker, late, breaker.generation), late) is Circuit.CLOSED

    def test_a_late_success_closes_even_while_the_next_trial_runs(self) -> None:
        breaker = admitted(failing(3), HALF, "slow")
        generation = breaker.generation
        late = HALF + POLICY.permit_timeout
        breaker = admitted(breaker, late, "next")
        assert succeed(breaker, late + 1, generation) == Breaker(generation=generation)

    def test_a_late_success_is_void_once_another_trial_failed(self) -> None:
        breaker = admitted(failing(3), HALF, "slow")
        generation = breaker.generation
        late = HALF + POLICY.permit_timeout
        breaker = fail(admitted(breaker, late, "next"), POLICY, late, generation)
        assert succeed(breaker, late + POLICY.open_for, generation) == breaker

    def test_closing_keeps_the_generation_so_that_old_answers_stay_void(self) -> None:
        breaker = succeed(failing(3), HALF)
        assert breaker.generation == 1
        assert fail(breaker, POLICY, HALF, 0) is breaker

    def test_each_opening_is_a_new_generation(self) -> None:
        breaker = failing(3)
        assert fail(breaker, POLICY, HALF).generation == breaker.generation + 1

    def test_a_success_with_nothing_to_reset_is_the_same_object(self) -> None:
        assert succeed(CLOSED, NOW) is CLOSED


class TestModes:
    """``observe`` counts and opens like ``enforce``; ``off`` does not count."""

    def test_observe_opens(self) -> None:
        assert circuit(failing(3, policy=BreakerPolicy(mode="observe")), NOW) is Circuit.OPEN

    def test_off_never_counts(self) -> None:
        assert failing(100, policy=BreakerPolicy(mode="off")) is CLOSED


class TestTrip:
    """Opening by hand."""

    def test_it_opens_a_healthy_breaker_for_the_full_length(self) -> None:
        breaker = trip(CLOSED, POLICY, NOW)
        assert circuit(breaker, NOW) is Circuit.OPEN
        assert free_at(breaker, POLICY, NOW) == HALF

    def test_it_starts_an_open_breaker_over(self) -> None:
        assert trip(failing(3), POLICY, NOW + 30).until == NOW + 90

    def test_opening_for_no_time_is_half_open_at_once(self) -> None:
        policy = BreakerPolicy(failure_threshold=1, open_for=0.0)
        breaker = failing(1, policy=policy)
        assert circuit(breaker, NOW) is Circuit.HALF_OPEN
        assert admit(breaker, policy, NOW, "trial") is not None


class TestClamp:
    """A clock that was set back locks nobody out for longer than the policy allows."""

    def test_a_sane_record_is_the_same_object(self) -> None:
        for breaker in (CLOSED, failing(2), failing(3), admitted(failing(3), HALF)):
            assert clamp(breaker, POLICY, HALF) is breaker

    def test_an_opening_in_the_future_opens_now_instead(self) -> None:
        breaker = clamp(failing(3, at=NOW + 5 * HOUR), POLICY, NOW)
        assert (breaker.since, breaker.until) == (NOW, NOW + 60)

    def test_an_opening_longer_than_the_policy_allows_is_cut(self) -> None:
        breaker = Breaker(since=NOW - 1, until=NOW + 9 * HOUR, generation=1)
        assert clamp(breaker, POLICY, NOW).until == NOW + POLICY.open_for

    def test_an_opening_without_a_beginning_is_cut(self) -> None:
        breaker = Breaker(since=None, until=NOW + 9 * HOUR, generation=1)
        assert clamp(breaker, POLICY, NOW).until == NOW + POLICY.open_for

    def test_a_short_opening_stays_short(self) -> None:
        short = BreakerPolicy(failure_threshold=1, open_for=10.0)
        breaker = failing(1, at=NOW + HOUR, policy=short)
        assert clamp(breaker, POLICY, NOW).until == NOW + 10

    def test_a_permit_from_the_future_runs_out_in_time(self) -> None:
        breaker = admitted(failing(3), HALF + 5 * HOUR)
        mended = clamp(breaker, POLICY, HALF)
        assert [p.deadline for p in mended.permits] == [HALF + POLICY.permit_timeout]

    def test_failures_from_the_future_decay_from_now_on(self) -> None:
        breaker = clamp(failing(2, at=NOW + HOUR), POLICY, NOW)
        assert failure_count(breaker, POLICY, NOW) == 2
        assert failure_count(breaker, POLICY, NOW + POLICY.failure_decay) == 0
