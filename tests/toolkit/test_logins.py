"""Profiles that log in: a 401 refreshes once, a temporary fault moves on, a lost login says what to type."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import pytest

import cbauth
from cbauth import LoginRequiredError, RefreshError, UnavailableError
from cbauth.stores.memory import MemoryStore
from tests.answers import AnswerError
from tests.clock import FakeClock

CONFIG: dict[str, Any] = {
    "version": 1,
    "providers": {
        "acme": {
            "protocol": "openai",
            "base_url": "https://llm.acme.example/v1",
            "oauth": {"issuer": "https://login.acme.example", "client_id": "cbauth"},
        }
    },
    "profiles": {
        "spare": {"provider": "acme", "api_key": "env:SPARE_KEY", "models": ["*"]},
        "me": {"provider": "acme", "oauth": {}, "models": ["*"]},
    },
}


@dataclass
class Login:
    token: str
    refreshable: bool = True
    expires_at: float | None = 2_000_000.0


class Logins:
    """An OAuth manager whose provider does what the test says."""

    def __init__(self, **logins: Login) -> None:
        self.logins = logins
        self.refreshed: list[str] = []
        self.trouble: Exception | None = None

    def get_credential(self, credential_id: str) -> Login | None:
        return self.logins.get(credential_id)

    def is_token_expired(self, credential: Login) -> bool:
        return credential.token == "expired"

    def get_access_token(self, credential_id: str) -> str:
        if self.logins[credential_id].token == "expired":
            self.refresh_token(credential_id)
        return self.logins[credential_id].token

    def refresh_token(self, credential_id: str) -> None:
        self.refreshed.append(credential_id)
        if self.trouble is not None:
            raise self.trouble
        self.logins[credential_id].token = f"fresh-{len(self.refreshed)}"


@pytest.fixture(autouse=True)
def spare_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARE_KEY", "key-of-spare")


def load(logins: Logins | None) -> cbauth.Toolkit:
    return cbauth.load(CONFIG, oauth=logins, store=MemoryStore(), clock=FakeClock())


def ask(toolkit: cbauth.Toolkit, *good: str) -> list[tuple[str, str]]:
    """Who was asked with which token; any token but the ``good`` ones gets a 401."""
    asked = []
    for attempt in toolkit.attempts("m"):
        with attempt as lease:
            asked.append((lease.profile_id, lease.token))
            if lease.token not in good:
                raise AnswerError(401)
    return asked


def test_a_login_comes_before_a_key_of_the_same_priority() -> None:
    assert ask(load(Logins(me=Login("valid"))), "valid") == [("me", "valid")]


def test_a_401_refreshes_once_and_asks_the_same_profile_again() -> None:
    logins = Logins(me=Login("stale"))
    toolkit = load(logins)
    assert ask(toolkit, "fresh-1") == [("me", "stale"), ("me", "fresh-1")]
    assert logins.refreshed == ["me"]
    assert all(record.healthy for record in toolkit.status())


def test_asyncio_refreshes_off_the_event_loop() -> None:
    threads: list[int] = []

    class Watched(Logins):
        def refresh_token(self, credential_id: str) -> None:
            threads.append(threading.get_ident())
            super().refresh_token(credential_id)

    logins = Watched(me=Login("stale"))
    toolkit = load(logins)

    async def ask_async() -> list[str]:
        asked = []
        async for attempt in toolkit.attempts("m"):
            async with attempt as lease:
                asked.append(lease.token)
                if lease.token == "stale":
                    raise AnswerError(401)
        return asked

    assert asyncio.run(ask_async()) == ["stale", "fresh-1"]
    assert threads
    assert threading.get_ident() not in threads


def test_a_second_401_cools_the_profile_down_and_moves_on() -> None:
    logins = Logins(me=Login("stale"))
    toolkit = load(logins)
    assert ask(toolkit, "key-of-spare") == [("me", "stale"), ("me", "fresh-1"), ("spare", "key-of-spare")]
    assert logins.refreshed == ["me"]
    assert {record.profile_id: record.in_cooldown for record in toolkit.status()} == {"me": True, "spare": False}


def test_a_temporary_fault_of_the_refresh_moves_on_and_cools_nobody() -> None:
    logins = Logins(me=Login("expired"))
    logins.trouble = RefreshError("the token endpoint answered 503", temporary=True)
    toolkit = load(logins)
    asked = []
    for attempt in toolkit.attempts("m"):
        with attempt as lease:
            asked.append(lease.profile_id)
            assert lease.token == "key-of-spare"
    assert asked == ["me", "spare"]
    assert all(record.healthy for record in toolkit.status())


def test_a_login_lost_on_the_way_moves_on_and_cools_nobody() -> None:
    logins = Logins(me=Login("expired"))
    logins.trouble = LoginRequiredError("me", reason="the login was revoked")
    toolkit = load(logins)
    asked = []
    for attempt in toolkit.attempts("m"):
        with attempt as lease:
            asked.append((lease.profile_id, lease.token))
    assert asked == [("spare", "key-of-spare")]
    assert all(record.healthy for record in toolkit.status())


def test_without_a_login_the_key_answers_and_explain_says_what_to_type() -> None:
    toolkit = load(Logins())
    assert ask(toolkit, "key-of-spare") == [("spare", "key-of-spare")]
    (me, spare) = toolkit.explain("m")
    assert (me.profile_id, me.admitted, me.needs_login) == ("me", False, True)
    assert "cbauth login me" in me.why
    assert spare.admitted


def test_an_expired_login_that_cannot_be_refreshed_is_not_ready() -> None:
    toolkit = load(Logins(me=Login("expired", refreshable=False)))
    assert ask(toolkit, "key-of-spare") == [("spare", "key-of-spare")]


def test_when_only_the_login_is_missing_it_is_a_login_required_error(monkeypatch: pytest.MonkeyPatch) -> None:
    toolkit = load(Logins())
    toolkit.models.disable_profile("spare")
    with pytest.raises(LoginRequiredError) as caught:
        toolkit.acquire("m")
    assert caught.value.command == "cbauth login me"


def test_when_a_key_is_merely_missing_too_it_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARE_KEY")
    with pytest.raises(UnavailableError, match="SPARE_KEY is not set"):
        load(None).acquire("m")


def test_the_status_tells_when_the_token_expires_and_where_it_comes_from() -> None:
    record = next(r for r in load(Logins(me=Login("valid"))).status() if r.profile_id == "me")
    assert (record.credential_source, record.token_expires_at) == ("oauth:me", 2_000_000.0)


def test_a_lone_login_that_cannot_be_refreshed_for_the_moment_is_asked_again_after_pauses() -> None:
    logins, clock = Logins(me=Login("expired")), FakeClock()
    logins.trouble = RefreshError("the token endpoint answered 503", temporary=True)
    toolkit = cbauth.load(CONFIG, oauth=logins, store=MemoryStore(), clock=clock, sleep=clock.sleep)
    toolkit.models.disable_profile("spare")
    with pytest.raises(UnavailableError) as caught:
        ask(toolkit)
    assert len(logins.refreshed) == len(caught.value.attempts) == 5
    assert len(clock.slept) == 4
    assert all(seconds >= 0.5 for seconds in clock.slept)
    assert [record.healthy for record in toolkit.status() if record.profile_id == "me"] == [True]
