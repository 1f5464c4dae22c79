"""A clock that stands still until it is told to move."""

from __future__ import annotations


class FakeClock:
    """Epoch seconds by hand. ``sleep`` moves it and remembers for how long, so that waiting costs no time."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass (or, negative, set the clock back)."""
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Sleep in no time."""
        self.slept.append(seconds)
        self.now += seconds

    async def async_sleep(self, seconds: float) -> None:
        """The same for asyncio."""
        self.sleep(seconds)
