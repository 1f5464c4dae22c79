"""Records as JSON text, so that they outlive the process and people can read them.

A record is written with every failure, so the text is put together by hand, which takes half as long as ``json.dumps``
of the same data; most of what is left is the printing of floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from cbauth.core.breaker import CLOSED, Breaker, Failures, Permit
from cbauth.core.cooldown import Cooldown
from cbauth.core.health import Binding, Health, Record

__all__ = ["decode", "encode"]

LARGEST = 2**53
"""Every whole number up to here is a float; a stored number beyond it is damage."""

_printed = lru_cache(1024)(repr)  # the same moment stands in several places, and printing a float takes long


def encode(record: Record) -> str:
    """The record as JSON."""
    if isinstance(record, Binding):
        return f'{{"profile":{_quoted(record.profile_id)},"until":{record.until!r}}}'
    breaker, cooldowns, last_error, last_kind, last_at = record
    return (
        f'{{"breaker":{_CLOSED if breaker == CLOSED else _breaker(breaker)},'
        f'"cooldowns":[{",".join(map(_cooldown, cooldowns)) if cooldowns else ""}],'
        f'"last_error":{"null" if last_error is None else _quoted(last_error)},'
        f'"last_kind":{"null" if last_kind is None else _quoted(last_kind)},'
        f'"last_at":{"null" if last_at is None else _printed(last_at)}}}'
    )


@lru_cache(1024)  # all but the newest were there the last time
def _failure(failure: Failures) -> str:
    return f"[{_printed(failure.at)},{failure.times}]"


def _permit(permit: Permit) -> str:
    return f"[{_quoted(permit.name)},{permit.deadline!r}]"


def _cooldown(rest: Cooldown) -> str:
    lane, model, kind, step, since, until, quiet = rest
    return (
        f'{{"lane":{_quoted(lane)},"model":{"null" if model is None else _quoted(model)},"kind":{_quoted(kind)},'
        f'"step":{step},"since":{_printed(since)},"until":{until!r},"quiet":{_printed(quiet)}}}'
    )


def _breaker(breaker: Breaker) -> str:
    failures, since, until, generation, permits, tested = breaker
    return (
        f'{{"failures":[{",".join(map(_failure, failures)) if failures else ""}],'
        f'"since":{"null" if since is None else _printed(since)},"until":{"null" if until is None else repr(until)},'
        f'"generation":{generation},"permits":[{",".join(map(_permit, permits)) if permits else ""}],'
        f'"tested":{"true" if tested else "false"}}}'
    )


_CLOSED = _breaker(CLOSED)  # most records are of profiles that cool down: their breakers have nothing to tell


def decode(data: Mapping[str, Any]) -> Record:
    """The record from what ``encode`` made, as JSON data.

    Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else.
    """
    if "profile" in data:
        return Binding(_text(data["profile"]), _number(data["until"]))
    b = data["breaker"]
    circuit = Breaker(
        failures=tuple(Failures(_number(at), int(_number(times))) for at, times in b["failures"]),
        since=_number_or_none(b["since"]),
        until=_number_or_none(b["until"]),
        generation=int(_number(b["generation"])),
        permits=tuple(Permit(_text(name), _number(deadline)) for name, deadline in b["permits"]),
        tested=bool(b["tested"]),
    )
    return Health(
        breaker=circuit,
        cooldowns=tuple(
            Cooldown(
                _text(c["lane"]),
                _text_or_none(c["model"]),
                _text(c["kind"]),
                int(_number(c["step"])),
                _number(c["since"]),
                _number(c["until"]),
                _number(c["quiet"]),
            )
            for c in data["cooldowns"]
        ),
        last_error=_text_or_none(data["last_error"]),
        last_kind=_text_or_none(data["last_kind"]),
        last_at=_number_or_none(data["last_at"]),
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a number is stored as {type(value).__name__}")
    if not -LARGEST <= value <= LARGEST:  # JSON lets through NaN, infinities and integers of any length
        raise ValueError("a stored number is out of range")
    return float(value)


def _number_or_none(value: Any) -> float | None:
    return None if value is None else _number(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is stored as {type(value).__name__}")
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)
