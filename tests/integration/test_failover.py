"""The real clients against loopback servers: what each of them raises moves the call on and marks the right health."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import anthropic
import httpx
import openai
import pytest
import requests

from tests.support import replies
from tests.support.clients import CLIENTS, HTTPX, OPENAI, Caller, Client
from tests.support.replies import Drop, Hang, Ok, Reply
from tests.support.setting import Setting, key, record

TWO = {"first": {"priority": 2}, "second": {"priority": 1}}


class Trouble(NamedTuple):
    """What goes wrong, what kind that is, and for how many seconds it cools the credential (0: it does not)."""

    name: str
    reply: Callable[[str], Reply]
    kind: str
    rests: float


TROUBLES = [
    Trouble("rate limit", lambda dialect: replies.rate_limited(dialect, 20), "rate_limit", 20),
    Trouble("spent credit", replies.spent, "billing", 600),
    Trouble("bad key", replies.bad_key, "auth", 300),
    Trouble("overloaded", replies.overloaded, "overloaded", 0),
    Trouble("server error", replies.server_error, "server", 0),
    Trouble("a proxy's 502", replies.html_502, "server", 0),
    Trouble("dropped connection", lambda _: Drop(), "network", 0),
    Trouble("client time-out", lambda _: Hang(), "timeout", 0),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_trouble_with_the_first_key_is_answered_by_the_second_at_once(
    client: Client, trouble: Trouble, setting: Setting
) -> None:
    toolkit = setting.toolkit(TWO, acme=client.dialect)
    setting.acme.says(key("first"), trouble.reply(client.dialect))
    caller = Caller(client, hurried="first" if trouble.kind == "timeout" else None)

    assert caller(toolkit, client.model) == "Hello."

    assert caller.leases == [("first", client.model, "primary"), ("second", client.model, "failover")]
    assert setting.acme.keys == [key("first"), key("second")]
    assert setting.clock.slept == []
    first, second = record(toolkit, "first"), record(toolkit, "second")
    assert (first.last_kind, first.cooldown_remaining) == (trouble.kind, trouble.rests)
    assert first.failure_count == (0 if trouble.rests else 1)
    assert (second.healthy, second.last_kind) == (True, None)


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_server_that_is_gone_is_a_network_failure(client: Client, setting: Setting) -> None:
    toolkit = setting.toolkit(
        {"first": {"priority": 2}, "second": {"provider": "bravo"}}, acme=client.dialect, bravo=client.dialect
    )
    setting.acme.go_down()
    caller = Caller(client)
    assert caller(toolkit, client.model) == "Hello."
    assert caller.asked == ["first", "second"]
    assert (record(toolkit, "first").last_kind, record(toolkit, "first").failure_count) == ("network", 1)


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_the_callers_own_mistake_is_raised_unchanged_once_and_harms_nobody(client: Client, setting: Setting) -> None:
    toolkit = setting.toolkit(TWO, acme=client.dialect)
    setting.acme.says(key("first"), replies.bad_request(client.dialect))
    caller = Caller(client)
    expected = (openai.BadRequestError, anthropic.BadRequestError, httpx.HTTPStatusError, requests.HTTPError)
    with pytest.raises(expected) as caught:
        caller(toolkit, client.model)
    assert [caught.value] == caller.raised
    assert setting.acme.keys == [key("first")]
    assert [(r.healthy, r.failure_count, r.last_kind) for r in toolkit.status()] == [(True, 0, None)] * 2


def test_an_answer_that_makes_no_sense_is_the_callers_to_judge(setting: Setting) -> None:
    """A success with a broken body raises ``ValueError`` in the caller's own code: whose fault, nobody can know."""
    toolkit = setting.toolkit(TWO)
    setting.acme.says(key("first"), replies.garbage())
    caller = Caller(HTTPX)
    with pytest.raises(ValueError, match="Unterminated string"):
        caller(toolkit, "gpt-4o")
    assert caller.asked == ["first"]
    assert all(r.healthy and r.last_kind is None for r in toolkit.status())


def test_an_answer_that_makes_no_sense_moves_on_once_it_is_reported(setting: Setting) -> None:
    toolkit = setting.toolkit(TWO)
    setting.acme.says(key("first"), replies.garbage())
    texts = []
    for attempt in toolkit.attempts("gpt-4o"):
        with attempt as lease:
            try:
                texts.append(HTTPX.call(lease, 20.0))
            except ValueError:
                lease.report("server")
    assert texts == ["Hello."]
    assert (record(toolkit, "first").last_kind, record(toolkit, "first").failure_count) == ("server", 1)


