"""What cbauth does when somebody fails and everybody who shares the state has to know."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from functools import cache, partial
from itertools import repeat
from typing import Any

import cbauth
from benchmarks import places
from benchmarks.bare import ASKED
from benchmarks.measuring import Step
from cbauth.stores import open_store

__all__ = ["failures", "generation", "mark_failed", "mark_failed_of_kind", "record_failure", "recorder"]

MANY: Mapping[str, Any] = {"breaker": {"failure_threshold": 1_000_000, "failure_decay": "1d"}}
"""All failures count, and none finds an open breaker; a record remembers up to 64 of them one by one."""
CONTESTED = "contested"
FEW: Mapping[str, Any] = {"breaker": {"failure_threshold": 1_000_000, "failure_decay": 0.00006}}
"""The same, but only the last three or so count, as under the default threshold, which opens the circuit at three."""


def _one(where: str, profile_id: str, policy: Mapping[str, Any] | None = None) -> cbauth.AuthProfileManager:
    """A manager of one profile, in a namespace of its own: none hears of what another one records."""
    profile = cbauth.AuthProfile(profile_id, "openai", "api-key", {"api_key": "not-a-key"})
    with places.or_missing():
        manager = cbauth.AuthProfileManager([profile], policy=policy, store=open_store(where, profile_id))
    atexit.register(manager.close)
    return manager


@cache
def mark_failed(store: str, error: object) -> Step:
    """One failure that nobody has named: it climbs the ladder of cooldowns."""
    return partial(_one(places.store(store, "ladder"), "ladder").mark_failed, "ladder", error)


@cache
def mark_failed_of_kind(store: str, error: object, many: bool = False) -> Step:
    """One failure of the provider's: it counts in the breaker, beside few others or ``many``."""
    name = "many" if many else "few"
    manager = _one(places.store(store, name), name, MANY if many else FEW)
    return partial(manager.mark_failed, name, error, kind="server")


@cache
def record_failure(store: str, error: object) -> Step:
    """The same by the other manager."""
    profile = cbauth.ModelProfile("models", "Models", "openai", "api_key", "not-a-key", models=("gpt-*",))
    with places.or_missing():
        opened = open_store(places.store(store, "models"), profile.id)
    manager = cbauth.ModelProfileManager([profile], policy=FEW, store=opened)
    atexit.register(manager.close)
    return partial(manager.record_failure, profile.id, error)


@cache
def generation(store: str) -> Step:
    """Ask the store whether anyone has changed anything."""
    with places.or_missing():
        opened = open_store(places.store(store, "generation"))
    atexit.register(opened.close)

    def step() -> None:
        for _ in repeat(None, ASKED):
            _ = opened.generation

    return step


# by many processes


@cache
def _counting(where: str) -> cbauth.AuthProfileManager:
    return _one(where, CONTESTED, MANY)


def recorder(where: str, error: object) -> Step:
    """Record one failure of the one profile whose health is kept there."""
    return partial(_counting(where).mark_failed, CONTESTED, error, kind="server")


def failures(where: str) -> int:
    """How many of them count."""
    manager = _counting(where)
    manager.load_state()
    (status,) = manager.get_status()
    return status.failure_count
