"""When to come back, as the provider said it: seconds from now, or ``None``.

Laws:

1. A hint is a finite number of seconds, never negative. What is no number, or a negative one, is no hint.
2. A moment in the past is a hint of 0: the wait is over.
3. Moments are measured against the answer's own ``Date``, where it has one: the clocks of two machines differ.
4. The reset of a bucket counts only if that bucket is empty, or nobody says how full it is, and if it is yet to come.
5. Nothing is capped here. That is for the policy.

Sources: RFC 9110 section 10.2.3 (Retry-After), RFC 3339, google.rpc.RetryInfo, and the providers' pages on rate limits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isfinite

from cbauth.outcomes.peeking import called, peek

__all__ = ["hint", "is_empty", "seconds"]

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_UNITS = {
    name: size
    for size, names in {
        1e-9: "ns nanosecond nanoseconds",
        1e-6: "us µs μs microsecond microseconds",
        1e-3: "ms msec msecs millisecond milliseconds",
        1.0: "s sec secs second seconds",
        60.0: "m min mins minute minutes",
        3600.0: "h hr hrs hour hours",
        86400.0: "d day days",
    }.items()
    for name in names.split()
}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_PART = rf"\d{{1,15}}(?:\.\d{{1,15}})?\s?(?:{_UNIT})(?![a-z])"
_SPAN = rf"{_PART}(?:[\s,]{{0,2}}(?:and\s)?{_PART}){{0,5}}"
_DURATION = re.compile(_SPAN, re.IGNORECASE | re.ASCII)
_STEP = re.compile(r"([\d.]+)\s?([a-zµμ]+)", re.IGNORECASE | re.ASCII)
_PROSE = re.compile(
    r"\b(?:try again|retry(?:ing)?|available(?: again)?|resets?|wait)(?: (?:in|after|for))?:?\s{1,3}"
    rf"(?:about |approximately |at least |another )?({_SPAN}|(?<=(?:in|or|er)\s)\d{{1,15}}(?=\s?(?:[.,;)]|$)))",
    re.IGNORECASE | re.ASCII,
)
_REGAIN = re.compile(r"regain access on (\d{4}-\d\d-\d\d) at (\d\d:\d\d) UTC", re.ASCII)

# From here on, a number is a moment and not a length: 3 years in seconds, and in milliseconds since 1970.
_EPOCH_SECONDS = 1e8
_EPOCH_MILLISECONDS = 1e11
_EPOCH_END = 1e14


Clock = Callable[[], float]
"""Epoch seconds. It is asked only when a moment has to be told from now, which few answers need."""


def hint(
    headers: Mapping[str, str],
    *,
    now: Clock,
    waits: Iterable[tuple[str, object]] = (),
    quoted: Mapping[str, str] | None = None,
    text: str = "",
    buckets: bool = True,
) -> float | None:
    """Seconds until the provider wants to be asked again, or ``None`` if it did not say.

    ``headers`` have names in lower case, ``quoted`` are those that a gateway passes on in its body. ``waits`` are named
    fields of the body, ``text`` its message. ``now`` is the clock of this machine. ``buckets`` is false where an empty
    bucket says nothing about the failure.
    """

    def clock() -> float:
        return _moment(headers.get("date", "")) or now()

    return next((wait for wait in _hints(headers, clock, waits, quoted or {}, text, buckets) if wait is not None), None)


def seconds(value: object, now: Clock) -> float | None:
    """A wait in any form: seconds, ``6m0s``, an HTTP date, an RFC 3339 date, a duration object; else ``None``."""
    if value is None:
        return None
    if isinstance(value, str):
        value = value.strip()
        if len(value) > 64:
            return None
        if _NUMBER.fullmatch(value):
            return float(value)
        if _DURATION.fullmatch(value):
            return _length(value)
        moment = _moment(value)
        return None if moment is None else max(0.0, moment - now())
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return _wait(value)
    total = called(value, "total_seconds")  # a timedelta
    if total is None and isinstance(peek(value, "seconds"), int):  # a protobuf Duration
        total, nanos = peek(value, "seconds"), peek(value, "nanos")
        return _wait(total, nanos if isinstance(nanos, int) else 0)
    return _wait(total)


def is_empty(headers: Mapping[str, str], name: str) -> bool | None:
    """Whether the header says that nothing remains; ``None`` if it does not say."""
    left = headers.get(name, "").strip()
    return float(left) == 0 if _NUMBER.fullmatch(left) else None


def _hints(
    headers: Mapping[str, str],
    now: Clock,
    waits: Iterable[tuple[str, object]],
    quoted: Mapping[str, str],
    text: str,
    buckets: bool,
) -> Iterator[float | None]:
    for source in (headers, quoted):
        yield _thousandth(seconds(source.get("retry-after-ms"), now))
        yield seconds(source.get("retry-after"), now)
    for name, value in waits:
        wait = seconds(value, now)
        yield _thousandth(wait) if name.lower().endswith("ms") else wait
    if buckets:
        yield _refill(headers, now)
        yield _refill(quoted, now)
    yield _told(text, now)


def _refill(headers: Mapping[str, str], now: Clock) -> float | None:
    """Until the last of the empty buckets is filled again."""
    empty: list[float] = []
    untold: list[float] = []
    for name, value in headers.items():
        if name.startswith(("x-ratelimit-reset", "ratelimit-reset")):
            remaining = name.replace("reset", "remaining", 1)
        elif name.startswith("anthropic-ratelimit-") and name.endswith("-reset"):
            remaining = name.removesuffix("reset") + "remaining"
        else:
            continue
        wait = _reset(value, now)
        state = is_empty(headers, remaining)
        if wait and state is not False:  # filled again already: that cannot be why
            (empty if state else untold).append(wait)
    return max(empty or untold, default=None)


def _reset(value: str, now: Clock) -> float | None:
    value = value.strip()
    if not _NUMBER.fullmatch(value):
        return seconds(value, now)
    number = float(value)
    if number >= _EPOCH_END:
        return None
    if number >= _EPOCH_MILLISECONDS:
        return max(0.0, number / 1000 - now())
    return max(0.0, number - now()) if number >= _EPOCH_SECONDS else number


def _told(text: str, now: Clock) -> float | None:
    found = _PROSE.search(text)
    if found is not None:
        return seconds(found[1], now)
    found = _REGAIN.search(text)
    moment = None if found is None else _moment(f"{found[1]}T{found[2]}:00Z")
    return None if moment is None else max(0.0, moment - now())


def _length(text: str) -> float | None:
    return _wait(sum(float(number) * _UNITS[unit.lower()] for number, unit in _STEP.findall(text)))


def _moment(text: str) -> float | None:
    """Epoch seconds of an HTTP date or an RFC 3339 date; one without a zone is UTC."""
    if not text or len(text) > 64:
        return None
    from datetime import UTC, datetime

    try:
        if text[0].isdigit():
            moment = datetime.fromisoformat(text)
        else:
            from email.utils import parsedate_to_datetime

            moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def _wait(value: object, nanos: int = 0) -> float | None:
    try:
        wait = float(value) + nanos / 1e9 if isinstance(value, (int, float)) else -1.0
    except OverflowError:
        return None
    return wait if isfinite(wait) and wait >= 0 else None


def _thousandth(wait: float | None) -> float | None:
    return None if wait is None else wait / 1000
