"""Streams through the real SDKs: after ``commit()`` a failure is recorded and raised, never retried."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator

import anthropic
import openai
import pytest

import cbauth
from tests.support import replies
from tests.support.clients import ANTHROPIC, OPENAI, PATIENCE, Client, anthropic_stream, openai_stream
from tests.support.replies import Cut, Ok
from tests.support.setting import Setting, key, record

TWO = {"first": {"priority": 2}, "second": {"priority": 1}}
Stream = Callable[[cbauth.Lease, float], Generator[str]]
STREAMS = [pytest.param(OPENAI, openai_stream, id="openai"), pytest.param(ANTHROPIC, anthropic_stream, id="anthropic")]
FAULTS = [
    pytest.param(OPENAI, openai_stream, "server_error", "server", openai.APIError, id="openai"),
    pytest.param(ANTHROPIC, anthropic_stream, "overloaded_error", "overloaded", anthropic.APIError, id="anthropic"),
]


def show(toolkit: cbauth.Toolkit, model: str, stream: Stream, seen: list[str]) -> None:
    """What a program does with a stream: show each word as it comes, and say that it has."""
    for attempt in toolkit.attempts(model):
        with attempt as lease:
            for word in stream(lease, PATIENCE):
                lease.commit()
                seen.append(word)


@pytest.mark.parametrize(("client", "stream"), STREAMS)
def test_a_stream_that_ends_well_is_a_success(client: Client, stream: Stream, setting: Setting) -> None:
    toolkit = setting.toolkit(TWO, acme=client.dialect)
    setting.acme.says(key("first"), Ok("One two three."))
    seen: list[str] = []
    show(toolkit, client.model, stream, seen)
    assert "".join(seen).strip() == "One two three."
    assert setting.acme.keys == [key("first")]
    assert all(r.healthy for r in toolkit.status())


@pytest.mark.parametrize(("client", "stream", "word", "kind", "raised"), FAULTS)
def test_an_error_in_the_middle_is_raised_after_commit_and_recorded(
    client: Client, stream: Stream, word: str, kind: str, raised: type[Exception], setting: Setting
) -> None:
    toolkit = setting.toolkit(TWO, acme=client.dialect)
    setting.acme.says(key("first"), Cut("One two", word))
    seen: list[str] = []
    with pytest.raises(raised, match="It failed"):
        show(toolkit, client.model, stream, seen)
    assert "".join(seen).strip() == "One two"
    assert setting.acme.keys == [key("first")]
    assert (record(toolkit, "first").last_kind, record(toolkit, "first").failure_count) == (kind, 1)


@pytest.mark.parametrize(("client", "stream", "word", "kind", "raised"), FAULTS)
def test_an_error_before_anything_was_committed_moves_on(
    client: Client, stream: Stream, word: str, kind: str, raised: type[Exception], setting: Setting
) -> None:
    toolkit = setting.toolkit(TWO, acme=client.dialect)
    setting.acme.says(key("first"), Cut("", word))
    setting.acme.says(key("second"), Ok("All is well."))
    seen: list[str] = []
    show(toolkit, client.model, stream, seen)
    assert "".join(seen).strip() == "All is well."
    assert setting.acme.keys == [key("first"), key("second")]
    assert (record(toolkit, "first").last_kind, record(toolkit, "first").failure_count) == (kind, 1)


@pytest.mark.parametrize(("client", "stream"), STREAMS)
def test_a_stream_that_is_cut_off_is_a_network_failure(client: Client, stream: Stream, setting: Setting) -> None:
    toolkit = setting.toolkit(TWO, acme=client.dialect)
    setting.acme.says(key("first"), Cut("One two"))
    seen: list[str] = []
    with pytest.raises(Exception, match=r"peer closed connection|Connection error"):
        show(toolkit, client.model, stream, seen)
    assert setting.acme.keys == [key("first")]
    assert (record(toolkit, "first").last_kind, record(toolkit, "first").failure_count) == ("network", 1)


@pytest.mark.parametrize(("client", "stream"), STREAMS)
def test_without_a_commit_the_whole_stream_is_asked_for_again(client: Client, stream: Stream, setting: Setting) -> None:
    """A program that only collects may have it again from the start: nobody has seen the first half."""
    toolkit = setting.toolkit(TWO, acme=client.dialect)
    setting.acme.says(key("first"), Cut("One two"))
    setting.acme.says(key("second"), Ok("One two three."))
    collected: list[str] = []
    for attempt in toolkit.attempts(client.model):
        with attempt as lease:
            collected = list(stream(lease, PATIENCE))
    assert "".join(collected).strip() == "One two three."
    assert setting.acme.keys == [key("first"), key("second")]


@pytest.mark.parametrize(("client", "stream"), STREAMS)
def test_a_refusal_before_the_stream_begins_moves_on(client: Client, stream: Stream, setting: Setting) -> None:
    toolkit = setting.toolkit(TWO, acme=client.dialect)
    setting.acme.says(key("first"), replies.rate_limited(client.dialect, 20))
    seen: list[str] = []
    show(toolkit, client.model, stream, seen)
    assert "".join(seen).strip() == "Hello."
    assert record(toolkit, "first").cooldown_remaining == 20


def test_a_reader_that_stops_early_harms_nobody(setting: Setting) -> None:
    """Leaving the loop after the first word is the reader's own business: the call counts as a success."""
    toolkit = setting.toolkit(TWO)
    setting.acme.says(key("first"), Ok("One two three."))
    for attempt in toolkit.attempts("gpt-4o"):
        with attempt as lease:
            stream = openai_stream(lease, PATIENCE)
            next(stream)
            lease.commit()
            stream.close()
    assert setting.acme.keys == [key("first")]
    assert all(r.healthy and r.last_kind is None for r in toolkit.status())


def test_an_async_stream_behaves_the_same(setting: Setting) -> None:
    toolkit = setting.toolkit(TWO)
    setting.acme.says(key("first"), Cut("", "server_error"))
    setting.acme.says(key("second"), Cut("One two", "server_error"))
    seen: list[str] = []

    async def program() -> None:
        async for attempt in toolkit.attempts("gpt-4o"):
            async with attempt as lease:
                client = openai.AsyncOpenAI(api_key=lease.token, base_url=lease.base_url, max_retries=0)
                async with client:
                    stream = await client.chat.completions.create(
                        model=lease.model or "", messages=[{"role": "user", "content": "Hi."}], stream=True
                    )
                    async for chunk in stream:
                        lease.commit()
                        seen.append(chunk.choices[0].delta.content or "")

    with pytest.raises(openai.APIError, match="It failed"):
        asyncio.run(program())
    assert "".join(seen).strip() == "One two"
    assert setting.acme.keys == [key("first"), key("second")]
    assert [record(toolkit, name).failure_count for name in TWO] == [1, 1]
