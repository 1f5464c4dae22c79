"""Stores to test, closed at the end whatever happens."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from cbauth.stores import Store
from cbauth.stores.memory import MemoryStore
from cbauth.stores.redis import RedisStore
from cbauth.stores.sqlite import SqliteStore
from tests.clock import FakeClock
from tests.support.redis_server import RedisServer


class Opener(Protocol):
    """Opens SQLite stores, by default on the same file."""

    def __call__(
        self,
        namespace: str = "",
        *,
        path: Path | None = None,
        patience: float = 5.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
    ) -> SqliteStore: ...


@pytest.fixture
def ticks() -> FakeClock:
    """The clock by which SQLite stores look at what others have written."""
    return FakeClock(0.0)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the SQLite store of a test lives."""
    return tmp_path / "state" / "state.db"


@pytest.fixture
def open_sqlite(database: Path, ticks: FakeClock) -> Iterator[Opener]:
    """Opens SQLite stores on the same file, with the namespace and the options that a test gives."""
    stores = []

    def open_one(
        namespace: str = "",
        *,
        path: Path | None = None,
        patience: float = 5.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
    ) -> SqliteStore:
        place = path if path is not None else database
        store = SqliteStore(
            place,
            namespace,
            patience=patience,
            clock=clock,
            ticks=ticks,
            sleep=sleep if sleep is not None else ticks.sleep,
        )
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis server that many tests share."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def open_redis(redis_server: RedisServer) -> Iterator[Callable[..., RedisStore]]:
    """Opens Redis stores that share a prefix which no other test has."""
    stores = []
    prefix = uuid.uuid4().hex

    def open_one(namespace: str = "", *, clock: Callable[[], float] = time.time) -> RedisStore:
        store = RedisStore(f"{redis_server.url}?prefix={prefix}", namespace, clock=clock)
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """One store of every kind."""
    match request.param:
        case "memory":
            yield MemoryStore()
        case "sqlite":
            yield request.getfixturevalue("open_sqlite")()
        case "redis":
            yield request.getfixturevalue("open_redis")()
