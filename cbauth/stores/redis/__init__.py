"""The Redis store: records that all machines of a team share. Loaded when it is first used; needs ``cbauth[redis]``."""

from __future__ import annotations

from cbauth.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
