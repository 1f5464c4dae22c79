"""What a file that was only found may not choose: where state and logins are kept."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

from cbauth.plan import DATABASE_ENDINGS, Plan

__all__ = ["confined"]

_log = logging.getLogger("cbauth.config")


def confined(plan: Plan) -> Plan:
    """The plan with the default stores in the place of those that an untrusted one may not choose; tells which.

    Memory is no place, and a database in the file's own folder came, or comes, with the file. Any other path may be
    somebody's document, a host learns what is used, and the user's own choice of keyring or files is not the file's.
    """
    refused = []
    if not _is_harmless(plan.store, plan.path):
        refused.append("state.store")
    if plan.credentials != "auto":
        refused.append("credentials.store")
    if not refused:
        return plan
    _log.warning(
        "%s was only found here and is not trusted, so its `%s` is ignored: run `cbauth trust`",
        plan.path or "the configuration",
        "` and `".join(refused),
    )
    return replace(plan, store="sqlite" if "state.store" in refused else plan.store, credentials="auto")


def _is_harmless(store: str, path: Path | None) -> bool:
    kind, _, rest = store.partition(":")
    if not rest:
        return kind in ("sqlite", "memory")
    if kind != "sqlite" or path is None:
        return False
    try:
        folder = path.parent.resolve()
        place = Path(folder, os.path.expanduser(rest)).resolve()
    except (OSError, RuntimeError, ValueError):
        return False
    return place.is_relative_to(folder) and place.suffix in DATABASE_ENDINGS
