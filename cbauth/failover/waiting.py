"""The only place that waits: tenacity sleeps until the soonest slot, and loads when there is something to wait for."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    import tenacity

__all__ = ["AsyncSleep", "Sleep", "SlotLaterError", "wait_for", "wait_for_async"]

T = TypeVar("T")
Sleep = Callable[[float], None]
AsyncSleep = Callable[[float], Awaitable[None]]


class SlotLaterError(Exception):
    """Nobody is free now; somebody will be in ``delay`` seconds. Never leaves the engine."""

    def __init__(self, delay: float) -> None:
        super().__init__(delay)
        self.delay = delay


def wait_for(take: Callable[[], T], max_wait: float, give_up: Callable[[], NoReturn], sleep: Sleep | None) -> T:
    """Call ``take`` until it stops saying "later"; ``give_up`` after ``max_wait`` seconds of waiting."""
    import tenacity

    retrying = tenacity.Retrying(**_rules(max_wait, give_up), sleep=sleep if sleep is not None else time.sleep)
    return retrying(take)


async def wait_for_async(
    take: Callable[[], T],
    max_wait: float,
    give_up: Callable[[], NoReturn],
    sleep: AsyncSleep | None,
) -> T:
    """The same without blocking the event loop."""
    import asyncio

    import tenacity

    retrying = tenacity.AsyncRetrying(**_rules(max_wait, give_up), sleep=sleep if sleep is not None else asyncio.sleep)

    async def take_now() -> T:
        return take()

    return await retrying(take_now)


def _rules(max_wait: float, give_up: Callable[[], NoReturn]) -> dict[str, Any]:
    import tenacity

    def until_the_slot(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        return error.delay if isinstance(error, SlotLaterError) else 0.0

    return {
        "retry": tenacity.retry_if_exception_type(SlotLaterError),
        "wait": until_the_slot,
        "stop": lambda state: state.idle_for + until_the_slot(state) > max_wait + 1e-6,
        "retry_error_callback": lambda state: give_up(),
        "reraise": False,
    }
