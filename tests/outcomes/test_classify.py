"""``classify``: the table of statuses, hints, exceptions of all sorts, the user's rules, no secret in a message."""

from __future__ import annotations

import asyncio
import errno
import http.client
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from cbauth import ConfigError, Outcome, classify
from cbauth.outcomes import KINDS, redact

CANARY = "sk-canary-4d2b6f80aa11"

BY_STATUS = {
    **dict.fromkeys((400, 409, 413, 415, 422), "bad_request"),
    **dict.fromkeys((401, 403), "auth"),
    402: "billing",
    404: "model_not_found",
    **dict.fromkeys((408, 504), "timeout"),
    429: "rate_limit",
    **dict.fromkeys((503, 529), "overloaded"),
    **dict.fromkeys((500, 501, 502, 505, 520, 524, 599), "server"),
    **dict.fromkeys((300, 405, 410, 418, 451, 499), "unknown"),
}


@pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
def test_without_a_telling_body_the_status_decides(status: int, kind: str) -> None:
    assert classify((status, {}, "")) == Outcome(kind, message=classify((status, {}, "")).message, status=status)
    response = requests.Response()
    response.status_code = status
    assert classify(requests.HTTPError(response=response)).kind == kind
    request = httpx.Request("POST", "https://llm.example/v1")
    assert classify(httpx.HTTPStatusError("no", request=request, response=httpx.Response(status))).kind == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), "timeout"),
        (requests.ReadTimeout(), "timeout"),
        (requests.ConnectTimeout(), "timeout"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.ConnectTimeout("slow"), "timeout"),
        (ConnectionRefusedError(), "network"),
        (ConnectionResetError(), "network"),
        (BrokenPipeError(), "network"),
        (socket.gaierror(-2, "Name or service not known"), "network"),
        (ssl.SSLError("bad record"), "network"),
        (OSError(errno.ENETUNREACH, "unreachable"), "network"),
        (http.client.RemoteDisconnected("gone"), "network"),
        (http.client.IncompleteRead(b""), "network"),
        (requests.ConnectionError("refused"), "network"),
        (httpx.ConnectError("refused"), "network"),
        (httpx.RemoteProtocolError("peer closed connection"), "network"),
        (urllib3.exceptions.ProtocolError("aborted"), "network"),
        (asyncio.IncompleteReadError(b"", 5), "network"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyboardInterrupt(), "cancelled"),
        (GeneratorExit(), "cancelled"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_errors_of_the_way_there_are_known_by_their_class(error: BaseException, kind: str) -> None:
    assert (classify(error).kind, classify(error).status) == (kind, None)


@pytest.mark.parametrize(
    "error", [KeyError("x"), ValueError(), RuntimeError("429"), FileNotFoundError(2, "no"), object(), None, 5]
)
def test_what_nobody_recognises_is_unknown_without_a_status(error: object) -> None:
    assert (classify(error).kind, classify(error).status) == ("unknown", None)


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "7"}, "", 7),
        ({"retry-after": "0.25"}, "", 0.25),
        (
            {"Retry-After": format_datetime(NOW + timedelta(seconds=90), True), "Date": format_datetime(NOW, True)},
            "",
            90,
        ),
        ({"retry-after-ms": "1500"}, "", 1.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, "", 360),
        ({}, '{"error": {"message": "Rate limit reached. Please try again in 7.66s."}}', 7.66),
        ({}, '{"error": {"message": "Rate limit reached. Please try again in 20ms."}}', 0.02),
        ({}, '{"error": {"message": "Rate limit reached. Please try again in 1m2.5s."}}', 62.5),
        (
            {},
            '{"error": {"code": 429, "details": ['
            '{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}]}}',
            34.07,
        ),
        ({"Retry-After": "nan"}, "", None),
        ({"Retry-After": "inf"}, "", None),
        ({"Retry-After": "soon"}, "", None),
        ({"Retry-After": "86400000"}, "", 86_400_000),
    ],
)
def test_hints_are_read_in_every_form_and_never_capped(
    headers: dict[str, str], body: str, seconds: float | None
) -> None:
    assert classify((429, headers, body)).retry_after == pytest.approx(seconds)


