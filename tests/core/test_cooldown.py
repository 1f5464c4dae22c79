"""Cooldowns: the two presets step by step, hints, incidents, quiet, and whom a rest concerns."""

from __future__ import annotations

import pytest

from cbauth.core.cooldown import (
    ADAPTIVE,
    BILLING,
    CLASSIC,
    FAILURE,
    MISSING,
    MODEL_REST,
    PRESETS,
    Cooldown,
    Ladder,
    clamp,
    cool,
    covers,
    rest,
)

NOW = 1_700_000_000.0
HOUR = 3600.0
LADDER = Ladder(base=60.0, factor=5.0, cap=3600.0)


def again(
    previous: Cooldown | None,
    now: float,
    *,
    ladder: Ladder = LADDER,
    hint: float | None = None,
    admitted_at: float | None = None,
    dice: float = 0.0,
    hint_cap: float = 600.0,
) -> Cooldown:
    """One more failure of the whole profile."""
    return cool(
        previous,
        ladder,
        lane=FAILURE,
        model=None,
        kind="auth",
        now=now,
        dice=dice,
        hint=hint,
        hint_cap=hint_cap,
        admitted_at=admitted_at,
    )


def climb(ladder: Ladder, steps: int) -> list[float]:
    """The lengths of so many cooldowns in a row, each failing the moment the last one ends."""
    now, previous, lengths = NOW, None, []
    for _ in range(steps):
        previous = again(previous, now, ladder=ladder)
        lengths.append(previous.until - now)
        now = previous.until
    return lengths


class TestPresets:
    """The ladders of SPEC section 1, second by second."""

    def test_classic_rests_1_5_25_60_minutes_for_every_failure_but_billing(self) -> None:
        for ladder in (CLASSIC.rate_limit, CLASSIC.auth, CLASSIC.transient):
            assert climb(ladder, 6) == [60.0, 300.0, 1500.0, 3600.0, 3600.0, 3600.0]

    def test_classic_rests_5_10_20_24_hours_for_billing(self) -> None:
        assert climb(CLASSIC.billing, 5) == [5 * HOUR, 10 * HOUR, 20 * HOUR, 24 * HOUR, 24 * HOUR]

    def test_classic_rests_whole_profiles_without_jitter_and_cools_breaker_kinds(self) -> None:
        ladders = (CLASSIC.rate_limit, CLASSIC.billing, CLASSIC.auth, CLASSIC.transient)
        assert {ladder.scope for ladder in ladders} == {"profile"}
        assert {ladder.jitter for ladder in ladders} == {0.0}
        assert CLASSIC.cools_breaker_kinds

    def test_adaptive_rate_limits_rest_one_model_from_30_seconds_to_5_minutes(self) -> None:
        assert climb(ADAPTIVE.rate_limit, 6) == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0]
        assert (ADAPTIVE.rate_limit.scope, ADAPTIVE.rate_limit.jitter) == ("model", 0.1)

    def test_adaptive_billing_and_auth_rest_the_profile(self) -> None:
        assert climb(ADAPTIVE.billing, 3) == [600.0, 1200.0, 2400.0]
        assert ADAPTIVE.billing.step(10**6) == 24 * HOUR
        assert climb(ADAPTIVE.auth, 5) == [300.0, 600.0, 1200.0, 2400.0, 3600.0]
        assert (ADAPTIVE.billing.scope, ADAPTIVE.auth.scope) == ("profile", "profile")

    def test_adaptive_leaves_breaker_kinds_to_the_breaker(self) -> None:
        assert not ADAPTIVE.cools_breaker_kinds
        assert climb(ADAPTIVE.transient, 4) == [60.0, 300.0, 1500.0, 3600.0]

    def test_presets_are_found_by_name_and_cap_hints_at_10_minutes(self) -> None:
        assert dict(PRESETS) == {"adaptive": ADAPTIVE, "classic": CLASSIC}
        assert [(name, preset.preset, preset.retry_after_cap) for name, preset in PRESETS.items()] == [
            ("adaptive", "adaptive", 600.0),
            ("classic", "classic", 600.0),
        ]


class TestRunning:
    """Law 1: a running cooldown is never shortened."""

    def test_a_second_failure_lengthens_and_climbs(self) -> None:
        second = again(again(None, NOW), NOW + 10)
        assert (second.step, second.until) == (2, NOW + 310)

    def test_a_short_hint_keeps_the_longer_rest(self) -> None:
        long = again(again(None, NOW), NOW)
        assert again(long, NOW + 1, hint=5.0).until == long.until

    def test_a_failure_on_a_shorter_ladder_keeps_the_longer_rest(self) -> None:
        long = again(again(None, NOW), NOW)
        short = again(long, NOW + 1, ladder=Ladder(base=1.0, factor=1.0, cap=1.0))
        assert (short.until, short.step) == (long.until, 3)


class TestHints:
    """Law 3: what the provider says replaces the step."""

    def test_it_replaces_the_step_upwards_and_downwards(self) -> None:
        assert again(None, NOW, hint=200.0).until == NOW + 200
        assert again(None, NOW, hint=2.5).until == NOW + 2.5

    def test_it_is_honoured_up_to_the_cap_even_beyond_the_ladder(self) -> None:
        assert again(None, NOW, hint=1e9, hint_cap=7200.0).until == NOW + 7200
        assert again(None, NOW, hint=float("inf")).until == NOW + 600

    def test_it_is_never_jittered(self) -> None:
        jumpy = Ladder(base=60.0, factor=2.0, cap=600.0, jitter=1.0)
        assert again(None, NOW, ladder=jumpy, hint=100.0, dice=0.99).until == NOW + 100

    def test_it_still_counts_as_a_step(self) -> None:
        first = again(None, NOW, hint=1.0)
        assert again(first, NOW + 2).until == NOW + 2 + 300

    @pytest.mark.parametrize("hint", [None, 0.0, -30.0, float("nan")])
    def test_a_hint_that_is_no_positive_length_is_no_hint(self, hint: float | None) -> None:
        assert again(None, NOW, hint=hint).until == NOW + 60
        incident = again(None, NOW)
        assert again(incident, NOW + 1, hint=hint, admitted_at=NOW) == incident


