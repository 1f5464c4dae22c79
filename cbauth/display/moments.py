"""Times as people read them: absolute, in the zone of this machine, which is named: a browser may be elsewhere."""

from __future__ import annotations

import time

__all__ = ["iso_moment", "moment"]


def moment(at: float, now: float | None = None) -> str:
    """``2026-01-31 18:15:03 UTC``; without the date if that is the day of ``now``, for what is looked at now only."""
    try:
        there = time.localtime(at)
        day = "" if now is not None and there[:3] == time.localtime(now)[:3] else "%Y-%m-%d "
        return time.strftime(f"{day}%H:%M:%S %Z", there).rstrip()
    except (ValueError, OverflowError, OSError):  # further off than calendars go
        return "a time far off"


def iso_moment(at: float) -> str:
    """The same for machines (``<time datetime>``); empty for what calendars do not know."""
    try:
        text = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(at))
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{text[:-2]}:{text[-2:]}"
