"""What real clients raise, unchanged and over the loopback interface, means what the bare answer means."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
import requests
import tenacity
import urllib3
from requests.adapters import HTTPAdapter
from ruamel.yaml import YAML

from cbauth import classify
from tests.support.provider import Provider
from tests.support.replies import Cut, Drop, Hang, Raw

ANSWERS: list[dict[str, Any]] = YAML(typ="safe").load((Path(__file__).parent / "answers.yaml").read_text("utf-8"))
# Whose dialects an SDK is used for; plain clients are used for all.
SDKS = {"openai": ("openai", "generic", "ollama"), "anthropic": ("anthropic",)}
CLIENTS = [*SDKS, "httpx", "requests", "urllib3", "urllib"]
PATIENCE = 20.0
IMPATIENCE = 0.2
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 5}
SLOW_DOWN = b'{"error": {"message": "Slow down.", "type": "requests", "code": "rate_limit_exceeded"}}'


class Callers:
    """The clients, all asking one provider. ``ask`` gives what they raise, or the response if they raise nothing."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.openai = openai.OpenAI(api_key="-", base_url=provider.base_url(), max_retries=0)
        self.anthropic = anthropic.Anthropic(api_key="-", base_url=provider.base_url("anthropic"), max_retries=0)
        self.httpx = httpx.Client()
        self.urllib3 = urllib3.PoolManager(retries=False)

    def ask(self, client: str, key: str, timeout: float = PATIENCE) -> Any:
        try:
            return self._asked(client, key, timeout)
        except Exception as error:
            return error

    def _asked(self, client: str, key: str, timeout: float) -> object:
        url = self.provider.base_url() + "/chat/completions"
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        body = json.dumps(CHAT).encode()
        match client:
            case "openai":
                chat = self.openai.with_options(api_key=key, timeout=timeout)
                return chat.post("/chat/completions", cast_to=object, body=CHAT)
            case "anthropic":
                claude = self.anthropic.with_options(api_key=key, timeout=timeout)
                return claude.post("/v1/messages", cast_to=object, body=CHAT)
            case "httpx":
                return self.httpx.post(url, content=body, headers=headers, timeout=timeout).raise_for_status()
            case "requests":
                response = requests.post(url, data=body, headers=headers, timeout=timeout)
                response.raise_for_status()
                return response
            case "urllib3":
                return self.urllib3.request("POST", url, body=body, headers=headers, timeout=timeout)
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=timeout) as reply:
            return reply.read()

    def close(self) -> None:
        self.openai.close()
        self.anthropic.close()
        self.httpx.close()
        self.urllib3.clear()


@pytest.fixture(scope="module")
def callers() -> Iterator[Callers]:
    with Provider() as provider:
        callers = Callers(provider)
        yield callers
        callers.close()


def raw(answer: dict[str, Any]) -> Raw:
    body = answer.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    # The server sends a date of its own, so a moment cannot be told from the answer's.
    headers = {name: value for name, value in answer.get("headers", {}).items() if name.lower() != "date"}
    return Raw(answer["status"], text.encode(), headers, "text/html" if isinstance(body, str) else "application/json")


@pytest.mark.parametrize(
    ("client", "answer"),
    [
        pytest.param(client, answer, id=f"{client}-{answer['id']}")
        for answer in ANSWERS
        if answer["status"] >= 400
        for client in ("openai", "anthropic", "httpx", "requests")
        if answer["protocol"] in SDKS.get(client, (answer["protocol"],))
    ],
)
def test_a_real_answer_is_understood_whoever_raises_it(client: str, answer: dict[str, Any], callers: Callers) -> None:
    callers.provider.says(answer["id"], raw(answer))
    error = callers.ask(client, answer["id"])
    assert isinstance(error, Exception)
    outcome = classify(error, protocol=answer["protocol"])
    assert (outcome.kind, outcome.status) == (answer["kind"], answer["status"])
    if "date" not in {name.lower() for name in answer.get("headers", {})}:
        assert outcome.retry_after == pytest.approx(answer.get("retry_after"))


@pytest.mark.parametrize("client", CLIENTS)
def test_a_rate_limit_and_its_hint_are_read_from_what_any_client_has(client: str, callers: Callers) -> None:
    callers.provider.says("slow", Raw(429, SLOW_DOWN, {"Retry-After": "7"}))
    outcome = classify(callers.ask(client, "slow"))
    assert (outcome.kind, outcome.retry_after, outcome.status) == ("rate_limit", 7, 429)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_dropped_connection_is_of_the_network(client: str, callers: Callers) -> None:
    callers.provider.says("drop", Drop())
    outcome = classify(callers.ask(client, "drop"))
    assert (outcome.kind, outcome.status) == ("network", None)


@pytest.mark.parametrize("client", CLIENTS)
def test_an_answer_that_does_not_come_is_a_timeout(client: str, callers: Callers) -> None:
    hang = Hang()
    callers.provider.says("hang", hang)
    outcome = classify(callers.ask(client, "hang", IMPATIENCE))
    hang.release.set()
    assert (outcome.kind, outcome.status) == ("timeout", None)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_refused_connection_is_of_the_network(client: str, callers: Callers) -> None:
    callers.provider.go_down()
    outcome = classify(callers.ask(client, "down"))
    callers.provider.go_up()
    assert (outcome.kind, outcome.status) == ("network", None)


