"""A login that the provider no longer accepts: known to all processes, told once, healed by the next login."""

from __future__ import annotations

import logging

import pytest

from cbauth import AuthError, LoginRequiredError
from cbauth.oauth import OAuthManager
from tests.oauth.acme import LIFE, Acme
from tests.support.identity import faults

NO_LONGER = "the provider no longer accepts the login"


def lose(acme: Acme, manager: OAuthManager) -> None:
    """Have the provider refuse the refresh token, when the access token has ended."""
    acme.login(manager)
    acme.identity.revoke_account()
    acme.clock.advance(LIFE + 1)
    with pytest.raises(LoginRequiredError, match=NO_LONGER):
        manager.get_access_token("acme")


@pytest.mark.parametrize("store", ["file", "memory"])
def test_the_refused_token_is_never_sent_again_and_the_login_stays_as_it_is(acme: Acme, store: str) -> None:
    manager = acme.manager() if store == "file" else acme.manager(store="memory")
    lose(acme, manager)
    asked = acme.identity.asked("refresh_token")
    for _ in range(2):
        with pytest.raises(LoginRequiredError, match=NO_LONGER):
            manager.get_access_token("acme")
    assert acme.identity.asked("refresh_token") == asked


def test_other_processes_know_without_asking_and_tell_nobody_again(acme: Acme) -> None:
    lose(acme, acme.manager())
    content, asked = acme.file().read_bytes(), acme.identity.asked("refresh_token")
    other, told = acme.manager(), list[object]()
    other.on("token:expired", told.append)
    login = other.get_credential("acme")
    assert login is not None
    assert not login.refreshable
    with pytest.raises(LoginRequiredError, match=NO_LONGER):
        other.get_access_token("acme")
    assert acme.identity.asked("refresh_token") == asked
    assert told == []
    assert acme.file().read_bytes() == content
    mode = {path.stat().st_mode & 0o777 for path in acme.folder.iterdir()}
    assert mode == {0o600}


def test_a_profile_with_such_a_login_is_not_ready_in_a_new_process(acme: Acme) -> None:
    first = acme.toolkit()
    acme.login(first.oauth, "me")
    acme.identity.revoke_account()
    acme.clock.advance(LIFE + 1)
    with pytest.raises(LoginRequiredError):
        first.oauth.get_access_token("me")
    second = acme.toolkit()
    (record,) = second.status()
    assert "cbauth login me" in str(record.missing)
    with pytest.raises(LoginRequiredError):
        second.acquire("m")


def test_the_next_login_heals_it_for_all(acme: Acme) -> None:
    manager, other = acme.manager(), acme.manager()
    lose(acme, manager)
    acme.login(manager)
    for each in (manager, other):
        assert each.get_access_token("acme")
    assert manager.refresh_token("acme").refreshable
    assert [path.name for path in acme.folder.glob("*.refused")] == []


def test_a_login_with_the_same_tokens_as_the_lost_one_is_a_new_login(acme: Acme) -> None:
    """Tests of programs often have a provider that gives one token only."""
    same = {"access_token": "one-token-for-all", "refresh_token": "one-refresh-for-all", "expires_in": 3600}
    manager = acme.manager()
    acme.identity.fail(faults.body(same))
    acme.login(manager)
    acme.identity.fail(faults.error("invalid_grant"))
    with pytest.raises(LoginRequiredError):
        manager.refresh_token("acme")
    acme.identity.fail(faults.body(same), times=2)
    acme.login(manager)
    assert manager.refresh_token("acme").refreshable
    assert manager.get_access_token("acme") == "one-token-for-all"


def test_a_login_without_a_refresh_token_is_not_lost_because_it_cannot_be_refreshed(acme: Acme) -> None:
    manager = acme.manager()
    acme.configure(manager, scopes=["openid"], extra_params=None)
    acme.login(manager)
    told: list[object] = []
    manager.on("token:expired", told.append)
    with pytest.raises(LoginRequiredError, match="gave nothing to refresh the login with"):
        manager.refresh_token("acme")
    acme.identity.fail(faults.status(401), endpoint="userinfo")
    with pytest.raises(AuthError, match="the token is not accepted"):
        manager.fetch_user_info("acme")
    assert manager.get_access_token("acme")
    assert told == []


def test_a_login_of_somebody_else_than_the_file_says_is_shown_as_what_it_is(
    acme: Acme, caplog: pytest.LogCaptureFixture
) -> None:
    toolkit = acme.toolkit(acme.config(oauth={"account": "you@acme.example"}))
    with caplog.at_level(logging.WARNING, "cbauth.oauth"):
        assert acme.login(toolkit.oauth, "me").account == "me@acme.example"
    assert "me is for you@acme.example, but the provider says that this is me@acme.example" in caplog.text
    assert toolkit.oauth.get_access_token("me")
