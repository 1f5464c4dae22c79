"""Several processes and one login: one refresh for all of them, whoever is killed in the middle of it."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import pytest

from tests.oauth.acme import LIFE, SCOPES, Acme
from tests.support.identity import PUBLIC, faults
from tests.support.processes import Process, Processes, eventually

SETUP = f"""
import sys, time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from cbauth.oauth import OAuthManager

issuer, folder, ahead = sys.argv[1:]
late = float(ahead)
manager = OAuthManager(path=folder, clock=lambda: time.time() + late)
manager.configure_provider("acme", client_id="{PUBLIC.id}", issuer=issuer, scopes={SCOPES!r})
together = Barrier(4)

def ask():
    together.wait()
    return manager.get_access_token("acme")

def ask_all():
    with ThreadPoolExecutor(4) as threads:
        return [each.result() for each in [threads.submit(ask) for _ in range(4)]]
"""


def start(processes: Processes, acme: Acme, number: int = 1, late: float = LIFE) -> list[Process]:
    """Processes whose clocks are ``late`` seconds after the login."""
    return processes.start_all(number, SETUP, acme.identity.issuer, acme.folder, late)


@pytest.mark.parametrize("run", range(5))
def test_four_processes_with_four_threads_each_make_one_refresh(acme: Acme, run: int) -> None:
    acme.clock.now = time.time()
    acme.login(acme.manager())
    with Processes() as processes:
        everybody = start(processes, acme, 4)
        for process in everybody:
            process.send("ask_all()")
        tokens = [token for process in everybody for token in process.answer()]
        assert len(tokens) == 16
        assert len(set(tokens)) == 1
        assert acme.identity.asked("refresh_token") == 1
        assert acme.identity.introspect(tokens[0])["active"]
        assert everybody[0].ask("manager.refresh_token('acme').id") == "acme", "the session is alive"
    assert acme.identity.granted("refresh_token") == 2


def test_who_is_killed_while_it_refreshes_leaves_the_login_whole_and_the_lock_free(acme: Acme) -> None:
    acme.clock.now = time.time()
    acme.login(acme.manager())
    content = acme.file().read_bytes()
    acme.identity.fail(faults.hang(60))
    with Processes() as processes:
        killed, other = start(processes, acme, 2)
        killed.send("manager.get_access_token('acme')")
        assert eventually(lambda: acme.identity.asked("refresh_token") == 1)
        other.send("manager.get_access_token('acme')")
        killed.kill()
        assert acme.identity.introspect(other.answer())["active"]
    assert acme.file().read_bytes() != content
    assert acme.identity.asked("refresh_token") == 2


def test_who_is_killed_with_the_answer_on_its_way_leaves_the_old_login_in_its_file(acme: Acme) -> None:
    acme.clock.now = time.time()
    acme.login(acme.manager())
    content = acme.file().read_bytes()
    acme.identity.fail(faults.delay(60))
    with Processes() as processes:
        (killed,) = start(processes, acme)
        killed.send("manager.get_access_token('acme')")
        assert eventually(lambda: acme.identity.granted("refresh_token") == 1)
        killed.kill()
        assert acme.file().read_bytes() == content
        assert [path.suffix for path in acme.folder.iterdir() if path.suffix not in (".json", ".lock")] == []


def differs(acme: Acme, before: bytes) -> bool:
    return acme.file().read_bytes() != before


def test_a_login_that_is_refreshed_again_and_again_is_whole_whenever_its_process_is_killed(acme: Acme) -> None:
    acme.clock.now = time.time()
    manager = acme.manager()
    acme.login(manager)
    with Processes() as processes:
        for _ in range(3):
            (process,) = start(processes, acme)
            before = acme.file().read_bytes()
            process.send("while True: manager.refresh_token('acme')")
            assert eventually(partial(differs, acme, before))
            process.kill()
            assert manager.get_credential("acme") is not None
            acme.login(manager)
    assert list(acme.folder.glob("*.damaged-*")) == []


def test_a_program_that_ends_during_a_refresh_in_a_thread_ends_after_it_is_stored(acme: Acme) -> None:
    acme.clock.now = time.time()
    acme.login(acme.manager())
    content = acme.file().read_bytes()
    acme.identity.fail(faults.delay(0.3))
    with Processes() as processes:
        (process,) = start(processes, acme)
        process.ask("__import__('threading').Thread(target=manager.refresh_token, args=('acme',), daemon=True).start()")
        assert eventually(lambda: acme.identity.granted("refresh_token") == 1)
        process.end()
    assert acme.file().read_bytes() != content
    login = acme.manager().refresh_token("acme")
    assert login.refreshable


def test_ctrl_c_during_a_refresh_costs_no_login(acme: Acme) -> None:
    """The provider has rotated the refresh token, its answer is on the way: the interrupt ends the waiting only."""
    acme.clock.now = time.time()
    acme.login(acme.manager())
    before = acme.file().read_bytes()
    acme.identity.fail(faults.delay(0.5))
    with Processes() as processes:
        (process,) = start(processes, acme)
        pid = process.ask("__import__('os').getpid()")
        process.send("manager.get_access_token('acme')")
        assert eventually(lambda: acme.identity.granted("refresh_token") == 1)
        os.kill(pid, signal.SIGINT)
        with pytest.raises(AssertionError, match="KeyboardInterrupt"):
            process.answer()
        process.end()
    assert acme.file().read_bytes() != before
    assert acme.manager().refresh_token("acme").refreshable


INTERRUPTED = (
    SETUP
    + """
