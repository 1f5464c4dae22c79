"""Answers in every shape: what they are carried in, what their bodies look like, whose dialect they are in."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

import httpx
import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

from cbauth import ConfigError, Outcome, classify

SLOW = {"error": {"message": "Slow down.", "type": "requests", "code": "rate_limit_exceeded"}}
SLOW_TEXT = json.dumps(SLOW)
SLOW_DOWN = Outcome("rate_limit", 7.0, None, "Slow down.", 429)


def of_requests() -> requests.Response:
    reply = urllib3.HTTPResponse(io.BytesIO(SLOW_TEXT.encode()), {"Retry-After": "7"}, 429, preload_content=False)
    response = HTTPAdapter().build_response(requests.Request("POST", "https://llm.example/v1").prepare(), reply)
    assert response.content  # read
    return response


@pytest.mark.parametrize(
    "thing",
    [
        (429, {"Retry-After": "7"}, SLOW_TEXT),
        (429, {"Retry-After": "7"}, SLOW_TEXT.encode()),
        (429, {"Retry-After": "7"}, bytearray(SLOW_TEXT.encode())),
        (429, {"Retry-After": "7"}, SLOW),
        (429, {"Retry-After": "7"}, [SLOW]),
        (429, {"Retry-After": "7"}, MappingProxyType(SLOW)),
        ("429", {"Retry-After": "7"}, SLOW),
        {"status": 429, "headers": {"Retry-After": "7"}, "body": SLOW_TEXT},
        {"status_code": 429, "headers": {"Retry-After": "7"}, "body": SLOW},
        httpx.Response(429, headers={"Retry-After": "7"}, json=SLOW),
        of_requests(),
        SimpleNamespace(status=429, headers={"Retry-After": "7"}, body=SLOW_TEXT),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_an_answer_means_the_same_in_whatever_it_is_carried(thing: object) -> None:
    assert classify(thing) == SLOW_DOWN


@pytest.mark.parametrize("thing", [(429,), (429, None), (429, None, None), {"status": 429}], ids=repr)
def test_a_status_alone_is_an_answer(thing: object) -> None:
    assert classify(thing) == Outcome("rate_limit", status=429)


@pytest.mark.parametrize("body", [SLOW, SLOW_TEXT, SLOW_TEXT.encode()], ids=lambda body: type(body).__name__)
def test_a_body_alone_says_what_its_code_means(body: object) -> None:
    assert classify(body) == Outcome("rate_limit", message="Slow down.")
    assert classify((None, {"Retry-After": "7"}, body)) == Outcome("rate_limit", 7.0, message="Slow down.")


@pytest.mark.parametrize(
    "thing",
    [
        None,
        429,
        4.5,
        object(),
        (),
        (1, 2, 3, 4),
        ("no", {}, SLOW),
        (99, {}, SLOW),
        (600, {}),
        [],
        set(),
        {},
        "",
        "Hello.",
    ],
    ids=lambda thing: repr(thing).partition(" at ")[0],
)
def test_what_is_no_answer_is_unknown(thing: object) -> None:
    assert (classify(thing).kind, classify(thing).status) == ("unknown", None)


def test_an_outcome_is_its_own_verdict() -> None:
    assert classify(SLOW_DOWN) is SLOW_DOWN


def test_an_error_in_a_success_has_the_status_that_its_body_says() -> None:
    body = {"id": "gen-1", "error": {"code": 502, "message": "Provider disconnected"}, "choices": []}
    assert classify((200, {}, body)) == Outcome("server", message="Provider disconnected", status=502)


def test_a_success_without_an_error_is_unknown() -> None:
    assert classify((200, {}, {"choices": [{"finish_reason": "stop"}]})) == Outcome("unknown", status=200)


def test_events_of_a_stream_are_read_for_the_one_that_tells_of_an_error() -> None:
    events = (
        'event: message_start\ndata: {"type": "message_start"}\n\n'
        'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n'
    )
    assert classify((200, {}, events)) == Outcome("overloaded", message="Overloaded", status=200)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("upstream connect error", "upstream connect error"),
        ("<html><head><title>502 Bad\nGateway</title></head></html>", "502 Bad Gateway"),
        ("<html></html>", ""),
        ('{"error": {"message": "cut o', '{"error": {"message": "cut o'),
        ({"msg": "Busy."}, "Busy."),
        ({"detail": "Busy."}, "Busy."),
        ({"error": "Busy."}, "Busy."),
        ({"error": ["Busy."]}, "Busy."),
        ({"errors": [{"reason": "backendError"}], "message": "Busy."}, "Busy."),
        ({"error": {"message": None, "details": "Busy."}}, "Busy."),
        ({"error": {"message": '{"error": {"message": "Busy."}}'}}, "Busy."),
        ({"error": {"message": "[not json"}}, "[not json"),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": "Busy."}}},
            "Provider returned error: Busy.",
        ),
        ({"error": {"metadata": {"raw": "Busy."}}}, "Busy."),
        (['{"error": 5}'], '{"error": 5}'),
        ([], ""),
    ],
)
def test_the_message_is_what_the_body_says_to_people(body: object, message: str) -> None:
    assert classify((502, {}, body)) == Outcome("server", message=message, status=502)


def test_json_within_json_is_opened_only_so_deep() -> None:
    body: dict[str, object] = {"error": {"code": "insufficient_quota"}}
    for _ in range(2):
        body = {"error": {"message": json.dumps(body)}}
    assert classify((429, {}, body)).kind == "billing"
    assert classify((429, {}, {"error": {"message": json.dumps(body)}})).kind == "rate_limit"


def test_json_within_json_adds_to_what_is_around_it() -> None:
    body = {"error": {"code": "insufficient_quota", "message": json.dumps({"message": "No.", "type": "requests"})}}
    assert classify((429, {}, body)) == Outcome("billing", message="No.", status=429)


def test_a_code_is_found_in_a_body_that_was_cut_off() -> None:
    assert classify((429, {}, '{"error": {"code": "insufficient_quota", "message": "You exc')).kind == "billing"


def test_a_code_is_found_in_the_words_of_an_exception_that_kept_nothing_else() -> None:
    class StatusError(Exception):
        status_code = 429

    error = StatusError("Error code: 429 - {'error': {'message': 'No credit.', 'type': 'insufficient_quota'}}")
    assert classify(error).kind == "billing"


class TestDialects:
    """Words count in the dialect they belong to, with a status they come with; codes count everywhere."""

    LOW = "Your credit balance is too low to access the Anthropic API."

    def test_a_protocol_lends_its_words(self) -> None:
        assert classify((400, {}, {"error": {"message": self.LOW}}), protocol="anthropic").kind == "billing"
        assert classify((400, {}, {"error": {"message": self.LOW}}), protocol="openai").kind == "bad_request"
        assert classify((400, {}, {"error": {"message": self.LOW}}), protocol="generic").kind == "bad_request"

    def test_a_body_of_an_unmistakable_shape_says_itself_whose_it_is(self) -> None:
        body = {"type": "error", "error": {"type": "invalid_request_error", "message": self.LOW}}
        assert classify((400, {}, body)).kind == "billing"
        assert classify((400, {}, body), protocol="openai").kind == "billing"

    def test_the_package_of_an_exception_says_whose_it_is(self) -> None:
        facts = {"status_code": 400, "body": self.LOW}
        theirs = type("BadRequestError", (Exception,), {**facts, "__module__": "anthropic"})
        another = type("BadRequestError", (Exception,), {**facts, "__module__": "acme"})
        assert classify(theirs()).kind == "billing"
        assert classify(another()).kind == "bad_request"

    def test_words_that_come_with_another_status_are_quoted_ones(self) -> None:
        body = {"error": {"message": "Unprocessable prompt: 'I exceeded your current quota'"}}
        assert classify((422, {}, body), protocol="openai").kind == "bad_request"

    def test_words_that_the_answer_quotes_are_the_callers(self) -> None:
        body = {"error": {"message": "Invalid value: 'exceeded your current quota'. Supported values are: 'text'."}}
        assert classify((400, {}, body), protocol="openai").kind == "bad_request"

    def test_a_code_comes_before_words(self) -> None:
        body = {"error": {"message": "You exceeded your current quota.", "code": "rate_limit_exceeded"}}
        assert classify((429, {}, body), protocol="openai").kind == "rate_limit"

    def test_a_refusal_with_no_requests_left_is_a_rate_limit(self) -> None:
        assert classify((403, {"X-RateLimit-Remaining": "0"}, "")).kind == "rate_limit"
        assert classify((403, {"X-RateLimit-Remaining": "7"}, "")).kind == "auth"

    @pytest.mark.parametrize("protocol", ["opena", "", 5, ["openai"]])
    def test_a_protocol_that_does_not_exist_is_refused(self, protocol: Any) -> None:
        with pytest.raises(ConfigError, match="openai, anthropic, google, ollama, generic"):
            classify((429, {}, ""), protocol=protocol)

    def test_one_that_is_mistyped_gets_a_suggestion(self) -> None:
        with pytest.raises(ConfigError, match="did you mean 'openai'"):
            classify((429, {}, ""), protocol="opneai")


class Malice:
    """It raises whatever it is asked, even its class."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class HostileHeaders(Mapping[str, str]):
    def __getitem__(self, key: str) -> str:
        raise RuntimeError(key)

    def __iter__(self) -> Any:
        raise RuntimeError

    def __len__(self) -> int:
        raise RuntimeError


