"""The user's own folder for state."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["make_private_folder", "state_folder"]


def state_folder() -> Path:
    """The folder for cbauth's state, by the rules of the platform. It may not exist yet."""
    from platformdirs import user_state_path

    return user_state_path("cbauth", appauthor=False)


def make_private_folder(folder: Path) -> None:
    """Create ``folder`` for its owner alone (0700), parents as usual. Raises ``OSError``.

    A folder that exists keeps its mode, unless it is the state folder, which is nobody else's business.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix" and folder == state_folder() and folder.stat().st_mode & 0o077:
        with suppress(PermissionError):
            folder.chmod(0o700)