import _thread, threading
import cbauth.oauth.login as login_module
from cbauth import LoginError

def interrupt():
    # As soon as the main thread waits for the login.
    def waits():
        frame = sys._current_frames()[threading.main_thread().ident]
        while frame is not None and frame.f_code is not login_module.Login.wait.__code__:
            frame = frame.f_back
        return frame is not None
    while not waits():
        time.sleep(0.001)
    _thread.interrupt_main()

def interrupted():
    login = manager.begin("acme")
    try:
        threading.Thread(target=interrupt).start()
        login.wait()
    except KeyboardInterrupt:
        pass
    else:
        return "not interrupted"
    import socket
    socket.create_server(("127.0.0.1", int(login.redirect_uri.split(":")[2].split("/")[0]))).close()
    try:
        login.wait()
    except LoginError as error:
        return error.error
"""
)


def test_ctrl_c_ends_the_login_that_is_waited_for_and_frees_its_port(acme: Acme) -> None:
    with Processes() as processes:
        process = processes.start(INTERRUPTED, acme.identity.issuer, acme.folder, 0)
        assert process.ask("interrupted()") == "cancelled"


FORKED = (
    SETUP
    + """
import os, socket

def in_child(act):
    # What `act` gives in a child that was forked off just now; it has ten seconds.
    here, there = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(there, act().encode())
        finally:
            os._exit(0)
    os.close(there)
    import select
    ready, _, _ = select.select([here], [], [], 10)
    said = os.read(here, 65536).decode() if ready else "hangs"
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(here)
    return said

def error_of(act):
    try:
        act()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "none"

def login_in_child():
    login = manager.begin("acme")
    port = int(login.redirect_uri.split(":")[2].split("/")[0])
    said = in_child(lambda: error_of(login.wait))
    login.cancel()
    socket.create_server(("127.0.0.1", port)).close()
    return said

def port_in_child():
    login = manager.begin("acme")
    port = int(login.redirect_uri.split(":")[2].split("/")[0])
    def later():
        os.read(r, 1)  # until the parent has ended the login
        return error_of(lambda: socket.create_server(("127.0.0.1", port)).close())
    r, w = os.pipe()
    login_over = lambda: (login.cancel(), os.write(w, b"x"))
    threading.Timer(0.05, login_over).start()
    return in_child(later)

import threading
"""
)


def test_a_child_of_a_process_in_which_a_login_waits_neither_waits_nor_keeps_the_port(acme: Acme) -> None:
    with Processes() as processes:
        process = processes.start(FORKED, acme.identity.issuer, acme.folder, 0)
        assert process.ask("login_in_child()").startswith("LoginError: login failed: forked")
        assert process.ask("port_in_child()") == "none"


@pytest.mark.parametrize("store", ["file", "memory"])
def test_a_child_that_is_made_during_a_refresh_gets_a_token_of_its_own(acme: Acme, store: str) -> None:
    acme.clock.now = time.time()
    acme.login(acme.manager())
    with Processes() as processes:
        process = processes.start(FORKED, acme.identity.issuer, acme.folder, LIFE)
        if store == "memory":
            process.ask(
                "files = manager\n"
                "from cbauth.oauth.credentials import MemoryCredentials\n"
                "memory = MemoryCredentials()\n"
                "manager = OAuthManager(store=memory, clock=lambda: time.time() + late)\n"
                f"manager.configure_provider('acme', client_id='{PUBLIC.id}', issuer=issuer)\n"
                "memory.save(files.list_credentials()[0])"
            )
        acme.identity.fail(faults.hang(0.5))
        process.ask("threading.Thread(target=lambda: error_of(lambda: manager.get_access_token('acme'))).start()")
        assert eventually(lambda: acme.identity.asked("refresh_token") == 1)
        token = process.ask("in_child(lambda: manager.get_access_token('acme'))")
        assert acme.identity.introspect(token)["active"], token
