"""Health in a Redis server: shared by every machine of a team.

Laws, beside those of every store:

1. Reads make no I/O: what others change is heard by publication, in a thread of the store's own.
2. A change is one script call: it writes if the record is as this process has seen it, else it answers with the newest,
   and the transition is run again on that.
3. While the server is away, health goes on in memory from the last snapshot, and nobody waits for it again; when it is
   back, both histories are made one (``core/merging``), also where the server has lost what it held.
4. Time is the server's, so that machines whose clocks differ, or are set, agree on when a rest is over.
"""

from __future__ import annotations

import logging
import os
import random
import secrets
import string
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar
from weakref import ref

from cbauth.core.encoding import encode
from cbauth.core.health import Record
from cbauth.core.merging import merged
from cbauth.forks import Rank, guard
from cbauth.stores.codec import DAY, kept_until, parse
from cbauth.stores.contract import Change, Transition
from cbauth.stores.memory import Journal
from cbauth.stores.redis.address import Address
from cbauth.stores.redis.ear import Ear
from cbauth.stores.redis.link import AwayError, Link, RefusedError, Row, ticks

__all__ = ["RedisStore"]

R = TypeVar("R")

REPRIEVE = 0.5
"""Seconds, and up to twice as many, until a server that was away is tried again."""
MOST = 1024
"""Versions that are kept until those of records that have ended are looked for."""
LETTERS = string.ascii_letters + string.digits

_log = logging.getLogger("cbauth.stores")


