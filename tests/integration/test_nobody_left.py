"""When everybody fails: what is waited for, when it is given up, and what the error says."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from cbauth import LoginRequiredError, UnavailableError
from tests.support import replies
from tests.support.clients import ASYNC_OPENAI, CLIENTS, OPENAI, Caller, Client
from tests.support.replies import Ok
from tests.support.setting import Setting, key, record

TWO = {"first": {"priority": 2}, "second": {"priority": 1}}


@pytest.fixture(params=[OPENAI, ASYNC_OPENAI], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Caller:
    return Caller(request.param)


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_the_error_says_who_was_tried_who_was_not_why_and_until_when(client: Client, setting: Setting) -> None:
    profiles: dict[str, dict[str, Any]] = {
        **TWO,
        "third": {},
        "off": {"enabled": False},
        "elsewhere": {"models": ["other-*"]},
    }
    toolkit = setting.toolkit(profiles, acme=client.dialect)
    now = setting.clock.now
    setting.acme.says(key("first"), replies.rate_limited(client.dialect, 200))
    setting.acme.says(key("second"), replies.spent(client.dialect))
    setting.acme.says(key("third"), replies.bad_key(client.dialect))
    caller = Caller(client)

    with pytest.raises(UnavailableError) as caught:
        caller(toolkit, client.model)

    error = caught.value
    assert [(a.profile_id, a.model, a.kind, a.until) for a in error.attempts] == [
        ("first", client.model, "rate_limit", now + 200),
        ("second", client.model, "billing", now + 600),
        ("third", client.model, "auth", now + 300),
    ]
    assert {r.profile_id: (r.why, r.until) for r in error.refusals} == {
        "first": (f"cooling down after rate_limit on {client.model}", now + 200),
        "second": ("cooling down after billing", now + 600),
        "third": ("cooling down after auth", now + 300),
        "off": ("disabled", None),
    }
    assert error.retry_at == now + 200
    assert error.__cause__ is caller.raised[-1]
    assert setting.clock.slept == []


def test_the_next_call_fails_at_once_without_asking_anybody(caller: Caller, setting: Setting) -> None:
    toolkit = setting.toolkit(TWO)
    for name in TWO:
        setting.acme.says(key(name), replies.spent())
    for _ in range(2):
        with pytest.raises(UnavailableError) as caught:
            caller(toolkit, "gpt-4o")
    assert len(setting.acme.requests) == 2
    assert (caught.value.attempts, caught.value.__cause__) == ((), None)
    assert [r.why for r in caught.value.refusals] == ["cooling down after billing"] * 2
    assert caught.value.retry_at == setting.clock.now + 600


def test_a_slot_within_max_wait_is_waited_for(caller: Caller, setting: Setting) -> None:
    toolkit = setting.toolkit(TWO)
    setting.acme.says(key("first"), replies.rate_limited(seconds=12), Ok("Here again."))
    setting.acme.says(key("second"), replies.rate_limited(seconds=20))
    assert caller(toolkit, "gpt-4o") == "Here again."
    assert caller.asked == ["first", "second", "first"]
    assert sum(setting.clock.slept) == pytest.approx(12)


def test_a_slot_beyond_max_wait_is_not(caller: Caller, setting: Setting) -> None:
    toolkit = setting.toolkit(TWO, policy={"retry": {"max_wait": "10s"}})
    for name in TWO:
        setting.acme.says(key(name), replies.rate_limited(seconds=12))
    with pytest.raises(UnavailableError):
        caller(toolkit, "gpt-4o")
    assert setting.clock.slept == []


def test_a_lone_server_in_trouble_is_asked_again_after_growing_pauses(caller: Caller, setting: Setting) -> None:
    toolkit = setting.toolkit({"only": {}}, policy={"retry": {"backoff": {"jitter": 0}}})
    setting.acme.says(key("only"), replies.overloaded(), replies.html_502(), Ok())
    assert caller(toolkit, "gpt-4o") == "Hello."
    assert setting.clock.slept == [0.5, 1.0]
    assert record(toolkit, "only").failure_count == 0


def test_tries_end_at_the_policys_number(caller: Caller, setting: Setting) -> None:
    toolkit = setting.toolkit(TWO, policy={"retry": {"attempts": 3, "backoff": {"jitter": 0}}})
    for name in TWO:
        setting.acme.says(key(name), replies.overloaded())
    with pytest.raises(UnavailableError) as caught:
        caller(toolkit, "gpt-4o")
    assert caller.asked == ["first", "second", "first"]
    assert [a.kind for a in caught.value.attempts] == ["overloaded"] * 3
    assert isinstance(caught.value.__cause__, openai.InternalServerError)


def test_a_server_that_never_comes_back_opens_the_circuit_and_ends_the_call(caller: Caller, setting: Setting) -> None:
    toolkit = setting.toolkit({"only": {}})
    setting.acme.go_down()
    with pytest.raises(UnavailableError) as caught:
        caller(toolkit, "gpt-4o")
    assert caller.asked == ["only"] * 3
    assert [r.why for r in caught.value.refusals] == ["circuit open"]
    assert isinstance(caught.value.__cause__, openai.APIConnectionError)


def test_a_server_that_comes_back_while_everybody_waits_answers(caller: Caller, setting: Setting) -> None:
    """An open circuit whose trial is nearer than ``max_wait`` is waited for; the trial then finds the server up."""
    toolkit = setting.toolkit({"only": {}}, policy={"breaker": {"failure_threshold": 1, "open_for": "20s"}})
    setting.acme.says(key("only"), replies.overloaded(), Ok())
    assert caller(toolkit, "gpt-4o") == "Hello."
    assert [reason for _, _, reason in caller.leases] == ["primary", "testing"]
    assert sum(setting.clock.slept) == pytest.approx(20)


def test_when_only_logins_are_left_the_error_says_what_to_type(caller: Caller, setting: Setting) -> None:
    toolkit = setting.toolkit({"me": {"oauth": {}}})
    with pytest.raises(LoginRequiredError, match="cbauth login me"):
        caller(toolkit, "gpt-4o")