@pytest.mark.parametrize(
    ("client", "error", "kind"),
    [
        ("openai", "server_error", "server"),
        ("openai", "rate_limit_exceeded", "rate_limit"),
        ("openai", "insufficient_quota", "billing"),
        ("anthropic", "overloaded_error", "overloaded"),
        ("anthropic", "rate_limit_error", "rate_limit"),
        ("anthropic", "api_error", "server"),
    ],
)
def test_an_error_in_the_middle_of_a_stream_means_what_its_word_says(
    client: str, error: str, kind: str, callers: Callers
) -> None:
    callers.provider.says(error, Cut("One two", error))

    def streamed() -> list[object]:
        if client == "openai":
            chat = callers.openai.with_options(api_key=error)
            return list(chat.chat.completions.create(model="m", messages=CHAT["messages"], stream=True))
        claude = callers.anthropic.with_options(api_key=error)
        return list(claude.messages.create(model="m", max_tokens=5, messages=CHAT["messages"], stream=True))

    with pytest.raises((openai.APIError, anthropic.APIError)) as caught:
        streamed()
    assert classify(caught.value).kind == kind


def test_a_stream_that_breaks_off_is_of_the_network(callers: Callers) -> None:
    callers.provider.says("cut", Cut("One two"))
    url = callers.provider.base_url() + "/chat/completions"
    body, headers = {**CHAT, "stream": True}, {"Authorization": "Bearer cut"}
    with (
        pytest.raises(httpx.RemoteProtocolError) as broken,
        callers.httpx.stream("POST", url, json=body, headers=headers) as reply,
    ):
        reply.read()
    assert classify(broken.value).kind == "network"
    with pytest.raises(requests.exceptions.ChunkedEncodingError) as also_broken:
        requests.post(url, json=body, headers=headers, timeout=PATIENCE)
    assert classify(also_broken.value).kind == "network"


class Wire(io.RawIOBase):
    """A body that is still on its way: it counts who waits for it."""

    waited = 0

    def readable(self) -> bool:
        return True

    def readinto(self, _: Any) -> int:
        self.waited += 1
        return 0


class HttpxWire(httpx.SyncByteStream):
    waited = 0

    def __iter__(self) -> Iterator[bytes]:
        self.waited += 1
        yield b""


def unread_requests(wire: Wire) -> requests.Response:
    request = requests.Request("POST", "https://llm.example/v1").prepare()
    return HTTPAdapter().build_response(request, unread_urllib3(wire))


def unread_urllib3(wire: Wire) -> urllib3.HTTPResponse:
    return urllib3.HTTPResponse(wire, {"Retry-After": "7"}, 429, preload_content=False)


def unread_urllib(wire: Wire) -> urllib.error.HTTPError:
    headers = Message()
    headers["Retry-After"] = "7"
    return urllib.error.HTTPError("https://llm.example/v1", 429, "Too Many Requests", headers, io.BufferedReader(wire))


@pytest.mark.parametrize("unread", [unread_requests, unread_urllib3, unread_urllib])
def test_nobody_waits_for_a_body_that_is_still_on_its_way(unread: Callable[[Wire], object]) -> None:
    wire = Wire()
    outcome = classify(unread(wire))
    assert (outcome.kind, outcome.retry_after) == ("rate_limit", 7)
    assert wire.waited == 0


def test_an_unread_stream_of_httpx_tells_its_status_and_headers_alone() -> None:
    wire = HttpxWire()
    request = httpx.Request("POST", "https://llm.example/v1")
    response = httpx.Response(429, headers={"Retry-After": "7"}, stream=wire, request=request)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        response.raise_for_status()
    for thing in (response, caught.value):
        assert (classify(thing).kind, classify(thing).retry_after) == ("rate_limit", 7)
    assert wire.waited == 0


def test_retries_that_were_spent_on_a_status_mean_that_status(callers: Callers) -> None:
    url = callers.provider.base_url() + "/chat/completions"
    callers.provider.says("busy", Raw(503, b""))
    retry = urllib3.Retry(1, status_forcelist=[503], allowed_methods=None, backoff_factor=0)
    headers = {"Authorization": "Bearer busy"}
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retry))
        with pytest.raises(requests.exceptions.RetryError) as caught:
            session.post(url, json=CHAT, headers=headers, timeout=PATIENCE)
    with pytest.raises(urllib3.exceptions.MaxRetryError) as also_caught:
        callers.urllib3.request("POST", url, json=CHAT, headers=headers, retries=retry)
    for error in (caught.value, also_caught.value):
        assert (classify(error).kind, classify(error).status) == ("overloaded", 503)


def test_retries_that_tenacity_gave_up_mean_what_the_last_one_met(callers: Callers) -> None:
    callers.provider.says("tired", Raw(429, SLOW_DOWN, {"Retry-After": "7"}))

    @tenacity.retry(stop=tenacity.stop_after_attempt(2))
    def tried() -> None:
        raise callers.ask("openai", "tired")

    with pytest.raises(tenacity.RetryError) as caught:
        tried()
    assert (classify(caught.value).kind, classify(caught.value).retry_after) == ("rate_limit", 7)


@pytest.mark.parametrize(("url", "headers"), [("no-scheme", {}), (None, {"X": "a\nb"})], ids=["url", "header"])
@pytest.mark.parametrize("client", [httpx, requests])
def test_a_request_that_cannot_be_sent_is_no_failure_of_the_network(
    client: Any, url: str | None, headers: dict[str, str], callers: Callers
) -> None:
    with pytest.raises((httpx.HTTPError, requests.RequestException)) as caught:
        client.get(url or callers.provider.base_url(), headers=headers, timeout=PATIENCE)
    assert (classify(caught.value).kind, classify(caught.value).status) == ("unknown", None)
