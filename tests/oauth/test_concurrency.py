"""Many at once, and in any order: nothing is left behind, no thread, no socket, no port."""

from __future__ import annotations

import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

import pytest

from cbauth import CbauthError, LoginError
from cbauth.oauth.flow import Authorization
from tests.oauth.acme import LIFE, SOON, Acme
from tests.support.identity import faults
from tests.support.processes import eventually


def ours() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("cbauth")]


def one_is_left(logins: list[Authorization]) -> bool:
    return sum(not login.done for login in logins) == 1


def port_of(uri: str) -> int:
    return urlsplit(uri).port or 0


def test_logins_begun_cancelled_and_closed_by_many_threads_leave_nothing_behind(acme: Acme) -> None:
    manager = acme.manager()
    manager.begin("acme").cancel()
    ports: list[int] = []
    dice = random.Random(4)

    def work(number: int) -> None:
        login = manager.begin("acme")
        ports.append(port_of(login.redirect_uri))
        if number % 3 == 0:
            login.cancel()
        elif number % 7 == 0:
            manager.close()
        elif number % 2 == 0:
            with pytest.raises(LoginError):
                login.complete("http://127.0.0.1/nothing")

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(work, number) for number in dice.sample(range(48), 48)]:
            done.result()
    manager.close()
    assert eventually(lambda: not ours())
    assert len(ports) == 48
    for port in set(ports):
        socket.create_server(("127.0.0.1", port)).close()


def test_of_two_logins_begun_at_the_same_moment_one_is_left(acme: Acme) -> None:
    manager = acme.manager()
    manager.begin("acme").cancel()
    started: list[object] = []
    failed: list[object] = []
    manager.on("auth:started", started.append)
    manager.on("auth:failed", failed.append)
    for _ in range(5):
        with ThreadPoolExecutor(4) as threads:
            logins = [each.result() for each in [threads.submit(manager.begin, "acme") for _ in range(4)]]
        assert eventually(partial(one_is_left, logins))
    manager.close()
    assert len(started) == len(failed) == 20


def test_a_login_is_cancelled_while_its_code_is_exchanged_and_nothing_is_stored(acme: Acme) -> None:
    manager = acme.manager()
    failed: list[object] = []
    manager.on("auth:failed", failed.append)
    acme.identity.fail(faults.delay(0.2))
    login = manager.begin("acme")
    acme.identity.visit(login.url)
    assert eventually(lambda: acme.identity.asked() == 1)
    login.cancel()
    with pytest.raises(LoginError) as caught:
        login.wait(SOON)
    assert caught.value.error == "cancelled"
    assert manager.list_credentials() == []
    assert len(failed) == 1


def test_a_handler_may_end_the_login_that_it_is_told_of(acme: Acme) -> None:
    manager = acme.manager()
    manager.on("auth:success", lambda event: manager.close())
    login = manager.begin("acme")
    acme.identity.visit(login.url)
    assert login.wait(SOON).id == "acme"


def test_waiting_in_many_threads_gives_everybody_the_same_login_or_an_error_of_their_own(acme: Acme) -> None:
    manager = acme.manager()
    login = manager.begin("acme")
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(login.wait, SOON) for _ in range(8)]
        acme.identity.visit(login.url)
        assert len({id(each.result()) for each in waiting}) == 1
        login = manager.begin("acme")
        waiting = [threads.submit(login.wait, SOON) for _ in range(8)]
        login.cancel()
        errors = [each.exception() for each in waiting]
    assert {type(error) for error in errors} == {LoginError}
    assert len({id(error) for error in errors}) == 8


def test_tokens_asked_for_while_others_log_in_and_out_are_tokens_or_clear_errors(acme: Acme) -> None:
    manager = acme.manager(store="memory")
    acme.login(manager)
    over = threading.Event()
    wrong: list[BaseException] = []

    def ask() -> None:
        while not over.is_set():
            try:
                assert manager.get_access_token("acme")
            except CbauthError:
                continue
            except BaseException as error:
                wrong.append(error)
                return

    with ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            threads.submit(ask)
        for _ in range(4):
            acme.clock.advance(LIFE)
            manager.logout("acme")
            acme.login(manager)
            manager.refresh_token("acme")
        over.set()
    assert wrong == []


def test_a_refresh_puts_an_old_token_at_hand_of_nobody(acme: Acme) -> None:
    """Whoever has read the old token before somebody replaced it must not keep it."""
    manager = acme.manager()
    acme.login(manager)
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            manager.get_access_token("acme")

    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            threads.submit(ask)
        for _ in range(10):
            made = manager.refresh_token("acme")
            assert manager.get_access_token("acme") == made.access_token.reveal()
        over.set()


def test_another_program_that_takes_the_port_between_two_callbacks_costs_no_login(acme: Acme) -> None:
    manager = acme.manager()
    done: list[object] = []
    takers: list[socket.socket] = []
    manager.on("auth:success", done.append)
    uri = manager.start_local_server()
    over = threading.Event()

    def take() -> None:
        while not over.is_set():
            try:
                takers.append(socket.create_server(("127.0.0.1", port_of(uri))))
            except OSError:
                continue
            return

    thief = threading.Thread(target=take)
    url = manager.get_authorization_url("acme")
    thief.start()
    acme.identity.visit(url)
    assert eventually(lambda: done)
    over.set()
    thief.join()
    for taker in takers:
        taker.close()
