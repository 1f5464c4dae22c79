"""What has to be measured: cbauth in the ways in which users call it, and whatever it is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from benchmarks import bare, checking, linting, ours, peers, places, sharing, startup, tokens
from benchmarks.measuring import Step, Subject
from cbauth.outcomes import Outcome

__all__ = [
    "BARE_REDIS",
    "BARE_SQLITE",
    "CIRCUIT_BREAKER",
    "CROWDED",
    "DATA_VERSION",
    "GENERATION",
    "LOCKED_FILE",
    "MSAL_TOKEN",
    "RECORDERS",
    "RETRYING",
    "SHARED_BREAKER",
    "SIZES",
    "THREADS",
    "TOKEN",
    "TOKEN_IN_FILE",
    "subjects",
]

SIZES = (3, 100, 1000)
SLICES = 9
THREADS, EACH = 8, 10_000
"""Each thread works for several of the interpreter's switch intervals, so that they do get into each other's way."""
MESSAGE = "Rate limit reached for gpt-4o: please try again later"

CIRCUIT_BREAKER = "circuitbreaker, wrapped no-op"
RETRYING = "tenacity, empty call through a Retrying"
BARE_SQLITE = "SQLite, bare read-modify-write"
BARE_REDIS = "redis-py, bare EVALSHA"
LOCKED_FILE = "filelock + JSON"
SHARED_BREAKER = "pybreaker, one failure, Redis"
DATA_VERSION = "SQLite, PRAGMA data_version"
GENERATION = "store.generation, SQLite"
TOKEN = "get_access_token, cached"
TOKEN_IN_FILE = "get_access_token, cached, login in a file"
MSAL_TOKEN = "msal acquire_token_silent, cached"
CROWDED = "mark_failed (kind, 64 remembered)"
RECORDERS: dict[str, Callable[[str], Step]] = {
    "mark_failed": partial(sharing.mark_failed, error=MESSAGE),
    "mark_failed (kind)": partial(sharing.mark_failed_of_kind, error=MESSAGE),
    CROWDED: partial(sharing.mark_failed_of_kind, error=MESSAGE, many=True),
    "record_failure (text)": partial(sharing.record_failure, error=MESSAGE),
}
"""The ways of recording one failure in a kind of store."""


def subjects(share: float = 1.0) -> list[Subject]:
    """Everything that is timed; ``share`` of the usual number of calls."""
    everything = [
        *_healthy(),
        *_failing(),
        *_shared(),
        *_threads(max(1, round(EACH * share))),
        *_tokens(),
        *_now_and_then(),
    ]
    return [replace(each, calls=max(1, round(each.calls * share))) for each in everything]


def _subject(name: str, prepare: Callable[[], Step], calls: int) -> Subject:
    return Subject(name=name, prepare=prepare, calls=calls, slices=SLICES)


def _healthy() -> list[Subject]:
    """A call in which nothing happens."""
    return [
        _subject(CIRCUIT_BREAKER, peers.breaker, 1000),
        _subject("pybreaker, wrapped no-op", peers.other_breaker, 1000),
        _subject(RETRYING, peers.retrying, 100),
        _subject("tenacity, the same, made anew", peers.retrying_anew, 100),
        *(
            _subject(f"{name}, {size} profiles", partial(prepare, size), calls)
            for name, prepare, calls in (
                ("get_next_profile", ours.get_next_profile, 1000),
                ("select_profile", ours.select_profile, 1000),
                ("acquire + report", ours.acquire_and_report, 1000),
                ("for attempt / with attempt", ours.attempts, 300),
            )
            for size in SIZES
        ),
        _subject("acquire + report, 3 profiles, SQLite", partial(ours.acquire_and_report, 3, "sqlite"), 1000),
        _subject("for attempt / with attempt, 3 profiles, SQLite", partial(ours.attempts, 3, "sqlite"), 300),
        *(
            _subject(f"LiteLLM get_available_deployment, {size} deployments", partial(peers.deployment, size), calls)
            for size, calls in zip(SIZES, (30, 3, 1), strict=True)
        ),
    ]


def _failing() -> list[Subject]:
    """A failure, and the next choice."""
    limited = Outcome("rate_limit", message=MESSAGE)
    return [
        _subject(f"{name}, 1000 profiles", partial(prepare, 1000, *arguments), ours.FAILURES // SLICES)
        for name, prepare, *arguments in (
            ("mark_failed + get_next_profile", ours.fail_and_get_next, MESSAGE),
            ("mark_failed (new text) + get_next_profile", ours.fail_and_get_next, MESSAGE, True),
            ("mark_failed (no text) + get_next_profile", ours.fail_and_get_next, None),
            ("record_failure (text) + select_profile", ours.fail_and_select, MESSAGE),
            ("record_failure + select_profile", ours.fail_and_select, None),
            ("report (outcome) + acquire", ours.fail_and_acquire, limited),
            ("report (kind) + acquire", ours.fail_and_acquire, "rate_limit"),
        )
    ]


def _shared() -> list[Subject]:
    """A change that others have to see, and the question whether there was one."""

    def in_file(name: str, prepare: Callable[[str], Step], calls: int) -> Subject:
        return _subject(name, lambda: prepare(str(places.folder() / prepare.__name__)), calls)

    def recorders(store: str) -> Iterator[Subject]:
        for name, prepare in RECORDERS.items():
            yield _subject(f"{name}, {store}", partial(prepare, store.lower()), 30)

    through_redis = [
        _subject(BARE_REDIS, bare.evalsha, 40),
        _subject(SHARED_BREAKER, peers.shared_breaker, 15),
        *recorders("Redis"),
    ]
    questions = [
        in_file(DATA_VERSION, bare.data_version, 7),
        _subject(GENERATION, partial(sharing.generation, "sqlite"), 100),
    ]
    return [
        in_file(BARE_SQLITE, bare.counter, 60),
        in_file("SQLite, the same in pages of 1 KB", bare.small_pages, 60),
        in_file("SQLite, the same with a record of JSON", bare.document, 40),
        in_file(LOCKED_FILE, peers.locked_file, 5),
        *recorders("SQLite"),
        *(replace(each, within=places.one_core) for each in through_redis),
        *(replace(each, operations=bare.ASKED) for each in questions),
    ]


def _threads(each: int) -> list[Subject]:
    """The same work by one thread and by many; ``each`` calls for each of the many."""
    return [
        Subject(
            name=f"acquire + report in {count} thread{'s' if count > 1 else ''}",
            prepare=partial(ours.threads, count, each * THREADS // count),
            calls=1,
            operations=each * THREADS,
        )
        for count in (1, THREADS)
    ]


def _tokens() -> list[Subject]:
    """An access token that is still good."""
    return [
        _subject(TOKEN, partial(tokens.access_token, "memory"), 1000),
        _subject(TOKEN_IN_FILE, partial(tokens.access_token, "file"), 1000),
        _subject(MSAL_TOKEN, tokens.msal_token, 10),
    ]


def _now_and_then() -> list[Subject]:
    return [
        Subject(name="python, bare start", prepare=startup.bare, calls=1),
        Subject(name="python, import cbauth", prepare=startup.with_cbauth, calls=1),
        _subject("classify, a 429 with headers and body", ours.classify, 30),
        _subject("load, a file of 100 lines", ours.load, 1),
        *checking.subjects(),
        *linting.subjects(),
    ]
