"""Backoff: what each ladder answers, step by step."""

from __future__ import annotations

import pytest

from cbauth.core.backoff import Backoff

MINUTES = Backoff(base=60.0, factor=5.0, cap=3600.0)


def test_a_ladder_climbs_by_its_factor_and_stays_at_its_cap() -> None:
    assert [MINUTES.step(n) for n in range(1, 6)] == [60.0, 300.0, 1500.0, 3600.0, 3600.0]


@pytest.mark.parametrize("count", [1, 0, -1, -(10**400)])
def test_a_count_of_one_or_less_is_the_first_step(count: int) -> None:
    assert MINUTES.step(count) == 60.0


def test_the_first_step_is_never_longer_than_the_cap() -> None:
    assert Backoff(base=600.0, factor=2.0, cap=30.0).step(1) == 30.0


def test_a_step_that_lands_on_the_cap_is_the_cap() -> None:
    assert Backoff(base=30.0, factor=2.0, cap=240.0).step(4) == 240.0


def test_a_factor_of_one_repeats_the_base() -> None:
    ladder = Backoff(base=7.0, factor=1.0, cap=100.0)
    assert [ladder.step(n) for n in (1, 2, 50, 10**400)] == [7.0] * 4


def test_a_factor_below_one_gets_shorter_and_still_respects_the_cap() -> None:
    ladder = Backoff(base=100.0, factor=0.5, cap=80.0)
    assert [ladder.step(n) for n in (1, 2, 3)] == [80.0, 50.0, 25.0]
    assert ladder.step(10**400) == 0.0


@pytest.mark.parametrize("base", [0.0, -1.0])
def test_a_base_of_nothing_never_waits(base: float) -> None:
    assert [Backoff(base=base, factor=2.0, cap=60.0).step(n) for n in (1, 2, 1000)] == [0.0] * 3


def test_a_cap_of_nothing_never_waits() -> None:
    assert [Backoff(base=1.0, factor=2.0, cap=0.0).step(n) for n in (1, 2, 1000)] == [0.0] * 3


@pytest.mark.parametrize("count", [64, 5_000, 1_000_000, 10**400])
@pytest.mark.parametrize("base", [1e-300, 1.0, 1e300])
@pytest.mark.parametrize("cap", [1e-300, 3600.0, 1e300])
def test_huge_counts_and_extreme_lengths_saturate_at_the_cap(base: float, cap: float, count: int) -> None:
    step = Backoff(base=base, factor=1e6, cap=cap).step(count)
    assert step == cap


def test_jitter_adds_its_share_of_the_step() -> None:
    ladder = Backoff(base=30.0, factor=2.0, cap=300.0, jitter=0.1)
    assert ladder.jittered(2, 0.0) == 60.0
    assert ladder.jittered(2, 0.5) == pytest.approx(63.0)
    assert ladder.jittered(9, 0.5) == pytest.approx(315.0)


def test_without_jitter_dice_change_nothing() -> None:
    assert MINUTES.jittered(2, 0.999) == MINUTES.step(2)
