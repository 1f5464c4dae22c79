"""The laws of core/rotation.py: ranking, the wheel against its ideal, and the roster against a naive list."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from functools import cmp_to_key
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cbauth.core.rotation import LONGEST_WHEEL, Roster, rank_key, wheel

Rank = tuple[int, bool, int]

ranks = st.tuples(st.integers(-3, 3), st.booleans(), st.integers(0, 9))
weights = st.lists(st.integers(0, 12), max_size=8)
heavy = st.lists(st.one_of(st.integers(0, 3), st.integers(0, 10**12)), min_size=1, max_size=30)


def compare(one: Rank, other: Rank) -> int:
    """Law 1 in so many words: -1 when ``one`` comes first."""
    if one[0] != other[0]:
        return -1 if one[0] > other[0] else 1
    if one[1] != other[1]:
        return -1 if one[1] else 1
    return (one[2] > other[2]) - (one[2] < other[2])


@given(st.lists(ranks, max_size=12))
def test_law_1_ranks_sort_by_priority_then_logins_then_file_order(members: list[Rank]) -> None:
    assert sorted(members, key=lambda m: rank_key(*m)) == sorted(members, key=cmp_to_key(compare))


@given(ranks, ranks)
def test_law_1_rank_order_is_total(one: Rank, other: Rank) -> None:
    a, b = rank_key(*one), rank_key(*other)
    assert [a < b, b < a, a == b].count(True) == 1
    assert (a == b) == (one == other)


@given(weights)
def test_law_3_each_member_comes_as_often_as_its_weight_says(members: list[int]) -> None:
    turn = Counter(wheel(members))
    divisor = math.gcd(*members) if any(members) else 1
    expected = [w // divisor for w in members] if any(members) else [1] * len(members)
    assert [turn[i] for i in range(len(members))] == expected


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any))
def test_law_3_at_any_moment_each_has_had_its_share_give_or_take_less_than_one(members: list[int]) -> None:
    turn, total = wheel(members), sum(members)
    had = [0] * len(members)
    for calls, member in enumerate(turn, start=1):
        had[member] += 1
        assert all(abs(had[i] - Fraction(calls * w, total)) < 1 for i, w in enumerate(members))


@settings(max_examples=25)
@given(heavy)
def test_a_turn_is_bounded_and_leaves_nobody_with_a_weight_out(members: list[int]) -> None:
    turn = Counter(wheel(members))
    assert sum(turn.values()) <= LONGEST_WHEEL + len(members)
    if any(members):
        assert {i for i, w in enumerate(members) if w} == set(turn)


@settings(max_examples=25)
@given(heavy.filter(lambda ws: sum(ws) // math.gcd(*ws) > LONGEST_WHEEL if any(ws) else False))
def test_scaled_weights_keep_their_proportions_to_one_place(members: list[int]) -> None:
    turn, total = Counter(wheel(members)), sum(members)
    for i, w in enumerate(members):
        if w:
            assert abs(turn[i] - max(Fraction(w * LONGEST_WHEEL, total), Fraction(1))) <= Fraction(1, 2)


@given(weights.filter(any))
def test_a_common_divisor_changes_nothing(members: list[int]) -> None:
    assert wheel([w * 1000 for w in members]) == wheel(members)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_swept_dice_fall_on_each_member_exactly_by_its_weight(members: list[int]) -> None:
    roster, total = Roster(members), sum(members) or len(members)
    drawn = Counter(roster.draw((k + 0.5) / total) for k in range(total))
    expected = members if any(members) else [1] * len(members)
    assert [drawn[i] for i in range(len(members))] == expected


@given(heavy, st.sampled_from([0.0, math.nextafter(1.0, 0.0)]))
def test_the_ends_of_the_dice_fall_on_the_first_and_the_last(members: list[int], dice: float) -> None:
    drawable = [i for i, w in enumerate(members) if w] or list(range(len(members)))
    assert Roster(members).draw(dice) == (drawable[0] if dice == 0.0 else drawable[-1])


class RosterMachine(RuleBasedStateMachine):
    """Law 4: a roster and a plain dictionary of refusals never disagree, whatever the order of changes."""

    @initialize(members=st.lists(st.integers(0, 5), min_size=1, max_size=7))
    def build(self, members: list[int]) -> None:
        self.weights = members
        self.roster = Roster(members)
        self.refused: dict[int, float] = {}
        self.testing: set[int] = set()
        self.now = 1000.0

    def admitted(self) -> list[int]:
        return [p for p in range(len(self.weights)) if p not in self.refused]

    def refuse_one(self, position: int, until: float) -> None:
        self.roster.refuse(position, until)
        self.refused[position] = until
        self.testing.discard(position)

    def free_one(self, position: int, testing: bool) -> None:
        self.roster.free(position, testing=testing)
        self.refused.pop(position, None)
        (self.testing.add if testing else self.testing.discard)(position)

    @rule(at=st.integers(0, 6), ahead=st.integers(0, 40))
    def refuse(self, at: int, ahead: int) -> None:
        self.refuse_one(at % len(self.weights), self.now + ahead)

    @rule(at=st.integers(0, 6))
    def refuse_for_ever(self, at: int) -> None:
        self.refuse_one(at % len(self.weights), math.inf)

    @rule(at=st.integers(0, 6), testing=st.booleans())
    def free(self, at: int, testing: bool) -> None:
        self.free_one(at % len(self.weights), testing)

    @rule(seconds=st.integers(0, 30), verdicts=st.lists(st.integers(0, 3), min_size=7, max_size=7))
    def time_passes(self, seconds: int, verdicts: list[int]) -> None:
        """Whoever is due is judged again: free, on trial, or refused for longer."""
        self.now += seconds
        due = self.roster.due(self.now)
        assert sorted(due) == sorted(p for p, until in self.refused.items() if until <= self.now)
        for position in due:
            verdict = verdicts[position]
            if verdict > 1:
                self.refuse_one(position, self.now + verdict)
            else:
                self.free_one(position, verdict == 1)

    @rule()
    def look(self) -> None:
        """Everything is asked only now and then, so that changes pile up between the answers."""
        admitted = self.admitted()
        assert self.roster.first() == (admitted[0] if admitted else None)
        turn = tuple(admitted[i] for i in wheel([self.weights[p] for p in admitted]))
        assert self.roster.turn() == turn

    @rule(dice=st.floats(0.0, 1.0, exclude_max=True))
    def draw(self, dice: float) -> None:
        admitted = self.admitted()
        if not admitted:
            assert self.roster.draw(dice) is None
            return
        shares = [self.weights[p] for p in admitted]
        if not any(shares):
            shares = [1] * len(admitted)
        wanted = dice * sum(shares)
        expected = next(p for p, end in zip(admitted, accumulate(shares), strict=True) if wanted < end)
        assert self.roster.draw(dice) == self.roster.draw(dice) == expected

    @invariant()
    def overlays_agree(self) -> None:
        assert self.roster.refused == self.refused
        assert self.roster.testing == self.testing
        assert self.roster.expires == min(self.refused.values(), default=math.inf)


TestRoster = RosterMachine.TestCase
TestRoster.settings = settings(max_examples=300, stateful_step_count=50)
