"""How a profile stands, as a shape and a word: nobody has to see colours to tell."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cbauth.failover.records import Candidate, Status

__all__ = ["Appearance", "Standing", "candidate_standing", "detail", "standing"]

HALF_OPEN = "circuit half-open"


class Appearance(Enum):
    """States that show themselves: a shape, a word, and a mood that views may give a colour."""

    def __init__(self, shape: str, word: str, mood: str) -> None:
        self.shape = shape
        self.word = word
        self.mood = mood


class Standing(Appearance):
    """How a profile stands."""

    READY = ("●", "ready", "good")
    TESTING = ("◐", "testing", "care")
    COOLING = ("■", "cooling down", "care")
    OPEN = ("▲", "circuit open", "bad")
    NOT_READY = ("◇", "not ready", "bad")
    DISABLED = ("○", "disabled", "idle")

    def __str__(self) -> str:
        return f"{self.shape} {self.word}"


def standing(record: Status) -> Standing:
    """How the profile of a status record stands."""
    return _named(record.enabled, record.missing is not None, record.why)


def detail(record: Status) -> str:
    """What the word leaves open: which models rest, what is missing, what a breaker would do that only observes."""
    parts = []
    models = [model for model in record.cooling if model is not None]
    if models and None not in record.cooling and standing(record) is Standing.COOLING:
        parts.append("for " + ", ".join(models))
    if record.enabled and record.missing is not None:
        parts.append(record.missing)
    if record.healthy and record.circuit == "open":
        parts.append("its circuit would be open, but is only observed")
    return "; ".join(parts)


def candidate_standing(candidate: Candidate) -> Standing:
    """How a candidate stands for the request that it was judged for."""
    missing = not candidate.admitted and candidate.until is None
    return _named(candidate.enabled, missing, candidate.why or HALF_OPEN * candidate.testing)


def _named(enabled: bool, missing: bool, why: str) -> Standing:
    """``missing``: time alone does not help. ``why``: what rests, as the engine words it."""
    if not enabled:
        return Standing.DISABLED
    if missing:
        return Standing.NOT_READY
    if why.startswith(HALF_OPEN):
        return Standing.TESTING
    if why == "circuit open":
        return Standing.OPEN
    return Standing.COOLING if why else Standing.READY
