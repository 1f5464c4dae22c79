"""The real SDKs and HTTP clients, unchanged, each built from a lease the way its users build it.

A client takes a lease, sends one request and gives back the text of the answer. Every one of them has its own retries
switched off: failing over is cbauth's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx
import openai
import requests

import cbauth

__all__ = [
    "ANTHROPIC",
    "ASYNC_ANTHROPIC",
    "ASYNC_HTTPX",
    "ASYNC_OPENAI",
    "CLIENTS",
    "GOOGLE",
    "HTTPX",
    "OPENAI",
    "REQUESTS",
    "Caller",
    "Client",
    "anthropic_stream",
    "openai_stream",
]

PATIENCE = 20.0
"""Seconds that a client waits for an answer that is on its way."""
IMPATIENCE = 0.3
"""Seconds that a client waits when a test wants it to time out: nobody answers before."""


def with_openai(lease: cbauth.Lease, timeout: float = PATIENCE) -> str:
    """``openai.OpenAI``."""
    with openai.OpenAI(api_key=lease.token, base_url=lease.base_url, max_retries=0, timeout=timeout) as client:
        reply = client.chat.completions.create(model=lease.model or "", messages=[{"role": "user", "content": "Hi."}])
    return reply.choices[0].message.content or ""


async def with_async_openai(lease: cbauth.Lease, timeout: float = PATIENCE) -> str:
    """``openai.AsyncOpenAI``."""
    client = openai.AsyncOpenAI(api_key=lease.token, base_url=lease.base_url, max_retries=0, timeout=timeout)
    async with client:
        reply = await client.chat.completions.create(
            model=lease.model or "", messages=[{"role": "user", "content": "Hi."}]
        )
    return reply.choices[0].message.content or ""


def with_anthropic(lease: cbauth.Lease, timeout: float = PATIENCE) -> str:
    """``anthropic.Anthropic``."""
    with anthropic.Anthropic(api_key=lease.token, base_url=lease.base_url, max_retries=0, timeout=timeout) as client:
        reply = client.messages.create(
            model=lease.model or "", max_tokens=16, messages=[{"role": "user", "content": "Hi."}]
        )
    return "".join(block.text for block in reply.content if block.type == "text")


async def with_async_anthropic(lease: cbauth.Lease, timeout: float = PATIENCE) -> str:
    """``anthropic.AsyncAnthropic``."""
    client = anthropic.AsyncAnthropic(api_key=lease.token, base_url=lease.base_url, max_retries=0, timeout=timeout)
    async with client:
        reply = await client.messages.create(
            model=lease.model or "", max_tokens=16, messages=[{"role": "user", "content": "Hi."}]
        )
    return "".join(block.text for block in reply.content if block.type == "text")


def with_httpx(lease: cbauth.Lease, timeout: float = PATIENCE) -> str:
    """``httpx.Client``, with the lease's headers."""
    with httpx.Client(base_url=lease.base_url or "", headers=lease.headers, timeout=timeout) as client:
        return text_of(client.post("chat/completions", json=chat(lease)).raise_for_status().json())


async def with_async_httpx(lease: cbauth.Lease, timeout: float = PATIENCE) -> str:
    """``httpx.AsyncClient``, with the lease's headers."""
    async with httpx.AsyncClient(base_url=lease.base_url or "", headers=lease.headers, timeout=timeout) as client:
        return text_of((await client.post("chat/completions", json=chat(lease))).raise_for_status().json())


def with_requests(lease: cbauth.Lease, timeout: float = PATIENCE) -> str:
    """``requests``, with the lease's headers."""
    url = f"{lease.base_url}/chat/completions"
    with requests.post(url, json=chat(lease), headers=lease.headers, timeout=timeout) as response:
        response.raise_for_status()
        return text_of(response.json())


def with_google_rest(lease: cbauth.Lease, timeout: float = PATIENCE) -> str:
    """Google's REST API through ``httpx``."""
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi."}]}]}
    with httpx.Client(base_url=lease.base_url or "", headers=lease.headers, timeout=timeout) as client:
        answer = client.post(f"v1beta/models/{lease.model}:generateContent", json=body).raise_for_status().json()
    text: str = answer["candidates"][0]["content"]["parts"][0]["text"]
    return text


