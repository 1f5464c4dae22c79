"""Where health and session bindings live. Nothing secret is ever stored."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from cbauth.errors import StoreError
from cbauth.stores.contract import Change, Store, Transition

__all__ = ["Change", "Store", "Transition", "open_store"]


def open_store(
    spec: str, namespace: str = "", *, folder: Path | None = None, clock: Callable[[], float] = time.time
) -> Store:
    """The store that a ``state.store`` setting names. ``clock`` tells memory when a session has ended (epoch seconds).

    - ``sqlite``: ``state.db`` in the user's state folder; ``sqlite:PATH``: another file, where ``~`` is the user's home
      and a relative path starts at ``folder`` (that of the profiles.yaml; else the current one).
    - ``redis://HOST:PORT/DB`` or, with TLS, ``rediss://…``: a Redis server; needs ``cbauth[redis]``. ``?prefix=`` sets
      what the names of all keys begin with (``cbauth``); the rest of the query goes to redis-py.
    - ``memory``: this process alone.
    - ``env:NAME``: what that environment variable says.

    Stores of different ``namespace`` share a file or a server and never meet.

    Raises ``StoreError`` for a store that there is not, for a file that belongs to something else or lies on a network
    file system, and for a server that does not let us in.
    """
    kind, _, rest = spec.partition(":")
    match kind:
        case "memory" if not rest:
            from cbauth.stores.memory import MemoryStore

            return MemoryStore(clock)
        case "sqlite":
            from cbauth.stores.sqlite import SqliteStore, state_folder

            path = Path(folder or "", os.path.expanduser(rest)) if rest else state_folder() / "state.db"
            return SqliteStore(path, namespace)
        case "redis" | "rediss":
            try:
                from cbauth.stores.redis import RedisStore
            except ModuleNotFoundError as error:
                raise StoreError("a Redis store needs the package redis: pip install 'cbauth[redis]'") from error
            return RedisStore(spec, namespace)
        case "env" if value := os.environ.get(rest, "").strip():
            return open_store(value, namespace, folder=folder, clock=clock)
        case "env":
            raise StoreError(f"`state.store` is env:{rest}, and {rest} is not set")
    raise StoreError(f"there is no store {kind!r}: set `state.store` to sqlite, sqlite:PATH, redis://HOST or memory")
