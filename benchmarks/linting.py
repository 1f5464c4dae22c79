"""What it costs to ask a policy what it promises in vain: a team's file, and one with ten times as many profiles."""

from __future__ import annotations

from collections import deque
from functools import cache, partial
from typing import Any

from benchmarks.measuring import Step, Subject
from cbauth.config import load_plan
from cbauth.config.rules import lint
from cbauth.plan import Plan

__all__ = ["CROWD", "TEAM", "subjects"]

COUNTS = (1000, 10_000)
TEAM, CROWD = (f"policy lint, {count} profiles" for count in COUNTS)
PROVIDERS = ("openai", "anthropic", "google", "mistral", "deepseek")


def subjects() -> list[Subject]:
    """Both files; each lint is a slice of its own."""
    return [
        Subject(name=name, prepare=partial(_lint, count), calls=1)
        for name, count in zip((TEAM, CROWD), COUNTS, strict=True)
    ]


def _lint(count: int) -> Step:
    written, plan = _file(count)
    return lambda: deque(lint(written, plan), maxlen=0)


@cache
def _file(count: int) -> tuple[dict[str, Any], Plan]:
    """Keys of five providers, each for three profiles, with names and wildcards of all sorts, and many routes."""
    written = {
        "version": 1,
        "profiles": {f"p{number}": _profile(number) for number in range(count)},
        "routes": {
            f"r{number}": [f"m{number}", f"n{number % 5}-large", "n1-small"] for number in range(0, count // 2, 5)
        },
        "policy": {"breaker": {"failure_threshold": 5}, "cooldown": {"rate_limit": {"base": 60}}},
    }
    return written, load_plan(written)


def _profile(number: int) -> dict[str, Any]:
    models = [f"m{number // 2}", f"m{number}-*", f"n{number % 5}-*", f"*-x{number % 5}", f"a*b{number}"]
    return {
        "provider": PROVIDERS[number // 3 % len(PROVIDERS)],
        "api_key": f"env:KEY_{number // 3}",
        "models": models,
        "priority": number % 9,
        "policy": {"retry": {"attempts": 3 + number % 3}},
    }
