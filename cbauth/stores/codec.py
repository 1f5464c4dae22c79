"""What stores that outlive the process keep of a record, and for how long. Never a secret."""

from __future__ import annotations

import json
import logging

from cbauth.core.encoding import decode
from cbauth.core.health import Binding, Record

__all__ = ["DAY", "kept_until", "parse"]

DAY = 86400.0
KEPT = 30 * DAY
"""Seconds for which the health of a profile that nobody uses is kept."""

_log = logging.getLogger("cbauth.stores")


def parse(body: bytes | str | None) -> Record | None:
    """The record in a stored text; ``None`` for a removed one, and for one that nobody can read."""
    if not body:
        return None
    try:
        return decode(json.loads(body))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, AttributeError) as error:
        _log.warning("a stored record cannot be read (%s): it counts as absent", type(error).__name__)
        return None


def kept_until(record: Record | None, now: float) -> float:
    """The epoch second after which nobody misses the record (``None``: the mark that one was removed)."""
    if record is None:
        return now + DAY
    if isinstance(record, Binding):
        return max(now + DAY, record.until)
    until = now + KEPT
    if record.breaker.until is not None and record.breaker.until > until:
        until = record.breaker.until
    for rest in record.cooldowns:
        if rest.until + rest.quiet > until:
            until = rest.until + rest.quiet
    return until