class TestQuiet:
    """Law 4: what ends a count."""

    def test_the_end_of_a_cooldown_keeps_the_count(self) -> None:
        first = again(None, NOW)
        assert again(first, first.until + 1).step == 2

    def test_quiet_as_long_as_the_cap_keeps_the_count(self) -> None:
        first = again(None, NOW)
        assert again(first, first.until + LADDER.cap).step == 2

    def test_quiet_longer_than_the_cap_forgets_it(self) -> None:
        first = again(None, NOW)
        fresh = again(first, first.until + LADDER.cap + 0.001)
        assert fresh.step == 1
        assert fresh.until == pytest.approx(first.until + LADDER.cap + 60)

    def test_quiet_is_measured_from_the_end_and_not_from_the_failure(self) -> None:
        long = again(None, NOW, hint=7200.0, hint_cap=7200.0)
        assert again(long, NOW + 7200 + 3599).step == 2


class TestIncidents:
    """Law 5: many callers, one incident."""

    def test_callers_admitted_before_it_began_climb_no_step(self) -> None:
        first = again(None, NOW)
        for late in range(1, 60):
            assert again(first, NOW + late, admitted_at=NOW - 1) is first

    def test_a_caller_admitted_at_its_very_beginning_belongs_to_it(self) -> None:
        first = again(None, NOW)
        assert again(first, NOW + 1, admitted_at=NOW) is first

    def test_a_longer_hint_lengthens_it_without_a_step(self) -> None:
        first = again(None, NOW)
        longer = again(first, NOW + 1, hint=500.0, admitted_at=NOW - 1)
        assert (longer.step, longer.since, longer.until) == (1, NOW, NOW + 501)

    def test_a_shorter_hint_changes_nothing(self) -> None:
        first = again(None, NOW)
        assert again(first, NOW + 1, hint=3.0, admitted_at=NOW - 1) is first

    def test_its_hint_is_capped_too(self) -> None:
        first = again(None, NOW)
        assert again(first, NOW + 1, hint=1e9, admitted_at=NOW - 1).until == NOW + 601

    def test_a_caller_admitted_during_it_climbs(self) -> None:
        first = again(None, NOW)
        assert again(first, NOW + 2, admitted_at=NOW + 1).step == 2

    def test_once_it_is_over_a_late_failure_climbs(self) -> None:
        first = again(None, NOW)
        assert again(first, first.until, admitted_at=NOW - 1).step == 2

    def test_an_explicit_report_always_climbs(self) -> None:
        first = again(None, NOW)
        assert again(first, NOW).step == 2


class TestMissingModels:
    """The rest of a pair whose provider does not know the model."""

    def test_it_lasts_an_hour_however_often_it_is_said(self) -> None:
        first = rest(None, model="gpt-9", now=NOW)
        assert first == Cooldown(MISSING, "gpt-9", "model_not_found", 1, NOW, NOW + MODEL_REST, 0.0)
        second = rest(first, model="gpt-9", now=NOW + 10)
        assert (second.step, second.until) == (2, NOW + 10 + HOUR)


class TestCovers:
    """Whom a rest holds up."""

    PROFILE = again(None, NOW)
    MODEL = cool(None, LADDER, lane=FAILURE, model="a", kind="rate_limit", now=NOW, dice=0.0)
    UNKNOWN = rest(None, model="a", now=NOW)

    def test_a_resting_profile_holds_up_everything(self) -> None:
        assert [covers(self.PROFILE, m) for m in ("a", "b", None)] == [True, True, True]

    def test_a_resting_model_holds_up_itself_and_requests_that_name_none(self) -> None:
        assert [covers(self.MODEL, m) for m in ("a", "b", None)] == [True, False, True]

    def test_an_unknown_model_holds_up_only_itself(self) -> None:
        assert [covers(self.UNKNOWN, m) for m in ("a", "b", None)] == [True, False, False]


class TestClamp:
    """A clock that was set back."""

    def test_a_rest_that_has_begun_is_the_same_object(self) -> None:
        first = again(None, NOW)
        assert clamp(first, NOW) is first
        assert clamp(first, NOW + 1e6) is first

    def test_a_rest_that_begins_in_the_future_begins_now_and_lasts_as_long(self) -> None:
        first = again(None, NOW + 10 * HOUR)
        mended = clamp(first, NOW)
        assert (mended.since, mended.until, mended.step) == (NOW, NOW + 60, 1)

    def test_a_failure_after_the_clock_was_set_back_does_not_hide_the_skew(self) -> None:
        """The old deadline is kept, and so is the mark by which clamp finds it out."""
        ahead = again(None, NOW + 10 * HOUR)
        mended = clamp(again(ahead, NOW), NOW)
        assert mended.until <= NOW + LADDER.cap
        assert mended.step == 2

    def test_a_rest_ended_by_hand_in_the_future_is_over(self) -> None:
        ended = again(None, NOW + HOUR)._replace(until=NOW)
        assert clamp(ended, NOW).until == NOW


def test_lanes_have_names_of_their_own() -> None:
    assert len({FAILURE, BILLING, MISSING}) == 3


def test_the_count_saturates() -> None:
    worn = again(None, NOW)._replace(step=1_000_000)
    assert again(worn, NOW).step == 1_000_000
    assert rest(worn, model="a", now=NOW).step == 1_000_000
