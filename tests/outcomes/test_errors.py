"""Exceptions of libraries that are not installed here, wrapped ones, groups, and those that nobody may catch.

A stand-in has the module, the name and the attributes of the class it stands for: that is all that is known of it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import enum
import errno
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import httpx
import pytest
import requests
import tenacity
import urllib3

from cbauth import Outcome, classify


def stand_in(home: str, *bases: type[BaseException], **facts: object) -> Any:
    """An exception of the class ``home``, a dotted name, with these attributes; it derives from ``bases``."""
    module, _, name = home.rpartition(".")
    error = type(name, bases or (Exception,), {"__module__": module})(facts.get("message", "It failed."))
    for fact, value in facts.items():
        setattr(error, fact, value)
    return error


class Rpc(enum.Enum):
    """grpc.StatusCode: its values are pairs of a number and a word."""

    UNAVAILABLE = (14, "unavailable")
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    DEADLINE_EXCEEDED = (4, "deadline exceeded")
    UNAUTHENTICATED = (16, "unauthenticated")


QUOTA: dict[str, Any] = {
    "error": {
        "code": 429,
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}],
    }
}
RETRY_INFO = SimpleNamespace(retry_delay=SimpleNamespace(seconds=34, nanos=70_000_000))
DISABLED = SimpleNamespace(reason="SERVICE_DISABLED")
THROTTLED = {
    "Error": {"Code": "ThrottlingException", "Message": "Too many requests, please wait before trying again."},
    "ResponseMetadata": {"HTTPStatusCode": 429, "HTTPHeaders": {"retry-after": "3"}},
}
EXPIRED = {"Error": {"Code": "ExpiredTokenException", "Message": "The token expired."}, "ResponseMetadata": {}}

STRANGERS: dict[str, tuple[Callable[[], BaseException], str, float | None, int | None]] = {
    "genai-quota": (
        lambda: stand_in("google.genai.errors.ClientError", code=429, status="RESOURCE_EXHAUSTED", details=QUOTA),
        *("rate_limit", 34.07, 429),
    ),
    "genai-overloaded": (
        lambda: stand_in("google.genai.errors.ServerError", code=503, status="UNAVAILABLE", details={}),
        *("overloaded", None, 503),
    ),
    "api-core-quota": (
        lambda: stand_in("google.api_core.exceptions.ResourceExhausted", code=429, details=[RETRY_INFO], reason=None),
        *("rate_limit", 34.07, 429),
    ),
    "api-core-disabled": (
        lambda: stand_in("google.api_core.exceptions.Forbidden", code=403, details=[DISABLED], reason=None),
        *("auth", None, 403),
    ),
    "api-core-reason": (
        lambda: stand_in("google.api_core.exceptions.BadRequest", code=400, details=[], reason="API_KEY_INVALID"),
        *("auth", None, 400),
    ),
    "api-core-retries-spent": (
        lambda: stand_in(
            "google.api_core.exceptions.RetryError",
            cause=stand_in("google.api_core.exceptions.ServiceUnavailable", code=503, details=[]),
        ),
        *("overloaded", None, 503),
    ),
    "google-auth": (lambda: stand_in("google.auth.exceptions.RefreshError"), "auth", None, None),
    "grpc-unavailable": (
        lambda: stand_in("grpc._channel._InactiveRpcError", code=lambda: Rpc.UNAVAILABLE, details=lambda: "gone"),
        *("overloaded", None, None),
    ),
    "grpc-deadline": (
        lambda: stand_in("grpc._channel._InactiveRpcError", code=lambda: Rpc.DEADLINE_EXCEEDED, details=lambda: ""),
        *("timeout", None, None),
    ),
    "grpc-bad-key": (
        lambda: stand_in("grpc.aio._call.AioRpcError", code=lambda: Rpc.UNAUTHENTICATED, details=lambda: "who?"),
        *("auth", None, None),
    ),
    "aiohttp-status": (
        lambda: stand_in("aiohttp.client_exceptions.ClientResponseError", status=429, headers={"Retry-After": "7"}),
        *("rate_limit", 7, 429),
    ),
    "aiohttp-refused": (
        lambda: stand_in("aiohttp.client_exceptions.ClientConnectionError"),
        *("network", None, None),
    ),
    "aiohttp-cut": (lambda: stand_in("aiohttp.client_exceptions.ClientPayloadError"), "network", None, None),
    "botocore-throttled": (
        lambda: stand_in("botocore.exceptions.ClientError", response=THROTTLED),
        *("rate_limit", 3, 429),
    ),
    "botocore-expired": (
        lambda: stand_in("botocore.exceptions.ClientError", response=EXPIRED),
        *("auth", None, None),
    ),
    "botocore-nowhere": (
        lambda: stand_in(
            "botocore.exceptions.EndpointConnectionError", type(stand_in("botocore.exceptions.ConnectionError"))
        ),
        *("network", None, None),
    ),
    "botocore-no-key": (lambda: stand_in("botocore.exceptions.NoCredentialsError"), "auth", None, None),
    "ollama-no-model": (
        lambda: stand_in("ollama._types.ResponseError", status_code=404, error="model 'x' not found"),
        *("model_not_found", None, 404),
    ),
    "ollama-busy": (
        lambda: stand_in("ollama._types.ResponseError", status_code=500, error="server busy, please try again."),
        *("overloaded", None, 500),
    ),
    "groq-connection": (lambda: stand_in("groq.APIConnectionError"), "network", None, None),
    "groq-timeout": (
        lambda: stand_in("groq.APITimeoutError", type(stand_in("groq.APIConnectionError"))),
        *("timeout", None, None),
    ),
    "mistral-status": (
        lambda: stand_in("mistralai.models.SDKError", raw_response=httpx.Response(429, json={"message": "Slow down."})),
        *("rate_limit", None, 429),
    ),
    "http-status-by-another-name": (lambda: stand_in("acme.Failed", http_status="503"), "overloaded", None, 503),
    "websocket": (
        lambda: stand_in(
            "websockets.exceptions.ConnectionClosedError", type(stand_in("websockets.exceptions.ConnectionClosed"))
        ),
        *("network", None, None),
    ),
    "host-down": (lambda: OSError(errno.EHOSTUNREACH, "No route to host"), "network", None, None),
}


@pytest.mark.parametrize(("build", "kind", "hint", "status"), STRANGERS.values(), ids=list(STRANGERS))
def test_a_class_is_known_by_its_name_and_what_it_carries(
    build: Callable[[], BaseException], kind: str, hint: float | None, status: int | None
) -> None:
    outcome = classify(build())
    assert (outcome.kind, outcome.status) == (kind, status)
    assert outcome.retry_after == pytest.approx(hint)


def test_a_call_that_cannot_even_say_how_it_ended_is_unknown() -> None:
    def broken() -> object:
        raise RuntimeError("no trailing metadata")

    assert classify(stand_in("grpc._channel._InactiveRpcError", code=broken, details=broken)).kind == "unknown"


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        SystemExit(1),
        GeneratorExit(),
        asyncio.CancelledError(),
        concurrent.futures.CancelledError(),
        stand_in("trio.Cancelled", BaseException),
    ],
    ids=lambda error: type(error).__name__,
)
def test_who_cancels_is_obeyed_whatever_the_rules_say(error: BaseException) -> None:
    assert classify(error, rules=[{"kind": "server"}, {"match": ".*", "kind": "server"}]).kind == "cancelled"


def test_a_code_is_a_status_only_where_it_is_known_to_be_one() -> None:
    assert classify(stand_in("google.genai.errors.APIError", code=404)).status == 404
    assert (classify(stand_in("acme.ParseError", code=404)).kind) == "unknown"


@pytest.mark.parametrize(
    "error",
    [
        stand_in("starlette.exceptions.HTTPException", status_code=404, detail="no page"),
        stand_in("fastapi.exceptions.HTTPException", status_code=429, detail="slow down"),
        stand_in("werkzeug.exceptions.NotFound", code=404),
        stand_in("aiohttp.web_exceptions.HTTPException", status=503),
    ],
    ids=lambda error: type(error).__module__,
)
def test_an_answer_that_the_program_is_about_to_give_is_none_that_it_got(error: BaseException) -> None:
    assert (classify(error).kind, classify(error).status) == ("unknown", None)


class TestCauses:
    def test_what_an_error_was_raised_from_explains_it(self) -> None:
        error = RuntimeError("the agent stopped")
        error.__cause__ = httpx.ConnectError("refused")
        assert classify(error).kind == "network"

    def test_what_merely_happened_before_does_not(self) -> None:
        def handle() -> None:
            try:
                raise ConnectionResetError
            except ConnectionResetError:
                [].pop()  # the bug

        with pytest.raises(IndexError) as caught:
            handle()
        assert isinstance(caught.value.__context__, ConnectionResetError)
        assert (classify(caught.value).kind, classify(caught.value).status) == ("unknown", None)

    def test_that_it_took_too_long_says_more_than_that_it_did_not_get_through(self) -> None:
        assert classify(URLError(TimeoutError("timed out"))).kind == "timeout"
        assert classify(requests.ConnectionError(requests.Timeout("slow"))).kind == "timeout"
        error = ConnectionError("gave up")
        error.__cause__ = TimeoutError()
        assert classify(error).kind == "timeout"

    def test_the_first_that_is_known_speaks(self) -> None:
        error = RuntimeError("wrapped")
        error.__cause__ = stand_in("acme.Refused", status_code=401)
        error.__cause__.__cause__ = ConnectionResetError()
        assert (classify(error).kind, classify(error).status) == ("auth", 401)
        error.__cause__ = ConnectionResetError()
        error.__cause__.__cause__ = stand_in("acme.Refused", status_code=401)
        assert (classify(error).kind, classify(error).status) == ("network", None)

    def test_a_library_that_gave_up_without_a_reason_means_the_network(self) -> None:
        assert classify(URLError("no host given")).kind == "network"

    def test_what_a_library_kept_as_its_reason_explains_it(self) -> None:
        pool = urllib3.HTTPConnectionPool("llm.example")
        late = urllib3.exceptions.ReadTimeoutError(pool, "/v1", "Read timed out.")
        assert classify(urllib3.exceptions.MaxRetryError(pool, "/v1", late)).kind == "timeout"

    def test_the_last_of_many_attempts_explains_why_they_ended(self) -> None:
        last = tenacity.Future.construct(3, ConnectionResetError(), has_exception=True)
        assert classify(tenacity.RetryError(last)).kind == "network"
        fine = tenacity.Future.construct(3, "an answer", has_exception=False)
        assert classify(tenacity.RetryError(fine)).kind == "unknown"

    def test_nobody_follows_a_chain_without_end(self) -> None:
        error: BaseException = ConnectionResetError()
        for _ in range(5000):
            wrapper = RuntimeError()
            wrapper.__cause__ = error
            error = wrapper
        assert classify(error).kind == "unknown"


class TestGroups:
    def test_members_that_agree_speak_for_the_group(self) -> None:
        group = ExceptionGroup("both", [ConnectionResetError(), httpx.ConnectError("refused")])
        assert classify(group).kind == "network"
        assert classify(ExceptionGroup("outer", [group])).kind == "network"

    def test_members_that_were_only_cancelled_do_not_count(self) -> None:
        group = BaseExceptionGroup("tasks", [asyncio.CancelledError(), stand_in("acme.Slow", status_code=429)])
        assert (classify(group).kind, classify(group).status) == ("rate_limit", 429)
        assert classify(BaseExceptionGroup("tasks", [asyncio.CancelledError()])).kind == "cancelled"

    def test_members_that_disagree_say_nothing(self) -> None:
        assert classify(ExceptionGroup("both", [ConnectionResetError(), TimeoutError()])).kind == "unknown"

    def test_a_bug_among_them_is_a_bug(self) -> None:
        teapot = stand_in("acme.Teapot", status_code=418)
        for other in (ConnectionResetError(), teapot, RuntimeError()):
            outcome = classify(ExceptionGroup("both", [other, KeyError("x")]))
            assert (outcome.kind, outcome.status) == ("unknown", None)
        assert classify(ExceptionGroup("both", [teapot, teapot])).status == 418


class TestRulesForErrors:
    def test_a_match_finds_the_words_of_an_exception_that_nobody_knows(self) -> None:
        rules = [{"match": "pool exhausted", "kind": "overloaded"}]
        assert classify(RuntimeError("Pool exhausted, try later"), rules=rules).kind == "overloaded"

    def test_a_match_finds_the_name_of_its_class(self) -> None:
        assert classify(stand_in("acme.PoolBusy"), rules=[{"match": "^PoolBusy:", "kind": "overloaded"}]) == Outcome(
            "overloaded", message="PoolBusy: It failed."
        )

    def test_a_rule_without_a_match_makes_no_failure_of_a_bug(self) -> None:
        assert classify(KeyError("x"), rules=[{"kind": "server"}]).kind == "unknown"

    def test_a_rule_without_a_match_may_rename_a_failure_that_is_known(self) -> None:
        assert classify(ConnectionResetError(), rules=[{"kind": "server"}]).kind == "server"

    def test_a_rule_with_a_status_is_not_about_errors_without_one(self) -> None:
        assert classify(ConnectionResetError(), rules=[{"status": 503, "kind": "server"}]).kind == "network"
