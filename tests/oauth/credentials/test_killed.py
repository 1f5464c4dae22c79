"""``kill -9`` in mid-write and while holding the lock: the login is whole, the lock is free."""

from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path

import pytest

from cbauth.errors import StoreError
from cbauth.oauth.credentials import CredentialStore, open_credentials
from cbauth.secrets import Secret
from tests.oauth.credentials.logins import KEY, login
from tests.support.processes import Process, Processes, eventually

KILLS = 30
WRITER = """
import os, sys
from pathlib import Path
from cbauth.oauth.credentials import open_credentials
from cbauth.secrets import Secret
from tests.oauth.credentials.logins import KEY, login

store = open_credentials("file", Path(sys.argv[1]))

def save_on():
    n = 0
    while True:
        n += 1
        store.save(login(access_token=Secret(f"{n:08}" * 8000), refresh_token=Secret(f"{n:08}")))

def forked():
    # Forked off one that has loaded everything: the next one saves within milliseconds.
    pid = os.fork()
    if not pid:
        save_on()
    return pid
"""


def version(store: CredentialStore) -> int:
    """The number of the version that is stored; it has to be whole."""
    found = store.load(KEY)
    assert found is not None
    assert found.refresh_token is not None
    number = found.refresh_token.reveal()
    assert found.access_token.reveal() == number * 8000
    return int(number)


def test_a_login_is_whole_whenever_its_writer_is_killed(files: CredentialStore, folder: Path) -> None:
    files.save(login(access_token=Secret("00000000" * 8000), refresh_token=Secret("00000000")))
    dice = random.Random(7)
    with Processes() as processes:
        parent = processes.start(WRITER, folder)
        for _ in range(KILLS):
            files.save(login(access_token=Secret("00000000" * 8000), refresh_token=Secret("00000000")))
            pid = parent.ask("forked()")
            assert eventually(lambda: version(files) > 0)
            time.sleep(dice.uniform(0, 0.02))  # where in a write the kill falls is left to chance
            parent.ask(f"os.kill({pid}, 9), os.waitpid({pid}, 0)")
            assert version(files) > 0
    assert list(folder.glob("*.damaged-*")) == []
    files.save(login())
    assert files.load(KEY) == login()


HOLDER = """
import sys
from pathlib import Path
from cbauth.oauth.credentials import open_credentials

held = open_credentials("file", Path(sys.argv[1])).lock(sys.argv[2], 5)
held.__enter__()
"""


def test_the_lock_of_a_killed_process_is_free_at_once(files: CredentialStore, folder: Path) -> None:
    with Processes() as processes:
        for _ in range(3):
            holder = processes.start(HOLDER, folder, KEY)
            pid = holder.ask("__import__('os').getpid()")
            with pytest.raises(StoreError, match=rf"held by process {pid} on \S+ for 0.05 s: end that process"):
                hold(files, 0.05)
            holder.kill()
            hold(files, 0)


def test_a_process_that_waits_gets_the_lock_when_its_holder_is_killed(files: CredentialStore, folder: Path) -> None:
    with Processes() as processes:
        holder, waiting = processes.start(HOLDER, folder, KEY), processes.start(WRITER, folder)
        waiting.send("with store.lock(KEY, 20): store.save(login())")
        holder.kill()
        waiting.answer()
    assert files.load(KEY) == login()


def hold(store: CredentialStore, timeout: float) -> None:
    with store.lock(KEY, timeout):
        pass


COUNTER = """
import sys
from pathlib import Path
from cbauth.oauth.credentials import open_credentials
from tests.oauth.credentials.logins import KEY, login

store = open_credentials("file", Path(sys.argv[1]))

def count(times):
    for _ in range(times):
        with store.lock(KEY, 20):
            found = store.load(KEY)
            store.save(login(lifetime=found.lifetime + 1))
"""


def test_processes_that_read_and_write_under_the_lock_lose_nothing(files: CredentialStore, folder: Path) -> None:
    files.save(login(lifetime=0.0))
    with Processes() as processes:
        everybody: list[Process] = processes.start_all(3, COUNTER, folder)
        for process in everybody:
            process.send("count(15)")
        for process in everybody:
            process.answer()
    found = files.load(KEY)
    assert found is not None
    assert found.lifetime == 45


def test_a_lock_does_not_go_along_into_a_forked_process(folder: Path) -> None:
    """Whoever is forked off while the lock is held neither holds it nor keeps it from others."""
    with Processes() as processes:
        holder = processes.start(HOLDER, folder, KEY)
        child = holder.ask("__import__('subprocess').Popen(['sleep', '60']).pid")
        holder.kill()
        try:
            hold(open_credentials("file", folder), 0)
        finally:
            os.kill(child, 9)


def test_the_name_of_a_lock_tells_nothing_of_its_login(files: CredentialStore, folder: Path) -> None:
    hold(files, 1)
    (path,) = folder.iterdir()
    assert re.fullmatch(r"[0-9a-f]{16}\.lock", path.name)
