"""A subscription to what others change, and the signs that it still lives."""

from __future__ import annotations

import time
from contextlib import suppress

from redis.exceptions import RedisError, TimeoutError

from cbauth.stores.redis.link import Link

__all__ = ["Ear"]

BREATH = 1.0
"""Seconds for which news is waited for before the listener looks whether it is still wanted."""
SILENCE = 5.0
"""Seconds without a word after which the server is asked for a sign of life; after as many more it is away."""
GATHER = 0.005
"""Seconds in which news that come close together become one look."""


class Ear:
    """Hears of changes through ``link``. Raises ``AwayError`` or ``RefusedError``, as all that it does may."""

    __slots__ = ("_asked", "_heard_at", "_link", "_pubsub")

    def __init__(self, link: Link) -> None:
        self._link = link
        self._pubsub = link.subscribe()
        self._heard_at = time.monotonic()
        self._asked = False

    def news(self) -> set[str]:
        """The names of the records that others have changed; none after ``BREATH`` without news."""
        keys: set[str] = set()
        try:
            message = self._pubsub.get_message(timeout=BREATH)
            if message is None:
                self._mind_the_silence()
                return keys
            self._heard_at, self._asked = time.monotonic(), False
            if message["type"] == "pmessage":
                time.sleep(GATHER)
            while message is not None:
                if message["type"] == "pmessage":
                    keys.add(message["data"])
                message = self._pubsub.get_message(timeout=0)
        except (RedisError, OSError, ValueError) as error:
            raise self._link.trouble(error) from None
        return keys

    def close(self) -> None:
        """Hear no more."""
        with suppress(RedisError, OSError):
            self._pubsub.close()

    def _mind_the_silence(self) -> None:
        silent_for = time.monotonic() - self._heard_at
        if silent_for >= 2 * SILENCE:
            raise TimeoutError
        if silent_for >= SILENCE and not self._asked:
            self._asked = True
            self._link.ask_time()
            self._pubsub.ping()
