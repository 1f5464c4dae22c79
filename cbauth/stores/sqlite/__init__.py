"""The SQLite store: records in a file that all processes of a user share. Loaded when it is first used."""

from __future__ import annotations

from cbauth.stores.sqlite.folder import state_folder
from cbauth.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore", "state_folder"]
