"""Rest for the garbage collector while a file is read.

A tree of a file is a great many new objects and no garbage. The collector looks all of them over again and again as
they grow: a quarter of the time that a file of ten thousand profiles takes. It is best to let it rest until the tree is
gone again, for its first work then is to look over whatever is new.

The collector is one for all threads. Whoever finds it at work lets it rest and sets it to work again; threads whose
readings overlap at worst share one rest, and a text has an upper limit of size, so no rest is long.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["gc_paused"]


@contextmanager
def gc_paused() -> Iterator[None]:
    """Let the garbage collector rest meanwhile, if it was at work."""
    working = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if working:
            gc.enable()