def test_a_response_that_is_reported_instead_of_raised_counts_the_same(setting: Setting) -> None:
    toolkit = setting.toolkit(TWO)
    setting.acme.says(key("first"), replies.rate_limited(seconds=9))
    answered = []
    for attempt in toolkit.attempts("gpt-4o"):
        with attempt as lease, httpx.Client(base_url=lease.base_url or "", headers=lease.headers) as client:
            response = client.post("chat/completions", json={"model": lease.model, "messages": []})
            if response.is_error:
                lease.report(response)
            else:
                answered.append(lease.profile_id)
    assert answered == ["second"]
    assert record(toolkit, "first").cooldown_remaining == 9


def test_a_lease_serves_any_call_of_an_sdk(setting: Setting) -> None:
    toolkit = setting.toolkit(TWO)
    with (
        toolkit.acquire("gpt-4o") as lease,
        openai.OpenAI(api_key=lease.token, base_url=lease.base_url, max_retries=0) as client,
    ):
        assert [model.id for model in client.models.list()] == ["gpt-4o", "gpt-5"]


class TestWhatFollows:
    """Health is remembered from call to call, and mends."""

    def test_a_cooling_key_is_not_asked_again_until_its_time_has_come(self, setting: Setting) -> None:
        toolkit = setting.toolkit(TWO)
        setting.acme.says(key("first"), replies.rate_limited(seconds=20), Ok())
        for _ in range(3):
            Caller(OPENAI)(toolkit, "gpt-4o")
        assert setting.acme.keys == [key("first")] + 3 * [key("second")]
        setting.clock.advance(20)
        caller = Caller(OPENAI)
        caller(toolkit, "gpt-4o")
        assert caller.leases == [("first", "gpt-4o", "primary")]

    def test_a_rate_limit_rests_one_model_of_the_key(self, setting: Setting) -> None:
        toolkit = setting.toolkit(TWO)
        setting.acme.says(key("first"), replies.rate_limited(), Ok())
        caller = Caller(OPENAI)
        caller(toolkit, "gpt-4o")
        caller(toolkit, "gpt-5")
        assert caller.asked == ["first", "second", "first"]

    def test_spent_credit_rests_longer_each_time(self, setting: Setting) -> None:
        toolkit = setting.toolkit(TWO)
        setting.acme.says(key("first"), replies.spent())
        rests = []
        for _ in range(3):
            Caller(OPENAI)(toolkit, "gpt-4o")
            rests.append(record(toolkit, "first").cooldown_remaining)
            setting.clock.advance(rests[-1])
        assert rests == [600, 1200, 2400]

    def test_three_failures_open_the_circuit_and_one_answer_closes_it(self, setting: Setting) -> None:
        toolkit = setting.toolkit(TWO)
        setting.acme.says(key("first"), Drop(), replies.overloaded(), replies.html_502(), Ok())
        for _ in range(4):
            Caller(OPENAI)(toolkit, "gpt-4o")
        assert setting.acme.keys.count(key("first")) == 3
        assert record(toolkit, "first").circuit == "open"
        setting.clock.advance(60)
        caller = Caller(OPENAI)
        caller(toolkit, "gpt-4o")
        assert caller.leases == [("first", "gpt-4o", "testing")]
        assert record(toolkit, "first").circuit == "closed"

    def test_old_failures_decay(self, setting: Setting) -> None:
        toolkit = setting.toolkit(TWO)
        setting.acme.says(key("first"), replies.overloaded())
        for pause in (0, 0, 301):
            setting.clock.advance(pause)
            Caller(OPENAI)(toolkit, "gpt-4o")
        assert (record(toolkit, "first").failure_count, record(toolkit, "first").circuit) == (1, "closed")

    def test_the_classic_preset_cools_for_a_server_error_too(self, setting: Setting) -> None:
        toolkit = setting.toolkit(TWO, policy={"cooldown": {"preset": "classic"}})
        setting.acme.says(key("first"), replies.server_error())
        Caller(OPENAI)(toolkit, "gpt-4o")
        assert (record(toolkit, "first").cooldown_remaining, record(toolkit, "first").failure_count) == (60, 1)

    def test_a_providers_hint_is_honoured_no_further_than_the_cap(self, setting: Setting) -> None:
        toolkit = setting.toolkit(TWO)
        setting.acme.says(key("first"), replies.rate_limited(seconds=86400))
        Caller(OPENAI)(toolkit, "gpt-4o")
        assert record(toolkit, "first").cooldown_remaining == 600

    def test_a_rule_of_the_file_decides_before_the_built_in_ones(self, setting: Setting) -> None:
        rule = {"provider": "acme", "status": 403, "match": "Key limit exceeded", "kind": "rate_limit"}
        toolkit = setting.toolkit(TWO, classify=[rule])
        setting.acme.says(key("first"), replies.refusal(403, {"error": {"message": "Key limit exceeded (weekly)"}}))
        Caller(OPENAI)(toolkit, "gpt-4o")
        assert record(toolkit, "first").last_kind == "rate_limit"
