"""How much a configuration may hold, however it comes in: as a text, or as a mapping from Python."""

from __future__ import annotations

__all__ = ["MOST_DEPTH", "MOST_NODES"]

MOST_DEPTH = 64
"""Levels of lists and mappings."""
MOST_NODES = 250_000
"""Values, keys among them; what aliases and merges stand for counts each time."""
