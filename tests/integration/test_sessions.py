"""Conversations stay with the profile that answered them, through the real clients."""

from __future__ import annotations

import pytest

from tests.support import replies
from tests.support.clients import (
    ANTHROPIC,
    ASYNC_ANTHROPIC,
    ASYNC_HTTPX,
    ASYNC_OPENAI,
    HTTPX,
    OPENAI,
    REQUESTS,
    Caller,
    Client,
)
from tests.support.replies import Ok
from tests.support.setting import Setting, key

TWO = {"first": {"priority": 2}, "second": {"priority": 1}}


@pytest.mark.parametrize("client", [OPENAI, ASYNC_OPENAI, HTTPX, ASYNC_HTTPX, REQUESTS], ids=str)
def test_a_conversation_stays_with_whoever_answered_it_after_a_failover(client: Client, setting: Setting) -> None:
    toolkit = setting.toolkit(TWO)
    setting.acme.says(key("first"), replies.overloaded(), Ok())
    caller = Caller(client)
    caller(toolkit, "gpt-4o", "thread-7")
    caller(toolkit, "gpt-4o", "thread-7")
    caller(toolkit, "gpt-4o", "thread-8")
    caller(toolkit, "gpt-4o")
    assert caller.leases == [
        ("first", "gpt-4o", "primary"),
        ("second", "gpt-4o", "failover"),
        ("second", "gpt-4o", "sticky"),
        ("first", "gpt-4o", "primary"),
        ("first", "gpt-4o", "primary"),
    ]


@pytest.mark.parametrize("clients", [(OPENAI, ANTHROPIC), (ASYNC_OPENAI, ASYNC_ANTHROPIC)], ids=["sync", "async"])
def test_a_conversation_on_a_route_stays_with_its_provider_and_model(
    clients: tuple[Client, Client], setting: Setting
) -> None:
    toolkit = setting.toolkit(
        {"gpt": {"models": ["gpt-*"]}, "claude": {"provider": "bravo", "models": ["claude-*"]}},
        bravo="anthropic",
        routes={"smart": ["gpt-4o", "claude-sonnet-4"]},
    )
    setting.acme.says(key("gpt"), replies.overloaded(), Ok())
    caller = Caller(*clients)
    for _ in range(3):
        caller(toolkit, "smart", "thread-7")
    assert caller.leases[1:] == [
        ("claude", "claude-sonnet-4", "failover"),
        ("claude", "claude-sonnet-4", "sticky"),
        ("claude", "claude-sonnet-4", "sticky"),
    ]


def test_while_the_bound_key_rests_another_answers_and_is_bound(setting: Setting) -> None:
    toolkit = setting.toolkit(TWO)
    setting.acme.says(key("first"), Ok(), replies.rate_limited(seconds=20), Ok())
    caller = Caller(OPENAI)
    for _ in range(2):
        caller(toolkit, "gpt-4o", "thread-7")
    setting.clock.advance(20)
    caller(toolkit, "gpt-4o", "thread-7")
    assert [(profile, reason) for profile, _, reason in caller.leases] == [
        ("first", "primary"),
        ("first", "sticky"),
        ("second", "failover"),
        ("second", "sticky"),
    ]


def test_a_mistake_of_the_caller_binds_nobody(setting: Setting) -> None:
    toolkit = setting.toolkit(TWO)
    setting.acme.says(key("first"), replies.bad_request())
    with pytest.raises(Exception, match="Invalid type"):
        Caller(OPENAI)(toolkit, "gpt-4o", "thread-7")
    assert not any(c.sticky for c in toolkit.explain("gpt-4o", session="thread-7"))


def test_a_binding_ends_after_its_time(setting: Setting) -> None:
    toolkit = setting.toolkit(TWO, policy={"rotation": {"sticky_ttl": "10m"}})
    setting.acme.says(key("first"), replies.overloaded(), Ok())
    caller = Caller(OPENAI)
    caller(toolkit, "gpt-4o", "thread-7")
    setting.clock.advance(601)
    caller(toolkit, "gpt-4o", "thread-7")
    assert caller.leases[-1] == ("first", "gpt-4o", "primary")
