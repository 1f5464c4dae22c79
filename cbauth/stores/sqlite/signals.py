"""Some words of memory that all processes with the same state file share: hints, never truth.

Asking SQLite whether anybody has written costs a query; looking at a mapped word costs nothing. And SQLite lets writers
who wait sleep in the dark; here they can be seen, so that whoever has just written steps back for them.

Laws:

1. Every writer changes the word of its row's slot, and then ``CHANGED``, before it commits and again afterwards, each
   time to a value that was not there before. Whoever remembered the value from before has to look.
2. No lock guards the words, so a change may be masked by another one of the same moment, and a killed writer leaves out
   the second one. So every slot that changed is looked at again a little later, and a slow poll stands behind all.
3. Whatever the words say, nothing is lost: only the time at which something is seen, and who waits for whom, depend on
   them. Without the file every process has words of its own.
"""

from __future__ import annotations

import mmap
import os
from array import array
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

__all__ = ["CHANGED", "SLOTS", "WAITING", "Signals"]

CHANGED, WAITING, LATEST, MARK, FIRST = 0, 1, 2, 7, 8
MAGIC = int.from_bytes(b"cbauth 1", "little")
SLOTS = 64
WORDS = FIRST + SLOTS
SIZE = 8 * WORDS
STEP = 0x9E3779B97F4A7C15
"""Odd, so that the values of one writer all differ (the golden ratio: neighbours lie far apart)."""
MASK = 2**64 - 1
Words: TypeAlias = "array[int] | memoryview[int]"


class Signals:
    """The words beside the state file at ``path``. ``attach`` and ``detach`` replace ``words``, nothing else does."""

    __slots__ = ("_me", "_next", "_seen", "path", "shared", "words")

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}-signals")
        self.shared = False
        self.words: Words = array("Q", bytes(SIZE))
        self._seen = [0] * SLOTS
        self.renew()

    def renew(self) -> None:
        """Become somebody else: after a fork, parent and child must not write the same values."""
        self._me = int.from_bytes(os.urandom(8)) | 1
        self._next = self._me

    def attach(self) -> Words:
        """Share the words. Without a file of ours to map (a full disk, somebody else's file) they stay one's own."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        with suppress(OSError, ValueError):
            descriptor = os.open(self.path, flags, 0o600)
            try:
                if os.fstat(descriptor).st_size == 0:
                    # Written, not only made longer: a hole that a full disk cannot fill would kill whoever touches it.
                    fresh = array("Q", bytes(SIZE))
                    fresh[MARK] = MAGIC
                    os.write(descriptor, fresh.tobytes())
                if os.fstat(descriptor).st_size == SIZE:
                    words = memoryview(mmap.mmap(descriptor, SIZE)).cast("Q")
                    if words[MARK] == MAGIC:
                        self.words, self.shared = words, True
            finally:
                os.close(descriptor)
        return self.words

    def detach(self) -> Words:
        """Go on with words of one's own. The mapping ends with its last reader, who may be in another thread."""
        self.words, self.shared = array("Q", self.words.tolist()), False
        return self.words

    def changes(self, slot: int) -> None:
        """Say that a row of ``slot`` is about to change."""
        words = self.words
        self._next = value = (self._next + STEP) & MASK
        words[FIRST + slot] = self._seen[slot] = words[CHANGED] = value

    def heard(self) -> set[int]:
        """The slots that others have changed since this was asked last."""
        words = self.words[FIRST:].tolist()
        slots = {slot for slot, (now, before) in enumerate(zip(words, self._seen, strict=True)) if now != before}
        self._seen = words
        return slots

    def wait(self) -> None:
        """Say that somebody waits for others to finish writing."""
        self.words[WAITING] = self._me

    def changed(self, slot: int) -> int:
        """Say that a row of ``slot`` has changed, and who wrote last; gives the value that ``CHANGED`` has now."""
        words = self.words
        self._next = value = (self._next + STEP) & MASK
        words[FIRST + slot] = self._seen[slot] = words[CHANGED] = value
        words[LATEST] = self._me
        return value

    def is_awaited(self) -> bool:
        """Whether this process wrote last and somebody else waits; says so once per sign."""
        words = self.words
        if words[LATEST] != self._me or words[WAITING] in (0, self._me):
            return False
        words[WAITING] = 0
        return True
