"""The benchmarks run, and judge what they measured as they say. How long anything takes is not tested here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from benchmarks import checking
from benchmarks.claims import Bound, Claim, bounds, claims
from benchmarks.contention import REDIS, SQLITE, Contest, Part, figures
from benchmarks.counting import COMMANDS_OF_A_FAILURE, HEALTHY_COMMANDS, HEALTHY_IO
from benchmarks.measuring import Figure, MissingError, Step, Subject, Times, figure, race
from benchmarks.subjects import subjects

ROOT = Path(__file__).parents[1]
PEERS = ("check-jsonschema", "circuitbreaker", "filelock", "pybreaker", "redis-py", "tenacity", "LiteLLM", "msal")
FAST = Times(((2.0, 0.5), (1.5, 1.0)))  # two rounds of two slices: 1.5 and 0.5 are the best, 1.0 on average
SLOW = Times(((3.0, 6.0), (4.0, 5.0)))  # likewise 4.0


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What a quick run tells of itself."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", "--without", "LiteLLM"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def can_be_had(name: str) -> bool:
    """Whether what is called so can be measured here: some of it needs a Redis, and that a program."""
    return "Redis" not in name or which("redis-server") is not None


def test_a_quick_run_measures_every_subject_and_judges_every_claim(told: dict[str, Any]) -> None:
    assert [row["claim"] for row in told["claims"]] == [
        str(claim) for claim in [*claims(), *checking.claims(), *bounds()]
    ]
    assert set(told["seconds"]) == {subject.name for subject in subjects()}
    ours = {name: times for name, times in told["seconds"].items() if not name.startswith(PEERS)}
    unmeasured = [name for name, times in ours.items() if can_be_had(name) and not times.get("best", 0) > 0]
    assert unmeasured == [], "cbauth needs no peer to be measured"
    assert told["imports"][-1]["name"] == "cbauth"


def test_a_quick_run_counts_everything_that_is_bounded(told: dict[str, Any]) -> None:
    assert {bound.figure for bound in bounds()} <= set(told["figures"])
    uncounted = [name for name, counted in told["figures"].items() if counted["value"] is None]
    assert [name for name in uncounted if can_be_had(name) and "filelock" not in name] == []


@pytest.mark.parametrize("name", [SQLITE, REDIS])
def test_of_what_many_processes_record_at_once_nothing_is_lost(told: dict[str, Any], name: str) -> None:
    if can_be_had(name):
        assert told["figures"][f"{name}: lost"]["value"] == 0


@pytest.mark.parametrize("name", [HEALTHY_IO, HEALTHY_COMMANDS])
def test_healthy_calls_ask_neither_the_system_nor_a_redis_for_anything(told: dict[str, Any], name: str) -> None:
    """Once in many thousand calls may be a look that was due anyway, and not the calls' doing."""
    if can_be_had(name):
        assert told["figures"][name]["value"] < 1


def test_a_failure_is_one_command_to_a_redis(told: dict[str, Any]) -> None:
    if can_be_had(COMMANDS_OF_A_FAILURE):
        assert told["figures"][COMMANDS_OF_A_FAILURE]["value"] == pytest.approx(1, abs=0.1)


def test_a_redis_ends_with_the_run_that_started_it() -> None:
    program = "from benchmarks import places; print(places.redis().info('server')['process_id'])"
    if which("redis-server") is None:
        return
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(ran.stdout), 0)


@pytest.mark.parametrize(
    ("claim", "measured", "holds"),
    [
        (Claim(subject="slow", peer="fast", limit=4), 4, True),
        (Claim(subject="slow", peer="fast", limit=3.9), 4, False),
        (Claim(subject="fast", peer="slow", limit=4, faster=True), 4, True),
        (Claim(subject="fast", peer="slow", limit=4.1, faster=True), 4, False),
        (Claim(subject="slow", limit=4e6), 4e6, True),
        (Claim(subject="slow", limit=3.9e6), 4e6, False),
    ],
    ids=["as cheap", "too dear", "as fast", "too slow", "microseconds", "too many microseconds"],
)
def test_a_claim_is_judged_by_the_best_rounds(claim: Claim, measured: float, holds: bool) -> None:
    verdict = claim.judged({"fast": FAST, "slow": SLOW})
    assert (verdict.measured, verdict.holds) == (measured, holds)


def test_a_claim_whose_peer_is_missing_is_not_judged_and_says_why() -> None:
    verdict = Claim(subject="fast", peer="absent", limit=1).judged({"fast": FAST, "absent": Times(missing="not here")})
    assert (verdict.measured, verdict.holds, verdict.why) == (None, None, "not here")


@pytest.mark.parametrize(
    ("bound", "holds", "words"),
    [
        (Bound(figure="counted", sign="<=", limit=3), True, "<= 3"),
        (Bound(figure="counted", sign="<=", limit=2.9, unit="ms"), False, "<= 2.9 ms"),
        (Bound(figure="counted", sign=">=", limit=3), True, ">= 3"),
        (Bound(figure="counted", sign=">=", limit=3.1), False, ">= 3.1"),
        (Bound(figure="counted", sign="=", limit=3), True, "= 3"),
        (Bound(figure="counted", sign="=", limit=4), False, "= 4"),
    ],
    ids=["few enough", "too many", "enough", "too few", "just so", "not so"],
)
def test_a_bound_is_judged_by_what_was_counted(bound: Bound, holds: bool, words: str) -> None:
    verdict = bound.judged({"counted": Figure(3.0)})
    assert (str(bound), bound.bound, verdict.measured, verdict.holds) == ("counted", words, 3.0, holds)


def test_a_figure_that_cannot_be_had_is_not_judged_and_says_why() -> None:
    def absent() -> float:
        raise MissingError("not here")

    verdict = Bound(figure="counted", sign="=", limit=0).judged({"counted": figure(absent)})
    assert (verdict.measured, verdict.holds, verdict.why) == (None, None, "not here")


@pytest.mark.parametrize(("found", "lost"), [(310, 0), (300, 10), (311, 1)], ids=["all there", "lost", "counted twice"])
def test_a_contest_compares_the_record_with_what_was_acknowledged(found: int, lost: int) -> None:
    ended = Contest(seconds=2.0, parts=(Part(5, 100, 0.25), Part(5, 200, 0.125)), found=found)
    shown = {name.removeprefix("two: "): counted.value for name, counted in figures("two", ended).items()}
    assert shown == {
        "recorded a second": 150,
        "lost": lost,
        "smallest share : largest": 0.5,
        "longest wait": 250,
    }


def test_a_contest_that_cannot_be_held_says_why_in_every_figure() -> None:
    ended = figures("two", Contest(missing="not here"))
    assert [counted.missing for counted in ended.values()] == ["not here"] * 4


def test_subjects_take_turns_and_one_without_its_package_is_left_out() -> None:
    calls: list[str] = []

    def step(name: str) -> Step:
        return partial(calls.append, name)

    def absent() -> Step:
        raise ModuleNotFoundError(name="absent")

    there = [Subject(name=name, prepare=partial(step, name), calls=2, slices=2) for name in "ab"]
    times = race([*there, Subject(name="c", prepare=absent, calls=1)], 2, lambda number: None)
    assert "".join(calls) == "aaaabbbb" * 3, "one round to warm up, two that count"
    assert [len(times[name].rounds) for name in "abc"] == [2, 2, 0]
    assert {len(slices) for slices in times["a"].rounds} == {2}
    assert times["c"].missing == "absent is not installed"
