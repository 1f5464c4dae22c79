"""The laws of core/backoff.py, for any ladder, count and dice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cbauth.core.backoff import Backoff

lengths = st.floats(min_value=0.001, max_value=1e7)
factors = st.one_of(st.just(1.0), st.floats(min_value=1.001, max_value=100.0))
counts = st.one_of(st.integers(min_value=1, max_value=50), st.integers(min_value=1))
dice = st.floats(min_value=0.0, max_value=1.0, exclude_max=True)
ladders = st.builds(Backoff, base=lengths, factor=factors, cap=lengths, jitter=st.floats(min_value=0.0, max_value=2.0))


@given(ladders, counts)
def test_law_1_starts_at_the_base_and_never_passes_the_cap(ladder: Backoff, count: int) -> None:
    assert ladder.step(1) == min(ladder.base, ladder.cap)
    assert 0.0 < ladder.step(count) <= ladder.cap


@given(ladders, counts, counts)
def test_law_2_a_ladder_never_gets_shorter(ladder: Backoff, one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert ladder.step(low) <= ladder.step(high)


@given(ladders, st.integers(min_value=1, max_value=6))
def test_each_step_is_the_last_one_times_the_factor_until_the_cap(ladder: Backoff, count: int) -> None:
    expected = min(ladder.step(count) * ladder.factor, ladder.cap)
    assert abs(ladder.step(count + 1) - expected) <= 1e-9 * expected


@given(ladders, counts, dice)
def test_law_3_jitter_only_lengthens_and_by_no_more_than_its_share(ladder: Backoff, count: int, die: float) -> None:
    step = ladder.step(count)
    assert step <= ladder.jittered(count, die) <= step * (1.0 + ladder.jitter)
    assert ladder.jittered(count, 0.0) == step


@given(
    base=st.floats(min_value=0.0, allow_infinity=False),
    factor=st.floats(min_value=0.0),
    cap=st.floats(min_value=0.0, allow_infinity=False),
    count=st.one_of(st.integers(), st.just(10**400), st.just(-(10**400))),
)
def test_law_4_any_number_on_any_ladder_has_an_answer(base: float, factor: float, cap: float, count: int) -> None:
    assert 0.0 <= Backoff(base=base, factor=factor, cap=cap).step(count) <= cap


@given(st.floats(min_value=1.001, max_value=100.0), lengths, lengths)
def test_law_4_huge_counts_have_reached_the_cap(factor: float, base: float, cap: float) -> None:
    assert Backoff(base=base, factor=factor, cap=cap).step(10**9) == cap


@given(ladders, counts, dice)
def test_same_inputs_same_answer(ladder: Backoff, count: int, die: float) -> None:
    assert ladder.jittered(count, die) == ladder.jittered(count, die)
