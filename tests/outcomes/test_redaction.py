"""No secret survives, whatever it looks like and wherever a provider put it; what is none stays readable."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import requests

from cbauth import classify
from cbauth.outcomes import redact

# Each is made of letters that no sentence here holds.
KEYS = {
    "openai": "sk-proj-Qz7xVw9Kq2JzXv4Wq8ZkJx3Vq",
    "openai-short": "sk-QzxJ",
    "openai-masked": "sk-Qzx7V***********wKqJ",
    "anthropic": "sk-ant-api03-Qz7xVw9Kq2JzXv4_Wq8ZkJx3Vq-QqZzAA",
    "google": "AIzaSyQz7xVw9Kq2JzXv4Wq8ZkJx3VqZz0Jk",
    "google-login": "ya29.a0Qz7xVw9Kq2JzXv4Wq8",
    "github": "ghp_Qz7xVw9Kq2JzXv4Wq8ZkJx3VqZz0Jk4Wq",
    "github-fine": "github_pat_11Qz7xVw9Kq2JzXv4Wq8_ZkJx3V",
    "grok": "xai-Qz7xVw9Kq2JzXv4Wq8ZkJx3Vq",
    "groq": "gsk_Qz7xVw9Kq2JzXv4Wq8ZkJx3Vq",
    "openrouter": "sk-or-v1-7c1e5b9d7c1e5b9d7c1e5b9d7c1e5b9d",
    "huggingface": "hf_Qz7xVw9Kq2JzXv4Wq8",
    "aws": "AKIAQZ7XVW9KQ2JZXV4W",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJxengifQ.Qz7xVw9Kq2JzXv4Wq8",
    "slack": "xoxb-7712-Qz7xVw9Kq2JzXv4",
    "opaque": "Qz7xVw9Kq2JzXv4Wq8ZkJx3VqZz0Jk4WqQz7",
    "hex": "7c1e5b9d7c1e5b9d7c1e5b9d7c1e5b9d",
}
SENTENCES = [
    "Incorrect API key provided: {}. You can find your API key at https://platform.example/account.",
    "Invalid token {} (expired)",
    '{{"api_key": "{}"}}',
    "{}",
    "x-api-key: {}",
    "sent ({}), refused",
    "GET https://llm.example/v1/models?key={}&alt=json",
    "Authorization: Bearer {}",
]


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("key", KEYS.values(), ids=list(KEYS))
def test_what_looks_like_a_key_goes_from_any_sentence(key: str, sentence: str) -> None:
    shown = redact(sentence.format(key))
    assert "[redacted]" in shown
    for part in range(0, len(key) - 6, 3):
        assert key[part : part + 6] not in shown.replace("sk-", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hunter2", "password=[redacted]"),
        ('"client_secret": "plainword"', '"client_secret": [redacted]"'),
        ("they sent Bearer plainw0rd", "they sent Bearer [redacted]"),
        ("your key Qzx7V***********wKqJ is wrong", "your key [redacted] is wrong"),
        ("your key ending in ****wKqJ is wrong", "your key ending in [redacted] is wrong"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: [redacted]"),
        ("set-cookie: session=zq; path=/", "set-cookie: [redacted]; path=/"),
        ("https://user:plainword@llm.example/v1", "https://[redacted]@llm.example/v1"),
        ("https://llm.example/?code=plainword&state=1", "https://llm.example/?code=[redacted]&state=1"),
        ("https://llm.example/?a=1&sig=plainword", "https://llm.example/?a=1&sig=[redacted]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nQQ\n-----END RSA PRIVATE KEY----- tail", "[redacted] tail"),
        ("-----BEGIN PRIVATE KEY----- cut off", "[redacted]"),
    ],
)
def test_what_has_the_name_of_a_secret_is_one(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Rate limit reached for gpt-4o-2024-08-06 in organization org-acme on tokens per min (TPM): Limit 30000.",
        "You didn't provide an API key.",
        "invalid x-api-key",
        "Invalid token: expired",
        "The model `claude-3-5-sonnet-20241022` does not exist or you do not have access to it.",
        "models/gemini-1.5-pro-latest is not found for API version v1beta",
        "Use basic authentication, or bearer authentication.",
        "key: value",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
        "quotaMetric: generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "thisIsAVeryLongCamelCaseIdentifierIndeed",
        "status code: 429",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


class TestKnownSecrets:
    def test_go_wherever_they_stand(self) -> None:
        assert redact("a plainword b, plainwords", ["plainword"]) == "a [redacted] b, [redacted]s"

    def test_go_percent_encoded_too(self) -> None:
        secret = "pa ss/wörd+"
        assert redact(f"?q={quote(secret, safe='')}", [secret]) == "?q=[redacted]"

    def test_go_when_invisible_characters_hide_them(self) -> None:
        assert "plain" not in redact("pla\u200binw\u00adord", ["plainword"])

    def test_go_when_control_characters_stand_around_them(self) -> None:
        assert redact("\x1b[31mplainword\x1b[0m\r\n", ["plainword"]) == "[redacted]"

    def test_the_longest_goes_first(self) -> None:
        assert redact("plainword-longer", ["plainword", "plainword-longer"]) == "[redacted]"

    def test_go_when_an_ellipsis_cut_through_them(self) -> None:
        assert redact("refused: correct hor…", ["correct horse battery"]) == "refused: [redacted]"

    def test_that_are_short_go_only_where_they_stand_alone(self) -> None:
        assert redact("the abc of abcess: abc.", ["abc"]) == "the [redacted] of abcess: [redacted]."

    def test_that_are_empty_or_no_text_are_left_out(self) -> None:
        secrets: list[Any] = ["", "  ", None, 5]
        assert redact("nothing here", secrets) == "nothing here"


@pytest.mark.parametrize(
    ("text", "secret"),
    [("?q=pa%20ss%2Fw", "pa ss/w"), ("refused: correct hor…", "correct horse battery"), ("plain word", "plain word")],
)
def test_what_was_let_through_goes_once_it_is_known_to_be_a_secret(text: str, secret: str) -> None:
    assert redact(text) == text
    assert "[redacted]" in redact(text, [secret])
    assert redact(text) == text


def test_a_long_text_is_not_cut_through_a_key() -> None:
    """All but the last key here are taken out, so that what is left of the last would be in sight."""
    message = classify((400, {}, f"{'Qz7' * 1358} {'aB3' * 20} and more")).message
    assert message == "[redacted]…"


def test_a_text_becomes_one_line_without_control_characters() -> None:
    assert redact("one\r\n\ttwo\x00three\x1b[31mfour\u2028five\x85six\ud800") == "one two three four five six"
    assert redact("one\u3000two\U000e0041 \ue000three") == "one two three"


def test_a_message_is_cut_at_a_blank_so_that_no_half_of_a_key_is_left() -> None:
    key = KEYS["opaque"]
    for length in range(240, 300):
        body = f"{'word ' * (length // 5)}{'x' * (length % 5)} {key} and more {'word ' * 20}"
        message = classify((400, {}, body)).message
        assert len(message) <= 300
        assert message.endswith("…")
        assert "Qz7" not in message


@pytest.mark.parametrize("key", KEYS.values(), ids=list(KEYS))
def test_no_key_survives_in_the_message_of_an_outcome(key: str) -> None:
    request = httpx.Request("POST", f"https://user:{key}@llm.example/v1?key={key}")
    answer = httpx.Response(401, json={"error": {"message": f"Incorrect API key provided: {key}."}}, request=request)
    things = [
        answer,
        httpx.HTTPStatusError(f"401 for {request.url}", request=request, response=answer),
        httpx.HTTPStatusError(f"401 for {key}", request=request, response=httpx.Response(401, request=request)),
        requests.ConnectionError(f"HTTPSConnectionPool: Max retries exceeded with url: /v1?key={key}"),
        RuntimeError(f"Authorization: Bearer {key}"),
        (401, {}, f"<title>{key}</title>"),
        (401, {}, {"error": {"message": f"Basic {base64.b64encode(f'user:{key}'.encode()).decode()}"}}),
    ]
    for thing in things:
        shown = repr(classify(thing))
        assert key not in shown
        assert key[3:12] not in shown
        assert base64.b64encode(key.encode()).decode()[:8] not in shown


HOSTILE = [
    *("a", "sk-", "*", "a*", "://", "key=", "Bearer ", "eyJ.", "-----BEGIN KEY-----", "-----BEGIN ", "api_key", "\"' "),
    *(
        "\x1b[",
        "-_",
        "Aa1",
        " ",
        "token   ",
        "?x-amz-",
        "secret access ",
        "a_",
        "…",
        "%20",
        "key:",
        "://a@",
        "***a",
        "\x00",
    ),
]


@pytest.mark.parametrize("unit", HOSTILE, ids=repr)
def test_the_work_grows_with_the_text_and_not_with_its_square(unit: str) -> None:
    """A megabyte that takes time in the square of its length would not end today."""
    text = unit * (1_000_000 // len(unit))
    assert isinstance(redact(text, ["plainword", "abcd" * 10]), str)
    assert len(classify((429, {}, text)).message) <= 300
