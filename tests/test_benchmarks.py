"""The benchmarks run, and judge what they measured as they say. How long anything takes is not tested here."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from benchmarks.claims import Claim, claims, subjects
from benchmarks.measuring import Step, Subject, Times, race

ROOT = Path(__file__).parents[1]
PEERS = ("circuitbreaker", "pybreaker", "tenacity", "LiteLLM")
FAST = Times(((2.0, 0.5), (1.5, 1.0)))  # two rounds of two slices: 1.5 and 0.5 are the best, 1.0 on average
SLOW = Times(((3.0, 6.0), (4.0, 5.0)))  # likewise 4.0


def test_a_quick_run_measures_every_subject_and_judges_every_claim() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", "--without", "LiteLLM"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert [row["claim"] for row in told["claims"]] == [str(claim) for claim in claims()]
    assert set(told["seconds"]) == {subject.name for subject in subjects()}
    ours = {name: times for name, times in told["seconds"].items() if not name.startswith(PEERS)}
    assert all(times.get("best", 0) > 0 for times in ours.values()), "cbauth needs no peer to be measured"
    assert told["imports"][-1]["name"] == "cbauth"


def test_every_claim_speaks_of_subjects_that_are_measured() -> None:
    names = {subject.name for subject in subjects()}
    spoken = {claim.subject for claim in claims()} | {claim.peer for claim in claims() if claim.peer is not None}
    assert spoken <= names


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
