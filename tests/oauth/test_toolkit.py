"""Calls through a toolkit whose profiles log in at the real provider: 401s, failover, lost logins, asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

import cbauth
from cbauth import AttemptRecord, LoginRequiredError, UnavailableError
from tests.answers import AnswerError
from tests.oauth.acme import LIFE, Acme
from tests.support.identity import faults
from tests.support.setting import record


@pytest.fixture
def toolkit(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> Iterator[cbauth.Toolkit]:
    """Two profiles: ``me``, who is logged in, and ``spare``, a key of lower priority."""
    monkeypatch.setenv("SPARE_KEY", "key-of-spare")
    config = acme.config(priority=10)
    config["profiles"]["spare"] = {"provider": "acme", "api_key": "env:SPARE_KEY", "models": ["*"]}
    with cbauth.load(
        config,
        clock=acme.clock,
        sleep=acme.clock.sleep,
        async_sleep=acme.clock.async_sleep,
        refresh_ahead=False,
    ) as toolkit:
        acme.login(toolkit.oauth, "me")
        yield toolkit


def ask(toolkit: cbauth.Toolkit, acme: Acme) -> list[str]:
    """Who was asked; tokens that the provider does not know (any more) get a 401, keys are fine."""
    asked = []
    for attempt in toolkit.attempts("m"):
        with attempt as lease:
            token = lease.token
            asked.append(lease.profile_id)
            if lease.profile_id != "spare" and not acme.identity.introspect(token)["active"]:
                raise AnswerError(401)
    return asked


def test_a_401_refreshes_once_and_the_same_profile_answers(toolkit: cbauth.Toolkit, acme: Acme) -> None:
    acme.identity.expire(toolkit.oauth.get_access_token("me"))
    assert ask(toolkit, acme) == ["me", "me"]
    assert acme.identity.asked("refresh_token") == 1
    assert record(toolkit, "me").healthy
    assert record(toolkit, "me").token_expires_at == acme.clock.now + LIFE


def test_sixteen_threads_that_got_a_401_with_the_same_token_refresh_once(toolkit: cbauth.Toolkit, acme: Acme) -> None:
    refused = toolkit.oauth.get_access_token("me")
    together = Barrier(16)

    def call() -> list[str]:
        asked = []
        for attempt in toolkit.attempts("m"):
            with attempt as lease:
                asked.append(lease.profile_id)
                if lease.token == refused:
                    together.wait()
                    raise AnswerError(401)
        return asked

    with ThreadPoolExecutor(16) as threads:
        asked = [each.result() for each in [threads.submit(call) for _ in range(16)]]
    assert asked == [["me", "me"]] * 16
    assert acme.identity.asked("refresh_token") == 1
    assert record(toolkit, "me").healthy


def test_a_refresh_that_fails_for_the_moment_moves_on_and_cools_nobody(toolkit: cbauth.Toolkit, acme: Acme) -> None:
    acme.clock.advance(LIFE)
    acme.identity.fail(faults.status(503), times=4)
    assert spoken(toolkit) == ["spare"]
    assert record(toolkit, "me").healthy
    assert spoken(toolkit) == ["me"], "the next call finds it as good as before"


def test_a_401_whose_refresh_fails_for_the_moment_moves_on_and_cools_nobody(
    toolkit: cbauth.Toolkit, acme: Acme
) -> None:
    acme.identity.expire(toolkit.oauth.get_access_token("me"))
    acme.identity.fail(faults.status(503), times=4)
    assert ask(toolkit, acme) == ["me", "spare"]
    assert record(toolkit, "me").healthy


def spoken(toolkit: cbauth.Toolkit) -> list[str]:
    """Who gave a token."""
    asked = []
    for attempt in toolkit.attempts("m"):
        with attempt as lease:
            assert lease.token
            asked.append(lease.profile_id)
    return asked


def test_a_login_that_is_lost_is_not_ready_and_the_next_one_answers(toolkit: cbauth.Toolkit, acme: Acme) -> None:
    acme.identity.revoke_account()
    assert ask(toolkit, acme) == ["me", "spare"]
    (me, spare) = toolkit.explain("m")
    assert (me.profile_id, me.admitted, me.needs_login, spare.admitted) == ("me", False, True, True)
    assert "cbauth login me" in me.why
    assert not record(toolkit, "me").in_cooldown
    assert ask(toolkit, acme) == ["spare"]
    acme.login(toolkit.oauth, "me")
    assert ask(toolkit, acme) == ["me"]


def test_when_only_a_login_is_left_and_that_is_lost_on_the_way_it_says_what_to_type(
    toolkit: cbauth.Toolkit, acme: Acme
) -> None:
    toolkit.models.disable_profile("spare")
    acme.identity.revoke_account()
    expired: list[object] = []
    toolkit.on("token:expired", expired.append)
    for _ in range(2):
        with pytest.raises(LoginRequiredError) as caught:
            ask(toolkit, acme)
        assert caught.value.command == "cbauth login me"
    with pytest.raises(LoginRequiredError):
        toolkit.acquire("m")
    assert len(expired) == 1
    assert acme.identity.asked("refresh_token") == 1


def test_an_expired_login_that_is_lost_says_what_to_type_too(toolkit: cbauth.Toolkit, acme: Acme) -> None:
    toolkit.models.disable_profile("spare")
    acme.identity.revoke_account()
    acme.clock.advance(LIFE)
    with pytest.raises(LoginRequiredError, match="cbauth login me"):
        spoken(toolkit)
    with pytest.raises(LoginRequiredError, match="cbauth login me"):
        toolkit.acquire("m")


def test_when_only_a_login_is_left_that_cannot_be_refreshed_now_it_is_unavailable(
    toolkit: cbauth.Toolkit, acme: Acme
) -> None:
    toolkit.models.disable_profile("spare")
    acme.clock.advance(LIFE)
    acme.identity.fail(faults.error("invalid_client", status=401), times=20)
    with pytest.raises(UnavailableError, match="invalid_client") as caught:
        spoken(toolkit)
    assert all(isinstance(each, AttemptRecord) for each in caught.value.attempts)
    assert acme.identity.asked("refresh_token") == 1


def test_a_place_for_logins_that_is_broken_moves_on_and_cools_nobody(
    toolkit: cbauth.Toolkit, acme: Acme, home: Any
) -> None:
    lease = toolkit.acquire("m")
    folder = home / "data" / "cbauth" / "credentials"
    folder.rename(folder.parent / "away")
    folder.write_text("in the way")
    acme.clock.advance(LIFE)
    with pytest.raises(cbauth.RefreshError, match="in the place of a folder"), lease:
        assert lease.token
    acme.clock.advance(2)
    assert spoken(toolkit) == ["spare"]
    assert record(toolkit, "me").failure_count == 0
    assert not record(toolkit, "me").in_cooldown


def test_asyncio_is_never_kept_waiting_by_a_refresh(toolkit: cbauth.Toolkit, acme: Acme) -> None:
    """The provider takes its time; meanwhile the loop goes on, in the thread that it runs in."""
    requests: list[str] = []

    def note(event: cbauth.Event) -> None:
        requests.append(threading.current_thread().name)

    toolkit.on("token:refreshed", note)
    acme.clock.advance(LIFE)
    acme.identity.fail(faults.delay(0.1))

    async def call() -> list[str]:
        asked = []
        async for attempt in toolkit.attempts("m"):
            async with attempt as lease:
                asked.append(lease.profile_id)
                assert lease.token
        return asked

    async def both() -> tuple[list[str], int]:
        turns = 0
        task = asyncio.create_task(call())
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        return task.result(), turns

    asked, turns = asyncio.run(both())
    assert asked == ["me"]
    assert turns > 20
    assert requests
    assert threading.current_thread().name not in requests


def test_asyncio_asks_no_second_time_for_what_could_not_be_fetched(toolkit: cbauth.Toolkit, acme: Acme) -> None:
    """The failure is raised where the token is read; reading it must not refresh again, on the loop."""
    acme.clock.advance(LIFE)
    acme.identity.fail(faults.status(503), times=8)

    async def call() -> list[str]:
        asked = []
        async for attempt in toolkit.attempts("m"):
            async with attempt as lease:
                assert lease.token
                asked.append(lease.profile_id)
        return asked

    assert asyncio.run(call()) == ["spare"]
    assert acme.identity.asked("refresh_token") == 4


def test_a_401_in_asyncio_refreshes_once(toolkit: cbauth.Toolkit, acme: Acme) -> None:
    refused = toolkit.oauth.get_access_token("me")

    async def call() -> list[str]:
        asked = []
        async for attempt in toolkit.attempts("m"):
            async with attempt as lease:
                asked.append(lease.profile_id)
                if lease.token == refused:
                    raise AnswerError(401)
        return asked

    async def many() -> list[list[str]]:
        return await asyncio.gather(*(call() for _ in range(8)))

    assert asyncio.run(many()) == [["me", "me"]] * 8
    assert acme.identity.asked("refresh_token") == 1


def test_the_managers_give_the_same_token(toolkit: cbauth.Toolkit, acme: Acme) -> None:
    token = toolkit.oauth.get_access_token("me")
    assert toolkit.models.get_access_token("me") == token
    assert toolkit.acquire("m").headers == {"Authorization": f"Bearer {token}"}
    assert toolkit.models.is_profile_ready(profile(toolkit))
    acme.clock.advance(LIFE)
    assert toolkit.models.is_profile_ready(profile(toolkit)), "expired, but refreshable"


def profile(toolkit: cbauth.Toolkit) -> cbauth.ModelProfile:
    found = toolkit.models.get_profile("me")
    assert found is not None
    return found


def test_a_reload_keeps_the_login_unless_what_it_was_made_for_has_changed(acme: Acme) -> None:
    with acme.toolkit() as toolkit:
        acme.login(toolkit.oauth, "me")
        token = toolkit.oauth.get_access_token("me")
        toolkit.reload(acme.config(priority=5))
        assert toolkit.oauth.get_access_token("me") == token
        config = acme.config()
        config["providers"]["acme"]["base_url"] = "https://other.example/v1"
        toolkit.reload(config)
        with pytest.raises(LoginRequiredError):
            toolkit.oauth.get_access_token("me")
        toolkit.reload(acme.config())
        assert toolkit.oauth.get_access_token("me") == token


def test_the_singleton_is_the_toolkits_own_and_logins_outlive_it(acme: Acme) -> None:
    with acme.toolkit() as toolkit:
        acme.login(toolkit.oauth, "me")
        assert cbauth.get_oauth_manager(toolkit) is toolkit.oauth is cbauth.get_oauth_manager()
        assert cbauth.get_model_profile_manager() is toolkit.models
        cbauth.reset_oauth_manager()
        cbauth.reset_model_profile_manager()
        assert toolkit.oauth.get_access_token("me")
    with acme.toolkit() as again:
        assert again.oauth.get_access_token("me")
        assert [login.id for login in again.oauth.list_credentials()] == ["me"]


def test_leaving_a_toolkit_ends_its_logins(acme: Acme) -> None:
    with acme.toolkit() as toolkit:
        login = toolkit.oauth.begin("me")
    with pytest.raises(cbauth.LoginError, match="cancelled"):
        login.wait()
