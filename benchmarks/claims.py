"""What is promised, and whether it holds."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks import contention, counting, linting
from benchmarks.measuring import Figure, Times
from benchmarks.subjects import (
    BARE_REDIS,
    BARE_SQLITE,
    CIRCUIT_BREAKER,
    CROWDED,
    DATA_VERSION,
    GENERATION,
    LOCKED_FILE,
    MSAL_TOKEN,
    RECORDERS,
    RETRYING,
    SHARED_BREAKER,
    SIZES,
    THREADS,
    TOKEN,
    TOKEN_IN_FILE,
)

__all__ = ["Bound", "Claim", "Verdict", "bounds", "claims"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured for a claim. ``holds`` is ``None``, and ``why`` says why, when it could not be."""

    measured: float | None
    holds: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """``subject`` takes at most ``limit`` times as long as ``peer``, or without a peer, ``limit`` microseconds.

    ``faster`` turns it round: ``peer`` takes at least ``limit`` times as long as ``subject``.
    """

    subject: str
    peer: str | None = None
    limit: float
    faster: bool = False

    def __str__(self) -> str:
        if self.peer is None:
            return self.subject
        return f"{self.peer} : {self.subject}" if self.faster else f"{self.subject} : {self.peer}"

    @property
    def bound(self) -> str:
        """The limit in words."""
        if self.peer is None:
            return f"<= {self.limit:g} us"
        return f">= {self.limit:g} x" if self.faster else f"<= {self.limit:g} x"

    def judged(self, times: Mapping[str, Times]) -> Verdict:
        """Whether it holds: best round against best round."""
        parts = [times[self.subject], *([times[self.peer]] if self.peer is not None else [])]
        for part in parts:
            if not part.rounds:
                return Verdict(None, None, part.missing)
        own = parts[0].best
        if self.peer is None:
            measured = own * 1e6
        else:
            peer = parts[1].best
            measured = peer / own if self.faster else own / peer
        return Verdict(measured, measured >= self.limit if self.faster else measured <= self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """``figure``, which was counted, stands to ``limit`` as ``sign`` says: ``<=``, ``>=`` or ``=``."""

    figure: str
    sign: str
    limit: float
    unit: str = ""

    def __str__(self) -> str:
        return self.figure

    @property
    def bound(self) -> str:
        """The limit in words."""
        return f"{self.sign} {self.limit:g} {self.unit}".rstrip()

    def judged(self, figures: Mapping[str, Figure]) -> Verdict:
        """Whether it holds."""
        figure = figures[self.figure]
        if figure.value is None:
            return Verdict(None, None, figure.missing)
        return Verdict(figure.value, SIGNS[self.sign](figure.value, self.limit))


SIGNS: Mapping[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}


def bounds() -> list[Bound]:
    """Everything that is promised of what is counted."""
    return [
        Bound(figure=counting.HEALTHY_IO, sign="=", limit=0),
        Bound(figure=counting.HEALTHY_COMMANDS, sign="=", limit=0),
        Bound(figure=counting.COMMANDS_OF_A_FAILURE, sign="=", limit=1),
        Bound(figure=f"{contention.SQLITE}: lost", sign="=", limit=0),
        Bound(figure=f"{contention.SQLITE}: smallest share : largest", sign=">=", limit=0.5),
        Bound(figure=f"{contention.SQLITE}: longest wait", sign="<=", limit=100, unit="ms"),
        Bound(figure=f"{contention.REDIS}: lost", sign="=", limit=0),
    ]


def claims() -> list[Claim]:
    """Everything that is promised of what is timed."""
    return [
        *(
            Claim(subject=f"{name}, {size} profiles", peer=CIRCUIT_BREAKER, limit=limit)
            for name, limit in (("get_next_profile", 2), ("select_profile", 2), ("acquire + report", 4))
            for size in SIZES
        ),
        Claim(subject="acquire + report, 3 profiles, SQLite", peer=CIRCUIT_BREAKER, limit=4),
        Claim(subject="acquire + report, 1000 profiles", peer="acquire + report, 3 profiles", limit=1.3),
        *(
            Claim(
                subject=f"acquire + report, {size} profiles",
                peer=f"LiteLLM get_available_deployment, {size} deployments",
                limit=limit,
                faster=True,
            )
            for size, limit in zip(SIZES, (15, 150, 1500), strict=True)
        ),
        *(
            Claim(subject=f"{name}, 1000 profiles", limit=10)
            for name in (
                "mark_failed + get_next_profile",
                "mark_failed (no text) + get_next_profile",
                "record_failure (text) + select_profile",
                "record_failure + select_profile",
                "report (outcome) + acquire",
                "report (kind) + acquire",
            )
        ),
        Claim(
            subject=f"acquire + report in {THREADS} threads",
            peer="acquire + report in 1 thread",
            limit=0.7,
            faster=True,
        ),
        *(Claim(subject=f"for attempt / with attempt, {size} profiles", peer=RETRYING, limit=1) for size in SIZES),
        Claim(subject="for attempt / with attempt, 3 profiles, SQLite", peer=RETRYING, limit=1),
        *(
            claim
            for name in RECORDERS
            if name != CROWDED
            for claim in (
                Claim(subject=f"{name}, SQLite", peer=BARE_SQLITE, limit=2),
                Claim(subject=f"{name}, SQLite", peer=LOCKED_FILE, limit=10, faster=True),
                Claim(subject=f"{name}, Redis", peer=BARE_REDIS, limit=1.3),
                Claim(subject=f"{name}, Redis", peer=SHARED_BREAKER, limit=2, faster=True),
            )
        ),
        Claim(subject=GENERATION, peer=DATA_VERSION, limit=10, faster=True),
        *(
            claim
            for name in (TOKEN, TOKEN_IN_FILE)
            for claim in (Claim(subject=name, limit=1), Claim(subject=name, peer=MSAL_TOKEN, limit=10, faster=True))
        ),
        Claim(subject="python, import cbauth", peer="python, bare start", limit=2.5),
        Claim(subject=linting.TEAM, limit=250_000),
        Claim(subject=linting.CROWD, peer=linting.TEAM, limit=15),
    ]
