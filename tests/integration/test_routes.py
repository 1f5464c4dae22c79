"""One route over several models and providers, each asked with its own real client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cbauth import Event, UnavailableError
from tests.support import replies
from tests.support.clients import ANTHROPIC, ASYNC_ANTHROPIC, ASYNC_OPENAI, CLIENTS, OPENAI, Caller, Client
from tests.support.replies import Ok
from tests.support.setting import Setting, key, record

MIXED: dict[str, dict[str, Any]] = {
    "gpt": {"models": ["gpt-*"]},
    "claude": {"provider": "bravo", "models": ["claude-*"]},
}
SMART: dict[str, Any] = {"routes": {"smart": ["gpt-4o", "claude-sonnet-4"]}, "bravo": "anthropic"}


@pytest.fixture(params=[(OPENAI, ANTHROPIC), (ASYNC_OPENAI, ASYNC_ANTHROPIC)], ids=["sync", "async"])
def both(request: pytest.FixtureRequest) -> Caller:
    """A program that speaks to both providers, each through its own SDK."""
    return Caller(*request.param)


@pytest.mark.parametrize("trouble", [replies.rate_limited, replies.spent, replies.bad_key, replies.overloaded])
def test_a_route_crosses_from_one_providers_sdk_to_the_others(
    trouble: Callable[[str], replies.Reply], both: Caller, setting: Setting
) -> None:
    toolkit = setting.toolkit(MIXED, **SMART)
    setting.acme.says(key("gpt"), trouble("openai"))
    setting.bravo.says(key("claude"), Ok("Hello from Claude."))

    assert both(toolkit, "smart") == "Hello from Claude."

    assert both.leases == [("gpt", "gpt-4o", "primary"), ("claude", "claude-sonnet-4", "failover")]
    assert [(r.dialect, r.model) for r in setting.acme.requests] == [("openai", "gpt-4o")]
    assert [(r.dialect, r.model) for r in setting.bravo.requests] == [("anthropic", "claude-sonnet-4")]


def test_and_back_again_when_the_first_has_recovered(both: Caller, setting: Setting) -> None:
    toolkit = setting.toolkit(MIXED, **SMART)
    setting.acme.says(key("gpt"), replies.rate_limited(seconds=20), Ok())
    both(toolkit, "smart")
    setting.clock.advance(20)
    both(toolkit, "smart")
    assert both.asked == ["gpt", "claude", "gpt"]


def test_a_mistake_ends_a_route_at_once(both: Caller, setting: Setting) -> None:
    toolkit = setting.toolkit(MIXED, **SMART)
    setting.acme.says(key("gpt"), replies.bad_request())
    with pytest.raises(Exception, match="Invalid type") as caught:
        both(toolkit, "smart")
    assert [caught.value] == both.raised
    assert setting.bravo.requests == []


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_an_unknown_model_moves_on_and_rests_for_an_hour_with_that_profile_only(
    client: Client, setting: Setting
) -> None:
    toolkit = setting.toolkit(
        {"first": {"priority": 2}, "second": {}}, acme=client.dialect, routes={"r": ["new", "old"]}
    )
    for name in ("first", "second"):
        setting.acme.says(key(name), replies.model_not_found(client.dialect), Ok())
    caller = Caller(client)

    assert caller(toolkit, "r") == "Hello."

    assert [(profile, model) for profile, model, _ in caller.leases] == [
        ("first", "new"),
        ("second", "new"),
        ("first", "old"),
    ]
    assert [r.model for r in setting.acme.requests] == ["new", "new", "old"]
    assert all(r.healthy for r in toolkit.status())
    assert [(c.admitted, c.until) for c in toolkit.explain("new")] == [(False, setting.clock.now + 3600)] * 2
    assert all(c.admitted for c in toolkit.explain("old"))
    setting.clock.advance(3600)
    assert all(c.admitted for c in toolkit.explain("new"))


def test_a_model_that_nobody_knows_is_told_so(setting: Setting) -> None:
    toolkit = setting.toolkit({"only": {}})
    setting.acme.says(key("only"), replies.model_not_found())
    with pytest.raises(UnavailableError) as caught:
        Caller(OPENAI)(toolkit, "gpt-9")
    assert [(a.profile_id, a.kind) for a in caught.value.attempts] == [("only", "model_not_found")]
    assert [(r.profile_id, r.why) for r in caught.value.refusals] == [("only", "does not know gpt-9")]
    assert caught.value.retry_at == setting.clock.now + 3600


def test_the_events_of_a_call_tell_its_story(both: Caller, setting: Setting) -> None:
    toolkit = setting.toolkit(MIXED, **SMART)
    setting.acme.says(key("gpt"), replies.rate_limited(seconds=20))
    told: list[Event] = []
    toolkit.on("*", told.append)
    both(toolkit, "smart", "thread-7")
    assert [(e.name, e.profile_id, e.model) for e in told] == [
        ("profile:selected", "gpt", "gpt-4o"),
        ("profile:failure", "gpt", "gpt-4o"),
        ("profile:cooldown", "gpt", "gpt-4o"),
        ("profile:failover", "claude", "claude-sonnet-4"),
        ("profile:selected", "claude", "claude-sonnet-4"),
    ]
    failure, cooldown, failover = told[1:4]
    assert (failure.kind, cooldown.cooldown, cooldown.until) == ("rate_limit", 20, setting.clock.now + 20)
    assert (failover.failed_profile_id, told[-1].reason, told[-1].session) == ("gpt", "failover", "thread-7")


def test_profiles_share_a_breaker_when_the_policy_says_provider(setting: Setting) -> None:
    """Two keys of one provider fail once each: with a threshold of two, the provider is left alone."""
    toolkit = setting.toolkit(
        {"first": {"priority": 3}, "second": {"priority": 2}, "third": {"provider": "bravo"}},
        policy={"breaker": {"scope": "provider", "failure_threshold": 2}},
    )
    setting.acme.go_down()
    caller = Caller(OPENAI)
    caller(toolkit, "gpt-4o")
    assert caller.asked == ["first", "second", "third"]
    assert [record(toolkit, name).circuit for name in ("first", "second", "third")] == ["open", "open", "closed"]
