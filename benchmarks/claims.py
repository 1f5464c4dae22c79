"""What is promised, and what has to be measured to see whether it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from benchmarks import ours, peers, startup
from benchmarks.measuring import Step, Subject, Times
from cbauth.outcomes import Outcome

__all__ = ["Claim", "Verdict", "claims", "subjects"]

SIZES = (3, 100, 1000)
SLICES = 9
THREADS, EACH = 8, 10_000
"""Each thread works for several of the interpreter's switch intervals, so that they do get into each other's way."""
MESSAGE = "Rate limit reached for gpt-4o: please try again later"

CIRCUIT_BREAKER = "circuitbreaker, wrapped no-op"
RETRYING = "tenacity, empty call through a Retrying"


def subjects(share: float = 1.0) -> list[Subject]:
    """Everything that is measured; ``share`` of the usual number of calls."""

    def subject(name: str, prepare: Callable[[], Step], calls: int) -> Subject:
        return Subject(name=name, prepare=prepare, calls=max(1, round(calls * share)), slices=SLICES)

    each = max(1, round(EACH * share))
    limited = Outcome("rate_limit", message=MESSAGE)
    return [
        subject(CIRCUIT_BREAKER, peers.breaker, 1000),
        subject("pybreaker, wrapped no-op", peers.other_breaker, 1000),
        subject(RETRYING, peers.retrying, 100),
        subject("tenacity, the same, made anew", peers.retrying_anew, 100),
        *(
            subject(f"{name}, {size} profiles", partial(prepare, size), calls)
            for name, prepare, calls in (
                ("get_next_profile", ours.get_next_profile, 1000),
                ("select_profile", ours.select_profile, 1000),
                ("acquire + report", ours.acquire_and_report, 1000),
                ("for attempt / with attempt", ours.attempts, 300),
            )
            for size in SIZES
        ),
        subject("acquire + report, 3 profiles, SQLite", partial(ours.acquire_and_report, 3, "sqlite"), 1000),
        subject("for attempt / with attempt, 3 profiles, SQLite", partial(ours.attempts, 3, "sqlite"), 300),
        *(
            subject(f"LiteLLM get_available_deployment, {size} deployments", partial(peers.deployment, size), calls)
            for size, calls in zip(SIZES, (30, 3, 1), strict=True)
        ),
        *(
            subject(f"{name}, 1000 profiles", partial(prepare, 1000, *arguments), ours.FAILURES // SLICES)
            for name, prepare, *arguments in (
                ("mark_failed + get_next_profile", ours.fail_and_get_next, MESSAGE),
                ("mark_failed (new text) + get_next_profile", ours.fail_and_get_next, MESSAGE, True),
                ("mark_failed (no text) + get_next_profile", ours.fail_and_get_next, None),
                ("record_failure (text) + select_profile", ours.fail_and_select, MESSAGE),
                ("record_failure + select_profile", ours.fail_and_select, None),
                ("report (outcome) + acquire", ours.fail_and_acquire, limited),
                ("report (kind) + acquire", ours.fail_and_acquire, "rate_limit"),
            )
        ),
        *(
            Subject(
                name=f"acquire + report in {count} thread{'s' if count > 1 else ''}",
                prepare=partial(ours.threads, count, each * THREADS // count),
                calls=1,
                operations=each * THREADS,
            )
            for count in (1, THREADS)
        ),
        Subject(name="python, bare start", prepare=startup.bare, calls=1),
        Subject(name="python, import cbauth", prepare=startup.with_cbauth, calls=1),
        subject("classify, a 429 with headers and body", ours.classify, 30),
        subject("load, a file of 100 lines", ours.load, 1),
    ]


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


def claims() -> list[Claim]:
    """Everything that is promised."""
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
        Claim(subject="python, import cbauth", peer="python, bare start", limit=2.5),
    ]