def openai_stream(lease: cbauth.Lease, timeout: float = PATIENCE) -> Generator[str]:
    """The words of a streamed answer, as they come."""
    with openai.OpenAI(api_key=lease.token, base_url=lease.base_url, max_retries=0, timeout=timeout) as client:
        stream = client.chat.completions.create(
            model=lease.model or "", messages=[{"role": "user", "content": "Hi."}], stream=True
        )
        for chunk in stream:
            yield chunk.choices[0].delta.content or ""


def anthropic_stream(lease: cbauth.Lease, timeout: float = PATIENCE) -> Generator[str]:
    """The words of a streamed answer, as they come."""
    with (
        anthropic.Anthropic(api_key=lease.token, base_url=lease.base_url, max_retries=0, timeout=timeout) as client,
        client.messages.stream(
            model=lease.model or "", max_tokens=16, messages=[{"role": "user", "content": "Hi."}]
        ) as stream,
    ):
        yield from stream.text_stream


def chat(lease: cbauth.Lease) -> dict[str, Any]:
    """The body of a chat completion."""
    return {"model": lease.model, "messages": [{"role": "user", "content": "Hi."}]}


def text_of(reply: dict[str, Any]) -> str:
    """The text of a chat completion."""
    text: str = reply["choices"][0]["message"]["content"]
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One of them: what it speaks, a model to ask for, and how it is called, with a lease and a time-out in seconds."""

    name: str
    dialect: str
    model: str
    call: Callable[[cbauth.Lease, float], Any]
    is_async: bool = False

    def __str__(self) -> str:
        return self.name


OPENAI = Client(name="openai", dialect="openai", model="gpt-4o", call=with_openai)
ASYNC_OPENAI = Client(name="openai async", dialect="openai", model="gpt-4o", call=with_async_openai, is_async=True)
ANTHROPIC = Client(name="anthropic", dialect="anthropic", model="claude-sonnet-4", call=with_anthropic)
ASYNC_ANTHROPIC = Client(
    name="anthropic async", dialect="anthropic", model="claude-sonnet-4", call=with_async_anthropic, is_async=True
)
HTTPX = Client(name="httpx", dialect="openai", model="gpt-4o", call=with_httpx)
ASYNC_HTTPX = Client(name="httpx async", dialect="openai", model="gpt-4o", call=with_async_httpx, is_async=True)
REQUESTS = Client(name="requests", dialect="openai", model="gpt-4o", call=with_requests)
GOOGLE = Client(name="google rest", dialect="google", model="gemini-2.5-pro", call=with_google_rest)

CLIENTS = (OPENAI, ASYNC_OPENAI, ANTHROPIC, ASYNC_ANTHROPIC, HTTPX, ASYNC_HTTPX, REQUESTS, GOOGLE)


class Caller:
    """A program that calls models through a toolkit, with one client for each dialect; it keeps what it saw.

    ``leases`` are (profile, model, reason) of each try, ``raised`` the errors of its clients, in order. ``hurried`` is
    a profile whose answers it does not wait for.
    """

    def __init__(self, *clients: Client, hurried: str | None = None) -> None:
        self.leases: list[tuple[str, str | None, str]] = []
        self.raised: list[Exception] = []
        self._clients = {client.dialect: client for client in clients}
        self._is_async = clients[0].is_async
        self._hurried = hurried

    @property
    def asked(self) -> list[str]:
        """The profiles that were tried, in order."""
        return [profile for profile, _, _ in self.leases]

    def __call__(self, toolkit: cbauth.Toolkit, request: str, session: str | None = None) -> str:
        """One call of a model or route, through ``for`` or ``async for``; the text of the answer."""
        if self._is_async:
            return asyncio.run(self._call_async(toolkit, request, session))
        for attempt in toolkit.attempts(request, session=session):
            with attempt as lease:
                client, timeout = self._begin(lease)
                try:
                    return str(client.call(lease, timeout))
                except Exception as error:
                    self.raised.append(error)
                    raise
        raise AssertionError("the loop ended without an answer or an error")

    async def _call_async(self, toolkit: cbauth.Toolkit, request: str, session: str | None) -> str:
        async for attempt in toolkit.attempts(request, session=session):
            async with attempt as lease:
                client, timeout = self._begin(lease)
                try:
                    return str(await client.call(lease, timeout))
                except Exception as error:
                    self.raised.append(error)
                    raise
        raise AssertionError("the loop ended without an answer or an error")

    def _begin(self, lease: cbauth.Lease) -> tuple[Client, float]:
        self.leases.append((lease.profile_id, lease.model, lease.reason))
        timeout = IMPATIENCE if lease.profile_id == self._hurried else PATIENCE
        return self._clients[lease.member.protocol], timeout