class RedisStore:
    """Records of one ``namespace`` in the Redis server at ``url``. ``clock`` gives epoch seconds.

    Raises ``StoreError`` for a URL that is none, and when the server does not let us in. A server that is away is no
    error: it is waited for in the background.
    """

    def __init__(self, url: str, namespace: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self._address = Address(url)
        self._local = clock
        self._namespace = namespace
        self._link = Link(self._address, namespace, _new_writer(), clock)
        self._journal = Journal(clock)
        self.read = self._journal.read
        self._versions: dict[str, int] = {}
        self._most = MOST
        self._unsaved: set[str] = set()  # what changed while the server was away
        self._turn = 0
        self._life = ""
        self._forked_from = 0
        self._trouble = ""
        self._online = self._closed = False
        self._door = threading.RLock()  # one update at a time; a finalizer may come back to where its thread is inside
        self._stopping = threading.Event()
        guard(self, Rank.STORE)
        try:
            ear = self._join()
        except AwayError as error:
            ear = None
            self._lose(error)
        self._start(ear)

    @property
    def trouble(self) -> str:
        """Why changes stay in memory for now; empty when they do not."""
        return self._trouble

    def clock(self) -> float:
        """Epoch seconds by the server's clock, as far as it is known."""
        return ticks() + self._link.offset

    # reading

    @property
    def generation(self) -> int:
        """Grows by one with every record that changes, here or (once heard of) elsewhere."""
        return self._journal.generation

    def keys(self) -> tuple[str, ...]:
        """The keys of all records seen."""
        return self._journal.keys()

    def changes(self, since: int) -> tuple[str, ...] | None:
        """The keys changed after generation ``since``; ``None`` when that is too long ago to tell."""
        return self._journal.changes(since)

    def watch(self) -> deque[Change]:
        """A queue that gets what other processes change, once it is heard of, as long as somebody holds it."""
        return self._journal.watch()

    def refresh(self) -> None:
        """Ask the server now what others have written."""
        if self._online:
            try:
                self._look(self._link.read_all())
            except (AwayError, RefusedError) as error:
                self._lose(error)

    # writing

    def update(self, key: str, transition: Transition[R]) -> R:
        """Apply ``transition`` to the newest record, atomically over all machines, or in memory while Redis is away."""
        with self._door:
            while True:
                self._turn = turn = self._turn + 1
                seen = self._versions.get(key, 0)
                before = self._journal.read(key)
                after, answer = transition(before)
                if self._turn != turn:
                    continue
                if after is before:
                    return answer
                if not self._online and not self._closed:
                    self._unsaved.add(key)
                    self._journal.put(key, after)
                    return answer
                try:
                    done, row = self._swap(key, after, seen)
                except (AwayError, RefusedError) as error:
                    self._lose(error)
                    self._unsaved.add(key)
                    self._journal.put(key, after)
                    return answer
                if not done:
                    self._yield_to(key, row)
                    continue
                if row.version > self._versions.get(key, 0):
                    self._journal.put(key, after)
                    self._versions[key] = row.version  # last: an update that comes in between then fails to compare
                    if not seen:
                        self._forget()
                return answer

    def _swap(self, key: str, record: Record | None, seen: int) -> tuple[bool, Row]:
        """Write a record if it is still at version ``seen``; whether it was, and what is there now."""
        link, now = self._link, self.clock()
        body = "" if record is None else encode(record)
        resent = link.resent
        done, row = link.swap(key, seen, body, kept_until(record, now) - now)
        if not done and link.resent != resent and row.version > seen and row.body == body:
            done = True  # the answer to the first time was lost: it was ourselves who came in between
        return done, row

    # what others have written

    def _look(self, rows: dict[str, Row]) -> None:
        """Take over what others have written."""
        with self._door:
            for key, row in sorted(rows.items(), key=lambda item: item[1].version):
                self._take(key, row)

    def _take(self, key: str, row: Row) -> None:
        """Let readers see a record that somebody else has written, unless something newer is known."""
        if row.version > self._versions.get(key, 0) and key not in self._unsaved:
            record = parse(row.body)
            if record != self._journal.read(key):
                self._journal.hear(key, record)
            self._versions[key] = row.version
            self._forget()

    def _forget(self) -> None:
        """Drop the versions of sessions that ended a day ago: the server has forgotten them as well."""
        if len(self._versions) < self._most:
            return
        long_ago = (self.clock() - DAY) * 1e6
        wanted = {*self._journal.keys(), *self._unsaved}
        for key in [key for key, version in self._versions.items() if version < long_ago and key not in wanted]:
            del self._versions[key]
        self._most = max(MOST, 2 * len(self._versions))

    def _yield_to(self, key: str, row: Row) -> None:
        """Go on from what the server holds, after it was not what was expected."""
        if row.version > self._versions.get(key, 0) and key not in self._unsaved:
            self._take(key, row)
            return
        ours, theirs = self._journal.read(key), parse(row.body)  # the server has lost something, or does not know all
        if theirs is not None:
            self._journal.hear(key, theirs if ours is None else merged(ours, theirs))
        self._versions[key] = row.version

    def _join(self) -> Ear:
        """Meet the server, first or again: listen, take over what it holds, and put back what it lacks."""
        ear = Ear(self._link)
        try:
            self._link.ask_time()
            life = self._link.life()
            found = self._link.read_all()
            with self._door:
                lived_on = life == self._life != ""
                for key in {*self._journal.keys(), *self._unsaved}:
                    self._reconcile(key, found.pop(key, Row(0, "")), lived_on=lived_on)
                for key, row in found.items():
                    self._take(key, row)
                self._life, self._online = life, True
                for key in self._versions.keys() - {*self._journal.keys(), *found}:
                    del self._versions[key]  # of sessions that have ended
            if self._trouble:
                _log.warning("state is kept in Redis at %s again", self._address.shown)
                self._trouble = ""
        except BaseException:
            ear.close()
            raise
        return ear

    def _reconcile(self, key: str, row: Row, *, lived_on: bool) -> None:
        """Make one of what is known here and what the server holds.

        A version that is the same, or newer on a server that ``lived_on``, says that nothing was lost. Anything else
        may have been: then the whole is what either knows, but a removal that is newer stays one.
        """
        known, is_unsaved, done = self._versions.get(key, 0), key in self._unsaved, False
        if not is_unsaved and (row.version == known or (row.version > known and lived_on)):
            self._take(key, row)
            return
        while not done:
            ours, theirs = self._journal.read(key), parse(row.body)
            whole: Record | None
            if row.version > known and theirs is None and not is_unsaved:
                whole = None
            elif ours is None:
                whole = theirs if row.version > known else None
            elif theirs is None or (is_unsaved and row.version == known):
                whole = ours
            else:
                whole = merged(ours, theirs)
            done = row.version > 0 and whole == theirs
            if not done:
                done, row = self._swap(key, whole, row.version)
            done = done and self._journal.read(key) is ours  # else an update has come in between
        if whole != ours:
            self._journal.hear(key, whole)
        self._unsaved.discard(key)
        self._versions[key] = row.version

    def _lose(self, error: Exception) -> None:
        """Go on in memory, and say so once."""
        self._online = False
        self._link.drop()
        if not self._trouble and not self._closed:
            where = f"Redis at {self._address.shown} cannot be used"
            self._trouble = str(error) if isinstance(error, RefusedError) else f"{where} ({error})"
            _log.warning("%s: state lives in memory until that works", self._trouble)

    # the listener

    def _start(self, ear: Ear | None) -> None:
        self._stopping = threading.Event()
        threading.Thread(
            target=_listen, args=(ref(self), self._stopping, ear), name="cbauth-redis", daemon=True
        ).start()

    def _hear(self, ear: Ear | None) -> Ear | None:
        """One step of the listener: wait for news, or for the server to be back. ``None`` while it is not."""
        try:
            if ear is None or not self._online:
                if ear is not None:
                    ear.close()
                ear = None
                ear = self._join()
            elif keys := ear.news():
                self._look(self._link.read(keys))
        except Exception as error:  # whatever it was, without a listener this process would hear nothing any more
            self._lose(error)
            if ear is not None:
                ear.close()
            ear = None
        return ear

    # the end, and forks

    def close(self) -> None:
        """Give the connections back. An update that comes later opens one for as long as it takes."""
        self._stopping.set()
        with self._door:
            self._closed = True
            self._link.close()

    def before_fork(self) -> None:
        """Wait until nobody is inside."""
        self._door.acquire()
        self._journal.before_fork()
        self._forked_from = os.getpid()

    def after_fork(self) -> None:
        """Go on; a child takes none of its parent's connections, and listens with a thread of its own."""
        self._journal.after_fork()
        self._door.release()
        if os.getpid() != self._forked_from:
            self._link.drop()
            if not self._closed:
                offset = self._link.offset
                self._link = Link(self._address, self._namespace, _new_writer(), self._local)
                self._link.offset = offset
                self._start(None)

    def __del__(self) -> None:
        if hasattr(self, "_stopping"):
            self._stopping.set()

    def __repr__(self) -> str:
        return f"RedisStore({self._address.shown!r}, namespace={self._namespace!r})"


def _listen(store: ref[RedisStore], stopping: threading.Event, ear: Ear | None) -> None:
    """The listener's thread. It keeps no store alive for longer than one step."""
    while not stopping.is_set():
        alive = store()
        if alive is None:
            break
        ear = alive._hear(ear)
        del alive
        if ear is None:
            stopping.wait(random.uniform(REPRIEVE, 2 * REPRIEVE))
    if ear is not None:
        ear.close()


def _new_writer() -> str:
    """A name that no other process has: 36 bits."""
    return "".join(secrets.choice(LETTERS) for _ in range(6))
