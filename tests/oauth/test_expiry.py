"""How long tokens are good for: what providers say of it, what the clock does, and what happens ahead of time."""

from __future__ import annotations

from typing import Any

import pytest

from cbauth import LoginRequiredError
from cbauth.oauth import OAuthManager
from tests.oauth.acme import LIFE, SCOPES, Acme
from tests.support.identity import faults

TOKEN = {"access_token": "first", "refresh_token": "again", "token_type": "Bearer", "scope": "openid"}


def log_in(acme: Acme, manager: OAuthManager, **answer: Any) -> None:
    """A login whose token response is ``answer``."""
    acme.identity.fail(faults.body({name: value for name, value in {**TOKEN, **answer}.items() if value is not None}))
    acme.login(manager)


@pytest.mark.parametrize(
    ("told", "life"), [(3600, 3600.0), ("1800", 1800.0), (1800.5, 1800.5), ("1e3", 1000.0), (10**30, 315360000.0)]
)
def test_a_token_ends_its_lifetime_after_its_receipt(acme: Acme, told: object, life: float) -> None:
    manager = acme.manager()
    log_in(acme, manager, expires_in=told)
    login = manager.get_credential("acme")
    assert login is not None
    assert (login.expires_at, login.lifetime, login.received_at) == (acme.clock.now + life, life, acme.clock.now)
    ahead = min(300.0, life / 10)
    acme.clock.advance(life - ahead - 1)
    assert manager.get_access_token("acme") == "first"
    acme.identity.fail(faults.body({**TOKEN, "access_token": "second", "expires_in": 3600}))
    acme.clock.advance(1)
    assert manager.get_access_token("acme") == "second"


@pytest.mark.parametrize("told", [None, 0, "0", -5, "soon", "", [], {}, True, "nan"])
def test_a_lifetime_that_says_nothing_lets_the_token_be_used_until_it_is_refused(acme: Acme, told: object) -> None:
    manager = acme.manager()
    log_in(acme, manager, expires_in=told)
    login = manager.get_credential("acme")
    assert login is not None
    assert login.expires_at is None
    acme.clock.advance(1e9)
    assert manager.get_access_token("acme") == "first"
    acme.clock.advance(-2e9)
    assert not manager.is_token_expired(login)
    assert manager.get_access_token("acme") == "first"
    assert acme.identity.asked("refresh_token") == 0
    acme.identity.fail(faults.body({**TOKEN, "access_token": "second"}))
    manager.renew("acme", login.access_token)
    assert manager.get_access_token("acme") == "second"


def test_a_shorter_wish_is_followed_a_longer_one_is_not(acme: Acme) -> None:
    for wish, ahead in ((60.0, 60.0), (3000.0, 360.0)):
        manager = acme.manager(refresh_before=wish)
        acme.login(manager)
        acme.clock.advance(LIFE - ahead - 1)
        first = manager.get_access_token("acme")
        acme.clock.advance(1)
        assert manager.get_access_token("acme") != first


def test_a_clock_that_was_set_back_renews_what_can_be_renewed(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    first = manager.get_access_token("acme")
    acme.clock.advance(-59)
    assert manager.get_access_token("acme") == first, "a small correction is none"
    acme.clock.advance(-2 * LIFE)
    assert manager.get_access_token("acme") != first
    login = manager.get_credential("acme")
    assert login is not None
    assert login.expires_at == acme.clock.now + LIFE


def test_a_clock_that_was_set_back_costs_no_login_that_cannot_be_renewed(acme: Acme) -> None:
    manager = acme.manager()
    log_in(acme, manager, refresh_token=None, expires_in=3600)
    acme.clock.advance(-86400)
    login = manager.get_credential("acme")
    assert login is not None
    assert not manager.is_token_expired(login)
    assert manager.get_access_token("acme") == "first"


def test_a_laptop_that_has_slept_renews_at_its_first_call(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    first = manager.get_access_token("acme")
    acme.clock.advance(7 * 86400)
    assert manager.get_access_token("acme") != first
    assert acme.identity.asked("refresh_token") == 1


def test_a_token_that_is_still_good_is_given_out_while_it_cannot_be_renewed(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    first = manager.get_access_token("acme")
    acme.clock.advance(LIFE - 200)
    acme.identity.fail(faults.status(503), times=2)
    assert manager.get_access_token("acme") == first
    assert manager.get_access_token("acme") == first
    assert acme.identity.asked("refresh_token") == 1, "one try, and then a pause"
    assert acme.clock.slept == []
    acme.clock.advance(31)
    assert manager.get_access_token("acme") == first
    assert acme.identity.asked("refresh_token") == 2
    acme.clock.advance(31)
    assert manager.get_access_token("acme") != first


def test_a_login_that_is_lost_early_serves_until_its_token_ends(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    first = manager.get_access_token("acme")
    told: list[object] = []
    manager.on("token:expired", told.append)
    acme.identity.fail(faults.error("invalid_grant"))
    acme.clock.advance(LIFE - 200)
    for _ in range(3):
        assert manager.get_access_token("acme") == first
        acme.clock.advance(60)
    acme.clock.advance(60)
    with pytest.raises(LoginRequiredError):
        manager.get_access_token("acme")
    assert acme.identity.asked("refresh_token") == 1
    assert len(told) == 1


def test_a_token_that_is_refused_with_its_login_lost_is_not_given_out_any_more(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    login = manager.get_credential("acme")
    assert login is not None
    acme.identity.fail(faults.error("invalid_grant"))
    with pytest.raises(LoginRequiredError):
        manager.renew("acme", login.access_token)
    with pytest.raises(LoginRequiredError):
        manager.get_access_token("acme")
    seen = manager.get_credential("acme")
    assert seen is not None
    assert manager.is_token_expired(seen)


def test_scopes_that_were_not_granted_are_shown_and_the_token_is_kept(acme: Acme) -> None:
    manager = acme.manager()
    log_in(acme, manager, scope="openid")
    login = manager.get_credential("acme")
    assert login is not None
    assert login.scopes == ("openid",)
    assert manager.get_access_token("acme") == "first"
    log_in(acme, manager, scope=None)
    login = manager.get_credential("acme")
    assert login is not None
    assert login.scopes == SCOPES, "who names none has granted what was asked for"
