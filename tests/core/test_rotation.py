"""Ranking, the wheel and the roster."""

from __future__ import annotations

import math
import weakref

import pytest

from cbauth.core.rotation import Roster, RotationPolicy, rank_key, wheel


class TestRank:
    """Law 1: who comes before whom."""

    def test_higher_priority_comes_first_whatever_else(self) -> None:
        assert rank_key(10, False, 99) < rank_key(9, True, 0)

    def test_at_equal_priority_logins_come_before_keys(self) -> None:
        assert rank_key(5, True, 99) < rank_key(5, False, 0)

    def test_then_the_file_decides(self) -> None:
        assert rank_key(5, False, 1) < rank_key(5, False, 2)


def test_rotation_is_by_priority_and_sticky_for_an_hour_unless_told() -> None:
    assert RotationPolicy() == RotationPolicy(strategy="priority", sticky=True, sticky_ttl=3600.0)


class TestWheel:
    """Law 3: one turn."""

    @pytest.mark.parametrize(
        ("weights", "turn"),
        [
            ((), ()),
            ((1,), (0,)),
            ((7,), (0,)),
            ((1, 1, 1), (0, 1, 2)),
            ((3, 3), (0, 1)),
            ((2, 1), (0, 1, 0)),
            ((5, 1, 1), (0, 0, 0, 1, 0, 2, 0)),
            ((1, 0, 1), (0, 2)),
            ((0, 4, 0), (1,)),
            ((0, 0, 0), (0, 1, 2)),
        ],
    )
    def test_small_turns(self, weights: tuple[int, ...], turn: tuple[int, ...]) -> None:
        assert wheel(weights) == turn

    def test_many_light_members_do_not_crowd_together_beside_a_heavy_one(self) -> None:
        turn = wheel([10] + [1] * 10)
        runs = "".join("h" if i == 0 else "l" for i in turn)
        assert "lll" not in runs
        assert "hhh" not in runs

    def test_huge_weights_are_scaled_and_the_smallest_still_come(self) -> None:
        turn = wheel([1_000_000, 999_999, 1])
        assert len(turn) <= 10_000 + 3
        assert turn.count(2) == 1
        assert abs(turn.count(0) - turn.count(1)) <= 1


class TestRoster:
    """Who is admitted, in rank order and by weight."""

    def test_everybody_is_admitted_at_first(self) -> None:
        roster = Roster([1, 1, 1])
        assert (roster.first(), roster.turn(), roster.expires) == (0, (0, 1, 2), math.inf)

    def test_an_empty_roster_has_nobody(self) -> None:
        roster = Roster([])
        assert (roster.first(), roster.turn(), roster.draw(0.5), roster.due(1e18)) == (None, (), None, [])

    def test_a_refused_member_is_passed_over_until_freed(self) -> None:
        roster = Roster([1, 1, 1])
        roster.refuse(0, 100.0)
        assert (roster.first(), roster.turn()) == (1, (1, 2))
        roster.free(0)
        assert (roster.first(), roster.turn()) == (0, (0, 1, 2))

    def test_when_all_are_refused_nobody_is_left(self) -> None:
        roster = Roster([1, 1])
        roster.refuse(1, 100.0)
        roster.refuse(0, 200.0)
        assert (roster.first(), roster.turn(), roster.draw(0.0)) == (None, (), None)
        assert roster.expires == 100.0

    def test_what_is_due_is_told_once_and_in_time(self) -> None:
        roster = Roster([1, 1, 1])
        roster.refuse(0, 100.0)
        roster.refuse(2, 200.0)
        assert roster.due(99.9) == []
        assert roster.due(100.0) == [0]
        assert roster.due(100.0) == []
        assert roster.expires == 200.0

    def test_a_member_refused_anew_is_due_at_its_new_time_only(self) -> None:
        roster = Roster([1])
        roster.refuse(0, 100.0)
        roster.refuse(0, 300.0)
        assert roster.expires == 300.0
        assert roster.due(299.0) == []

    def test_a_member_refused_twice_for_the_same_time_is_due_once(self) -> None:
        roster = Roster([1])
        roster.refuse(0, 100.0)
        roster.refuse(0, 100.0)
        assert (roster.first(), roster.due(100.0), roster.due(100.0)) == (None, [0], [])

    def test_a_member_freed_and_refused_again_for_the_same_time_is_due_once(self) -> None:
        roster = Roster([1])
        roster.refuse(0, 100.0)
        roster.free(0)
        roster.refuse(0, 100.0)
        assert roster.due(100.0) == [0]

    def test_a_trial_is_admitted_and_marked(self) -> None:
        roster = Roster([1, 1])
        roster.refuse(0, 100.0)
        roster.free(0, testing=True)
        assert (roster.first(), roster.testing) == (0, {0})
        roster.refuse(0, 200.0)
        assert roster.testing == set()
        roster.free(0, testing=True)
        roster.free(0)
        assert roster.testing == set()

    def test_weight_zero_answers_only_when_nothing_else_is_left(self) -> None:
        roster = Roster([0, 3, 0])
        assert (roster.turn(), roster.draw(0.0), roster.draw(0.99)) == ((1,), 1, 1)
        roster.refuse(1, 100.0)
        assert roster.turn() == (0, 2)
        assert (roster.draw(0.49), roster.draw(0.51)) == (0, 2)

    def test_dice_fall_on_members_by_weight(self) -> None:
        roster = Roster([2, 1, 1])
        assert [roster.draw(d) for d in (0.0, 0.49, 0.5, 0.74, 0.75, 0.99)] == [0, 0, 1, 1, 2, 2]

    def test_refusals_that_were_lifted_are_not_remembered_for_ever(self) -> None:
        """10 000 refusals of two members leave a handful of deadlines in memory."""

        class Deadline(float):
            """A float that can be watched."""

        roster, seen = Roster([1, 1]), []
        for n in range(10_000):
            until = Deadline(1e9 + n)
            seen.append(weakref.ref(until))
            roster.refuse(n % 2, until)
            roster.free(n % 2)
        assert sum(ref() is not None for ref in seen) < 10
