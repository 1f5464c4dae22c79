"""Toolkits that are given an ``OAuthManager`` of one's own: with another time-out, another port, another place."""

from __future__ import annotations

import gc

import pytest

import cbauth
from cbauth import ConfigError, Event, OAuthManager
from tests.oauth.acme import SOON, Acme
from tests.support.setting import record


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events if event.name.startswith("auth:")]


def test_it_serves_the_logins_of_the_file_where_and_as_it_was_told(acme: Acme) -> None:
    manager = acme.bare(login_timeout=7.0)
    with cbauth.load(acme.config(), oauth=manager, clock=acme.clock) as toolkit:
        assert toolkit.oauth is manager
        told: list[Event] = []
        toolkit.on("*", told.append)
        login = manager.begin("me")
        assert login.expires_at == acme.clock.now + 7.0
        assert acme.identity.visit(login.url).status_code == 200
        token = login.wait(SOON).access_token.reveal()
        assert names(told) == ["auth:started", "auth:success"]
        assert acme.file().parent == acme.folder
        with next(iter(toolkit.attempts("m"))) as lease:
            assert lease.token == token
        assert record(toolkit, "me").token_expires_at is not None


def test_a_file_that_changes_changes_what_it_serves(acme: Acme) -> None:
    manager = acme.bare()
    with cbauth.load(acme.config(), oauth=manager, clock=acme.clock) as toolkit:
        config = acme.config()
        config["profiles"] = {"other": config["profiles"].pop("me")}
        toolkit.reload(config)
        acme.login(manager, "other")
        with pytest.raises(ConfigError, match="there is no login 'me'"):
            manager.begin("me")


def test_several_toolkits_share_one_and_leave_it(acme: Acme) -> None:
    manager, config = acme.bare(), acme.config()
    config["profiles"] = {"other": config["profiles"].pop("me")}
    first = cbauth.load(acme.config(), oauth=manager, clock=acme.clock)
    second = cbauth.load(config, oauth=manager, clock=acme.clock)
    told: list[Event] = []
    first.on("*", told.append)
    acme.login(manager, "me")
    acme.login(manager, "other")
    first.close()
    acme.login(manager, "other")
    assert names(told) == ["auth:started", "auth:success"] * 2
    with pytest.raises(ConfigError, match="there is no login 'me': did you mean acme"):
        manager.begin("me")
    second.close()
    with pytest.raises(ConfigError, match="there is no login 'other', nor any other"):
        manager.begin("other")


def test_a_toolkit_that_nobody_closed_leaves_it_as_well(acme: Acme) -> None:
    manager = acme.bare()
    cbauth.load(acme.config(), oauth=manager, clock=acme.clock)
    gc.collect()
    with pytest.raises(ConfigError, match="there is no login 'me', nor any other"):
        manager.begin("me")


def test_its_port_is_that_of_the_files_logins_too(acme: Acme) -> None:
    with cbauth.load(acme.config(), oauth=acme.bare(port=18_437), clock=acme.clock) as toolkit:
        login = toolkit.oauth.begin("me")
        login.cancel()
    assert "127.0.0.1%3A18437%2Fcallback" in login.url


def test_it_is_not_closed_with_the_toolkit(acme: Acme) -> None:
    manager: OAuthManager = acme.manager()
    with cbauth.load(acme.config(), oauth=manager, clock=acme.clock):
        login = manager.begin("acme")
    assert acme.identity.visit(login.url).status_code == 200
    login.wait(SOON)
