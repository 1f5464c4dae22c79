"""Many processes record into one place, each as fast as it can: who loses something, who gets how much, who waits."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Barrier
from time import perf_counter
from typing import NamedTuple

from benchmarks import bare, peers, places, sharing
from benchmarks.measuring import Figure, MissingError, Step, why

__all__ = ["REDIS", "SQLITE", "Contest", "Way", "contest", "figures", "ways"]

SECONDS = 3.0
MESSAGE = "Connection reset by peer"
WARM_UP = 20
PATIENCE = 60.0
"""Seconds within which all processes have to have started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way of recording in one ``place`` that all processes share.

    ``recorder`` gives the step that records once, ``recorded`` how many are there in the end.
    """

    name: str
    processes: int
    place: Callable[[], str]
    recorder: Callable[[str], Step]
    recorded: Callable[[str], int]


SQLITE = "8 processes, cbauth, SQLite"
REDIS = "4 processes, cbauth, Redis"


def ways() -> tuple[Way, ...]:
    """Those that are compared."""
    cbauth = partial(Way, recorder=partial(sharing.recorder, error=MESSAGE), recorded=sharing.failures)
    return (
        cbauth(name=SQLITE, processes=8, place=partial(places.store, "sqlite", "contention")),
        Way(
            name="8 processes, bare SQLite",
            processes=8,
            place=partial(_file, "contention-bare.db"),
            recorder=bare.counter,
            recorded=bare.counted,
        ),
        Way(
            name="8 processes, filelock + JSON",
            processes=8,
            place=partial(_file, "contention.json"),
            recorder=peers.locked_file,
            recorded=peers.file_counted,
        ),
        cbauth(name=REDIS, processes=4, place=partial(places.store, "redis", "contention")),
    )


def _file(name: str) -> str:
    return str(places.folder() / name)


class Part(NamedTuple):
    """What one process did: how often it recorded before the start and after it, and its longest wait in seconds."""

    before: int
    recorded: int
    stall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """How a contest of ``seconds`` ended; ``found`` is what the record says of all that was recorded."""

    seconds: float = 0.0
    parts: tuple[Part, ...] = ()
    found: int = 0
    missing: str = ""

    @property
    def lost(self) -> int:
        """How far the record is from what was acknowledged."""
        return abs(sum(part.before + part.recorded for part in self.parts) - self.found)

    @property
    def evenness(self) -> float:
        """The smallest share by the largest."""
        shares = [part.recorded for part in self.parts]
        return min(shares) / max(shares)

    @property
    def stall(self) -> float:
        """The longest that anybody waited for one to be recorded, in milliseconds."""
        return max(part.stall for part in self.parts) * 1e3

    @property
    def rate(self) -> float:
        """Recorded in a second, by all together."""
        return sum(part.recorded for part in self.parts) / self.seconds


def contest(way: Way, seconds: float = SECONDS) -> Contest:
    """Let the processes loose on one place, all at the same moment."""
    try:
        place = way.place()
        way.recorder(place)  # the place is made ready before they come
    except (ImportError, MissingError) as error:
        return Contest(missing=why(error))
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(way.processes)
    with ProcessPoolExecutor(way.processes, spawn, _inherit, (start,)) as pool:
        parts = tuple(pool.map(_part, *zip(*[(way.recorder, place, seconds)] * way.processes, strict=True)))
    return Contest(seconds=seconds, parts=parts, found=way.recorded(place))


def figures(name: str, ended: Contest) -> dict[str, Figure]:
    """What a contest has to show, by the name of its figures."""
    if ended.missing:
        return {f"{name}: {what}": Figure(missing=ended.missing) for what in SHOWN}
    return {f"{name}: {what}": Figure(of(ended)) for what, of in SHOWN.items()}


SHOWN: Mapping[str, Callable[[Contest], float]] = {
    "recorded a second": lambda ended: ended.rate,
    "lost": lambda ended: ended.lost,
    "smallest share : largest": lambda ended: ended.evenness,
    "longest wait": lambda ended: ended.stall,
}

_start: Barrier


def _inherit(start: Barrier) -> None:
    global _start
    _start = start


def _part(recorder: Callable[[str], Step], place: str, seconds: float) -> Part:
    """What each of the processes does."""
    try:
        step = recorder(place)
        for _ in range(WARM_UP):
            step()
    except BaseException:
        _start.abort()
        raise
    _start.wait(PATIENCE)
    recorded, stall = 0, 0.0
    now = perf_counter()
    end = now + seconds
    while now < end:
        step()
        then, now = now, perf_counter()
        stall = max(stall, now - then)
        recorded += 1
    return Part(WARM_UP, recorded, stall)
