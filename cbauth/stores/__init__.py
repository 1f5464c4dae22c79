"""Where health and session bindings live. Nothing secret is ever stored."""

from __future__ import annotations

import os
from pathlib import Path

from cbauth.errors import StoreError
from cbauth.stores.contract import Store, Transition

__all__ = ["Store", "Transition", "open_store"]


def open_store(spec: str, namespace: str = "") -> Store:
    """The store that a ``state.store`` setting names: ``sqlite``, ``sqlite:PATH`` or ``memory``.

    ``sqlite`` alone is ``state.db`` in the user's state folder. In a path ``~`` is the user's home; a relative one
    starts at the current folder. Stores of different ``namespace`` share a file and never meet.

    ``env:NAME`` stands for what that environment variable says.

    Raises ``StoreError`` for a store that there is not, and for a file that belongs to something else.
    """
    kind, _, rest = spec.partition(":")
    match kind:
        case "memory" if not rest:
            from cbauth.stores.memory import MemoryStore

            return MemoryStore()
        case "sqlite":
            from cbauth.stores.sqlite import SqliteStore, state_folder

            return SqliteStore(Path(os.path.expanduser(rest)) if rest else state_folder() / "state.db", namespace)
        case "env" if value := os.environ.get(rest, "").strip():
            return open_store(value, namespace)
        case "env":
            raise StoreError(f"`state.store` is env:{rest}, and {rest} is not set")
        case "redis" | "rediss":
            raise StoreError("this version has no Redis store yet: set `state.store` to sqlite, sqlite:PATH or memory")
    raise StoreError(f"there is no store {kind!r}: set `state.store` to sqlite, sqlite:PATH or memory")
