"""Keys, credentials in URLs and authorization headers are errors wherever they stand."""

from __future__ import annotations

import pytest

from cbauth.config import check


def codes(keys: str) -> list[str]:
    return [found.code for found in check(f"version: 1\nprofiles:\n  a: {{provider: openai, {keys}}}\n")]


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("metadata: {authorization: abc}", "CBA305"),
        ("metadata: {Proxy-Authorization: abc}", "CBA305"),
        ("metadata: {X_API_KEY: abc}", "CBA305"),
        ("x-note: {x-goog-api-key: abc}", "CBA305"),
        ("x-note: 'Bearer abcdefg1'", "CBA305"),
        ("x-note: 'Authorization: basic YWJjOmRlZg=='", "CBA305"),
        ('x-note: "\\x42earer abcdefg1"', "CBA305"),
        ("metadata: {db: 'postgres://u:p@h/x'}", "CBA302"),
        ("x-url: 'https://h/?access_token=12345678'", "CBA302"),
        ("x-url: 'https://h/?a=1&api-key=12345678'", "CBA302"),
        ('x-url: "https://h/?a=1\\u0026api-key=12345678"', "CBA302"),
        ("base_url: 'https://user:pw@h.example'", "CBA302"),
        ("base_url: 'https://h.example/v1?key=12345678'", "CBA302"),
        ("base_url: 'https://token@h.example'", "CBA302"),
        ("api_key: plain-words", "CBA301"),
        ("api_key: env:sk-abcdefghijklmnopqrstuvwx", "CBA301"),
        ("metadata: {a: 'hf_abcdefghijklmnopqrstuvwx'}", "CBA301"),
        ("metadata: {api_key: hunter2abcdef}", "CBA301"),
        ("metadata: {password: hunter2}", "CBA301"),
        ("metadata: {'db-Passphrase' : \"hunter2\"}", "CBA301"),
        ("metadata: {team secret: 'hunter2'}", "CBA301"),
        ('metadata: {"pass\\x77ord": hunter2}', "CBA301"),
        ("x-note: {deep: [{accessToken: hunter2}]}", "CBA301"),
    ],
)
def test_this_is_a_secret(keys: str, code: str) -> None:
    assert codes(keys) == [code]


@pytest.mark.parametrize(
    "keys",
    [
        "metadata: {authorization: 'env:NAME'}",
        "metadata: {team: basic research}",
        "metadata: {team: bearer of news}",
        "metadata: {cookie: ' '}",
        "metadata: {password: ' '}",
        "metadata: {password: 'env:NAME', api_key: keyring:x, secret: '${NAME}', token: '<yours>'}",
        "metadata: {max_tokens: many, secretary: jane, tokenizer: cl100k, keyboard: de}",
        "metadata: {mail: me@example.com}",
        "metadata: {docs: 'https://h.example/?page=12345678#token=x'}",
        "base_url: 'https://h.example/@user/v1'",
    ],
)
def test_this_is_none(keys: str) -> None:
    assert codes(keys) == []


def test_a_rule_may_repeat_what_providers_say() -> None:
    rule = "classify: [{provider: openai, match: 'Bearer abcdefg1', kind: auth}]\n"
    assert check(f"version: 1\nprofiles: {{a: {{provider: openai}}}}\n{rule}") == []


def test_a_parameter_of_a_login_may_be_one() -> None:
    text = """\
version: 1
providers:
  acme:
    protocol: openai
    oauth:
      issuer: https://login.acme.example
      client_id: mine
      client_secret: env:ACME
      extra_params: {client_secret: hunter2abcdef, api_key: hunter2, prompt: consent}
profiles: {a: {provider: acme, oauth: {}}}
"""
    assert [(found.code, found.key) for found in check(text)] == [
        ("CBA301", "providers.acme.oauth.extra_params.client_secret"),
        ("CBA301", "providers.acme.oauth.extra_params.api_key"),
    ]


@pytest.mark.parametrize("before", ["", "x-note: a #  no comment\n", "x-note: |\n  # a text\n"])
def test_a_comment_may_hold_one(before: str) -> None:
    secret = "sk-0123456789abcdefghijklmnop"
    [found] = check(f"version: 1\n{before}profiles: {{a: {{provider: openai}}}}  # once {secret}\n")
    assert (found.code, found.line, found.column) == ("CBA301", 2 + before.count("\n"), 36)
    assert secret not in repr(found)


def test_a_comment_after_a_text_that_looks_like_one_may_hold_one_too() -> None:
    [found] = check(
        'version: 1\nx-note: ["a # b"] # sk-0123456789abcdefghijklmnop\nprofiles: {a: {provider: openai}}\n'
    )
    assert (found.code, found.line, found.column) == ("CBA301", 2, 19)


def test_what_is_no_comment_is_told_once() -> None:
    text = "x-note: |\n  # sk-0123456789abcdefghijklmnop\nversion: 1\nprofiles: {a: {provider: openai}}\n"
    assert [(found.code, found.line) for found in check(text)] == [("CBA301", 1)]