class TestRules:
    def test_the_first_that_matches_wins_before_the_built_in_ones(self) -> None:
        rules = [
            {"status": 403, "match": "key LIMIT exceeded", "kind": "billing"},
            {"status": 403, "kind": "overloaded"},
        ]
        assert classify((403, {}, "Key limit exceeded (total)"), rules=rules).kind == "billing"
        assert classify((403, {}, "something else"), rules=rules).kind == "overloaded"
        assert classify((401, {}, "Key limit exceeded"), rules=rules).kind == "auth"

    def test_a_match_is_text_or_a_regular_expression(self) -> None:
        assert (
            classify((400, {}, "costs $5.00 (too much)"), rules=[{"match": "$5.00 (", "kind": "billing"}]).kind
            == "billing"
        )
        assert (
            classify((400, {}, "quota was exceeded"), rules=[{"match": "quota .* exceeded", "kind": "billing"}]).kind
            == "billing"
        )

    def test_the_hint_of_the_answer_stays(self) -> None:
        outcome = classify((400, {"retry-after": "9"}, "busy"), rules=[{"match": "busy", "kind": "rate_limit"}])
        assert (outcome.kind, outcome.retry_after) == ("rate_limit", 9)

    @pytest.mark.parametrize("rule", [{"kind": "ratelimit"}, {"kid": "auth"}, {"status": 403}, "auth", 5])
    def test_a_wrong_rule_is_refused(self, rule: Any) -> None:
        with pytest.raises(ConfigError):
            classify((400, {}, ""), rules=[rule])


@given(
    status=st.one_of(st.integers(), st.none(), st.text(max_size=5)),
    headers=st.dictionaries(
        st.text(max_size=20), st.one_of(st.text(max_size=20), st.integers(), st.none()), max_size=4
    ),
    body=st.one_of(
        st.text(max_size=200), st.binary(max_size=200), st.none(), st.dictionaries(st.text(max_size=8), st.text())
    ),
    protocol=st.sampled_from([None, "openai", "anthropic", "google", "ollama", "generic"]),
)
def test_any_answer_gets_one_of_the_kinds_and_a_usable_hint(
    status: object, headers: dict[str, object], body: object, protocol: str | None
) -> None:
    outcome = classify((status, headers, body), protocol=protocol)
    assert outcome.kind in KINDS
    assert outcome.retry_after is None or 0 <= outcome.retry_after < float("inf")


def test_a_400_that_quotes_the_caller_is_the_callers_own() -> None:
    message = "Invalid value in messages[0]: 'what is an invalid api key'"
    body = f'{{"error": {{"code": "invalid_value", "message": "{message}"}}}}'
    assert classify((400, {}, body), protocol="openai").kind == "bad_request"


@pytest.mark.parametrize("rules", [None, 5, "auth"])
def test_rules_that_are_no_list_are_refused(rules: Any) -> None:
    with pytest.raises(ConfigError, match="rules have to be a list"):
        classify((400, {}, ""), rules=rules)


def test_objects_that_raise_whatever_is_asked_of_them_are_unknown() -> None:
    class HostileError(Exception):
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

    assert classify(HostileError()).kind == "unknown"


def test_causes_are_looked_into_even_when_they_go_in_a_circle() -> None:
    outer, inner = RuntimeError("wrapped"), ConnectionResetError()
    outer.__cause__ = inner
    inner.__cause__ = outer
    assert classify(outer).kind in ("network", "unknown")
    assert classify(inner).kind == "network"


@pytest.mark.parametrize(
    "body",
    [
        f'{{"error": {{"message": "Incorrect API key provided: {CANARY}."}}}}',
        f"Authorization: Bearer {CANARY}",
        f"https://user:{CANARY}@host/?key={CANARY}",
        '{"error": {"message": "token: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"}}',
    ],
)
def test_no_key_in_a_message(body: str) -> None:
    message = classify((401, {}, body)).message
    assert "canary" not in message
    assert "eyJ" not in message


def test_known_secrets_go_wherever_they_stand_whatever_they_look_like() -> None:
    assert "plainword" not in redact("the key plainword was refused", ["plainword"])
    assert redact("nothing to hide here") == "nothing to hide here"


def test_text_that_was_harmless_once_is_not_when_it_turns_out_to_be_a_secret() -> None:
    assert redact("correct horse battery staple") == "correct horse battery staple"
    assert "horse" not in redact("correct horse battery staple", ["correct horse battery staple"])


def test_no_sdk_is_imported() -> None:
    code = (
        "import sys, cbauth; cbauth.classify((429, {}, '')); cbauth.classify(TimeoutError());"
        "assert not {'openai', 'anthropic', 'httpx', 'requests', 'urllib3', 'google'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
