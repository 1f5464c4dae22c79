"""One look in all the forms that outlast it: whichever a front-end chooses, it says the same."""

from __future__ import annotations

from cbauth.display.html import snapshot_html
from cbauth.display.snapshot import Snapshot
from cbauth.display.text import snapshot_text

__all__ = ["bundle"]


def bundle(shown: Snapshot) -> dict[str, str]:
    """By MIME type."""
    return {"text/plain": snapshot_text(shown), "text/html": snapshot_html(shown)}
