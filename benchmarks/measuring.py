"""Timing that is fair on a noisy machine: everything takes turns, round after round, in one process.

A slow second hits all alike, and a round that was disturbed loses against the best one. What is left above the best is
other people's noise, as the documentation of ``timeit`` explains. The clock is read after every slice of about a
millisecond, which is short enough to find quiet moments even on a busy machine.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import repeat
from statistics import fmean, median
from time import perf_counter

__all__ = ["Figure", "MissingError", "Step", "Subject", "Times", "figure", "race", "why"]

Step = Callable[[], object]


class MissingError(Exception):
    """What would be measured cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One thing to measure.

    ``prepare`` makes it ready, unmeasured, at the start of each round, and returns the step that is then called
    ``calls`` times in each of the ``slices``; a step that does several operations says so in ``operations``. All of
    it is measured while inside of ``within``.
    """

    name: str
    prepare: Callable[[], Step]
    calls: int
    slices: int = 1
    operations: int = 1
    within: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds per operation, for each round one value per slice; or why there are none."""

    rounds: tuple[tuple[float, ...], ...] = ()
    missing: str = ""

    @property
    def best(self) -> float:
        """The round made of the best of its first slices, of its second slices, and so on."""
        return fmean(min(slices) for slices in zip(*self.rounds, strict=True))

    @property
    def median(self) -> float:
        return median(map(fmean, self.rounds))


@dataclass(frozen=True, slots=True)
class Figure:
    """Something that was counted, not timed; or why it was not."""

    value: float | None = None
    missing: str = ""


def figure(count: Callable[[], float]) -> Figure:
    """What ``count`` gives, or why it cannot."""
    try:
        return Figure(count())
    except (ImportError, MissingError) as error:
        return Figure(missing=why(error))


def why(error: ImportError | MissingError) -> str:
    """Why something is missing, in words."""
    return f"{error.name} is not installed" if isinstance(error, ImportError) else str(error)


def race(subjects: Sequence[Subject], rounds: int, progress: Callable[[int], object]) -> dict[str, Times]:
    """Measure the subjects in turn, after one round to warm up; without those that cannot be had."""
    times: dict[str, list[tuple[float, ...]]] = {subject.name: [] for subject in subjects}
    missing: dict[str, str] = {}
    try:
        for number in range(rounds + 1):
            progress(number)
            for subject in subjects:
                if subject.name in missing:
                    continue
                try:
                    step = subject.prepare()
                except (ImportError, MissingError) as error:
                    missing[subject.name] = why(error)
                    continue
                with subject.within():
                    taken = _timed(step, subject)
                if number:
                    times[subject.name].append(taken)
            if not number:  # what the peers loaded is there to stay: the collector need not go over it in every round
                gc.collect()
                gc.freeze()
    finally:
        gc.unfreeze()
    return {name: Times(tuple(rounds), missing.get(name, "")) for name, rounds in times.items()}


def _timed(step: Step, subject: Subject) -> tuple[float, ...]:
    """Seconds per operation in each slice, with the garbage collector at work as in any real program."""
    gc.collect()
    taken = []
    for _ in range(subject.slices):
        started = perf_counter()
        for _ in repeat(None, subject.calls):
            step()
        taken.append((perf_counter() - started) / (subject.calls * subject.operations))
    return tuple(taken)
