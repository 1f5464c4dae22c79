"""Each happening is told once, with what it is about and no secret."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cbauth import ConfigError, LoginError, LoginRequiredError
from cbauth.events import Event
from cbauth.oauth import OAuthManager
from tests.oauth.acme import LIFE, SOON, Acme
from tests.support.identity import faults
from tests.support.processes import eventually

NAMES = ("auth:started", "auth:success", "auth:failed", "token:refreshed", "token:expired")


def told(on: Callable[[str, Callable[[Event], object]], object]) -> list[Event]:
    events: list[Event] = []
    for name in NAMES:
        on(name, events.append)
    return events


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def test_a_login_is_told_when_it_starts_and_when_it_is_stored(acme: Acme) -> None:
    manager = acme.manager()
    events = told(manager.on)
    stored: list[bool] = []
    manager.on("auth:success", lambda event: stored.append(manager.get_credential("acme") is not None))
    acme.login(manager)
    started, success = events
    assert (started.name, started.provider_id, started.profile_id, started.at) == (
        *("auth:started", "acme", None),
        acme.clock.now,
    )
    assert (success.name, success.until) == ("auth:success", acme.clock.now + LIFE)
    assert stored == [True]


@pytest.mark.parametrize("how", ["denied", "cancelled", "late", "refused", "not stored"])
def test_a_login_that_fails_is_told_once_however_it_ends(acme: Acme, how: str) -> None:
    manager = acme.manager(login_timeout=0.01 if how == "late" else 300)
    events = told(manager.on)
    login = manager.begin("acme")
    if how == "denied":
        acme.identity.visit(login.url, deny=True)
    elif how == "cancelled":
        login.cancel()
        login.cancel()
    elif how == "refused":
        acme.identity.fail(faults.error("invalid_grant"))
        acme.identity.visit(login.url)
    elif how == "not stored":
        acme.folder.write_text("in the way")
        acme.identity.visit(login.url)
    errors = set()
    for _ in range(2):
        with pytest.raises(LoginError) as caught:
            login.wait(SOON)
        errors.add(caught.value.error)
    manager.close()
    assert names(events) == ["auth:started", "auth:failed"]
    (error,) = errors
    assert events[1].error is not None
    assert events[1].error.startswith(error)


def test_a_refresh_is_told_once_before_the_call_returns(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    events = told(manager.on)
    acme.clock.advance(LIFE)
    manager.get_access_token("acme")
    assert names(events) == ["token:refreshed"]
    assert events[0].until == acme.clock.now + LIFE
    manager.get_access_token("acme")
    manager.refresh_token("acme")
    assert names(events) == ["token:refreshed"] * 2


def test_a_failed_refresh_is_no_event_and_a_lost_login_is_one(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    events = told(manager.on)
    acme.identity.fail(faults.error("invalid_client"))
    with pytest.raises(Exception, match="invalid_client"):
        manager.refresh_token("acme")
    assert events == []
    acme.identity.fail(faults.error("invalid_grant"))
    for _ in range(3):
        with pytest.raises(LoginRequiredError):
            manager.refresh_token("acme")
    assert names(events) == ["token:expired"]


def test_a_handler_may_ask_the_manager_and_fail_without_breaking_anything(acme: Acme) -> None:
    manager = acme.manager()
    asked: list[str] = []

    def ask(event: Event) -> None:
        asked.append(manager.get_access_token("acme"))
        raise ValueError(event.name)

    manager.on("auth:success", ask)
    manager.on("token:refreshed", ask)
    acme.login(manager)
    acme.clock.advance(LIFE)
    token = manager.get_access_token("acme")
    assert asked[-1] == token
    assert len(asked) == 2


def test_a_handler_that_ends_its_thread_keeps_nobody_waiting(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = acme.manager()
    ended: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: ended.append(told.exc_type))

    def leave(event: Event) -> None:
        raise SystemExit

    manager.on("auth:success", leave)
    login = manager.begin("acme")
    acme.identity.visit(login.url)
    assert login.wait(SOON).id == "acme"
    assert eventually(lambda: ended == [SystemExit])


def test_unsubscribing_ends_it_and_a_typo_is_told(acme: Acme) -> None:
    manager = acme.manager()
    events: list[Event] = []
    stop = manager.on("auth:started", events.append)
    manager.begin("acme")
    stop()
    manager.begin("acme")
    assert len(events) == 1
    with pytest.raises(ConfigError, match="did you mean 'auth:success'"):
        manager.on("auth:sucess", events.append)


def test_a_toolkit_tells_them_with_all_others_under_the_profiles_name(acme: Acme) -> None:
    toolkit = acme.toolkit()
    events = told(toolkit.on)
    manager: OAuthManager = toolkit.oauth
    acme.login(manager, "me")
    manager.refresh_token("me")
    acme.identity.fail(faults.error("invalid_grant"))
    with pytest.raises(LoginRequiredError):
        manager.refresh_token("me")
    assert names(events) == ["auth:started", "auth:success", "token:refreshed", "token:expired"]
    assert {(event.profile_id, event.provider_id) for event in events} == {("me", "acme")}
    toolkit.close()
