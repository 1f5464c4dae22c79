"""Renewing ahead of time: nobody needs it, everybody may rely on that it harms nothing."""

from __future__ import annotations

import gc
import logging
import threading
import weakref

import pytest

from cbauth import LoginRequiredError, RefreshError
from cbauth.oauth.ahead import Ahead
from tests.clock import FakeClock
from tests.oauth.acme import LIFE, Acme
from tests.support.identity import faults
from tests.support.processes import eventually

NAME = "cbauth refreshes ahead"


def running() -> int:
    return sum(each.name == NAME for each in threading.enumerate())


def test_a_token_that_is_due_is_renewed_without_being_asked_for(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    renewed: list[object] = []
    manager.on("token:refreshed", renewed.append)
    acme.clock.advance(LIFE - 200)
    manager.schedule_refresh("acme")
    assert eventually(lambda: renewed)
    manager.get_access_token("acme")
    assert acme.identity.asked("refresh_token") == 1
    manager.close()
    assert eventually(lambda: running() == 0)


def test_a_token_that_is_not_due_is_left_alone_and_so_is_one_that_lives_shortly(acme: Acme) -> None:
    manager = acme.manager()
    acme.identity.set_access_token_ttl(59)
    acme.login(manager)
    other = acme.bare(path=acme.folder.parent / "other")
    acme.configure(other)
    acme.identity.reset()
    acme.login(other)
    acme.clock.advance(58)
    renewed: list[object] = []
    for each in (manager, other):
        each.on("token:refreshed", renewed.append)
        each.schedule_refresh("acme")
        each.schedule_refresh("nobody")
    other.refresh_token("acme")
    assert len(renewed) == 1
    assert manager.get_access_token("acme")
    assert len(renewed) == 2, "that is renewed when it is asked for"


def test_a_failure_ahead_of_time_changes_nothing(acme: Acme, caplog: pytest.LogCaptureFixture) -> None:
    manager = acme.manager()
    acme.login(manager)
    first, content = manager.get_access_token("acme"), acme.file().read_bytes()
    acme.clock.advance(LIFE - 200)
    acme.identity.fail(faults.status(503), times=2)
    with caplog.at_level(logging.INFO, "cbauth.oauth"):
        manager.schedule_refresh("acme")
        assert eventually(lambda: "was not renewed ahead of time" in caplog.text)
    assert manager.get_access_token("acme") == first
    assert acme.file().read_bytes() == content
    assert acme.clock.slept == []


def test_logging_out_and_closing_end_it(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    manager.schedule_refresh("acme")
    manager.schedule_refresh("acme")
    assert running() == 1
    manager.close()
    assert eventually(lambda: running() == 0)
    manager.schedule_refresh("acme")
    assert running() == 1
    manager.logout("acme")
    manager.close()
    assert eventually(lambda: running() == 0)


def test_it_keeps_no_manager_alive_and_ends_with_it(acme: Acme) -> None:
    manager = acme.bare()
    acme.configure(manager)
    manager.schedule_refresh("acme")
    gone = weakref.ref(manager)
    acme.managers.clear()
    del manager

    def collected() -> bool:
        gc.collect()
        return gone() is None and running() == 0

    assert eventually(collected)


def test_a_toolkit_renews_the_tokens_of_its_logins_until_it_is_closed(acme: Acme) -> None:
    with acme.toolkit() as toolkit:
        acme.login(toolkit.oauth, "me")
    assert eventually(lambda: running() == 0)
    acme.clock.advance(LIFE - 200)
    toolkit = acme.toolkit()
    renewed: list[object] = []
    toolkit.on("token:refreshed", renewed.append)
    assert running() == 1
    assert eventually(lambda: acme.identity.granted("refresh_token") == 1)
    toolkit.close()
    assert eventually(lambda: running() == 0)
    assert toolkit.oauth.get_access_token("me")
    assert running() == 0
    assert acme.identity.asked("refresh_token") == 1


# the thread alone


class Tokens:
    """Renews as the test says."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[float | Exception | None] = []
        self.news = threading.Event()

    def renew(self, name: str) -> float | None:
        self.asked.append(name)
        answer = self.answers.pop(0) if self.answers else 1e12
        self.news.set()
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (RefreshError("not now", temporary=True), "INFO"),
        (LoginRequiredError("x"), "INFO"),
        (ValueError("canary"), "WARNING"),
    ],
    ids=["temporary", "lost", "fault"],
)
def test_the_thread_survives_whatever_renewing_does(
    error: Exception, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    tokens, clock = Tokens(), FakeClock()
    tokens.answers = [error]
    ahead = Ahead(tokens.renew, clock, glance=0.01)
    with caplog.at_level(logging.INFO, "cbauth.oauth"):
        ahead.add("one")
        assert eventually(lambda: caplog.records)
    assert caplog.records[0].levelname == level
    assert "canary" not in caplog.text
    clock.advance(100)
    assert eventually(lambda: len(tokens.asked) == 2), "it looks at the clock by itself"
    ahead.close()


def test_a_name_that_needs_nothing_any_more_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    tokens = Tokens()
    tokens.answers = [None]
    ahead = Ahead(tokens.renew, FakeClock(), glance=0.01)
    ahead.add("one")
    assert eventually(lambda: running() == 0)
    ahead.add("two")
    ahead.add("three")
    assert eventually(lambda: set(tokens.asked) == {"one", "two", "three"})
    ahead.drop("two")
    ahead.close()
    assert eventually(lambda: running() == 0)