class SpeechlessError(Exception):
    status_code = 503

    def __str__(self) -> str:
        raise RuntimeError

    @property
    def body(self) -> object:
        raise RuntimeError

    @property
    def headers(self) -> object:
        raise SystemError


def circle() -> dict[str, object]:
    body: dict[str, object] = {"message": "round"}
    body["error"] = body
    return body


HOSTILE: dict[str, tuple[Callable[[], object], str]] = {
    "malice": (Malice, "unknown"),
    "malice-within": (lambda: (503, Malice(), Malice()), "unknown"),
    "mappings-that-raise": (lambda: (503, HostileHeaders(), HostileHeaders()), "overloaded"),
    "numbers": (lambda: (503, 5, 5), "overloaded"),
    "headers-as-text": (lambda: (503, "retry-after: 5", None), "overloaded"),
    "headers-that-are-no-pairs": (lambda: (503, [1, 2, 3], None), "overloaded"),
    "headers-of-all-sorts": (
        lambda: (503, {None: 5, 5: None, "retry-after": None, "date": b"\xff"}, None),
        "overloaded",
    ),
    "attributes-that-raise": (SpeechlessError, "overloaded"),
    "circle": (lambda: (503, {}, circle()), "overloaded"),
    "deep-bytes": (lambda: (429, {}, b'{"error":' * 10**6), "rate_limit"),
    "deep-text": (lambda: (429, {}, "[" * 10**6), "rate_limit"),
    "many-codes": (lambda: (429, {}, '"code":"' * 10**6), "rate_limit"),
    "endless-words": (lambda: (429, {}, {"error": {"message": "x" * 10**7, "code": "y" * 10**7}}), "rate_limit"),
    "many-headers": (lambda: (429, dict.fromkeys(map(str, range(10**5)), "x"), ""), "rate_limit"),
    "surrogates": (lambda: (429, {}, {"error": {"message": "\ud800 lone", "code": "\udfff"}}), "rate_limit"),
    "no-text": (lambda: (429, {}, b"\xff\xfe\x00"), "rate_limit"),
    "wrong-types": (lambda: (429, {}, {"error": {"message": 5, "code": [], "type": {}, "details": 5}}), "rate_limit"),
}


@pytest.mark.parametrize(("build", "kind"), HOSTILE.values(), ids=list(HOSTILE))
def test_nothing_that_it_is_given_makes_it_raise(build: Callable[[], object], kind: str) -> None:
    outcome = classify(build(), rules=[{"match": "no such words", "kind": "auth"}])
    assert outcome.kind == kind
    assert len(outcome.message) <= 300
    outcome.message.encode()


def test_a_class_that_lies_about_itself_is_unknown() -> None:
    class LiarError(Exception):
        @property
        def __class__(self) -> Any:
            raise RuntimeError

        @__class__.setter
        def __class__(self, _: Any) -> None:
            raise RuntimeError

    assert classify(LiarError()).kind == "unknown"
