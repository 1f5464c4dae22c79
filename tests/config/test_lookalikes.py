"""Characters that look like ASCII ones are told from those, with the word that was probably meant."""

from __future__ import annotations

import pytest

from cbauth.config import check, load_plan
from cbauth.config.rules.lookalikes import twin
from cbauth.errors import ConfigError

HEAD = "version: 1\nprofiles:\n"


@pytest.mark.parametrize(
    ("char", "ascii_char"),
    [
        ("\u0430", "a"),
        ("\u0410", "A"),
        ("\u03bf", "o"),
        ("\uff47", "g"),
        ("\U0001d41a", "a"),
        ("\u2013", "-"),
        ("\u201c", '"'),
        ("\u00a0", " "),
        ("\uff1a", ":"),
        ("\u00e9", None),
        ("\u6a21", None),
        ("\u0434", None),
        ("\u00bd", None),
    ],
)
def test_the_twin_of_a_character(char: str, ascii_char: str | None) -> None:
    assert twin(char) == ascii_char


@pytest.mark.parametrize(
    ("lines", "message", "help_text"),
    [
        (
            "  a: {provider: openai, \u0430pi_key: env:KEY}",
            "character 1 is U+0430, which only looks like `a`",
            "`api_key`",
        ),
        ("  a: {provider: \u201copenai\u201d}", 'character 1 is U+201C, which only looks like `"`', "`openai`"),
        ("  a: {provider: openai, models: [gpt\u20114o]}", "character 4 is U+2011", "`gpt-4o`"),
        ("  my\u00a0key: {provider: openai}", "character 3 is U+00A0, which only looks like a space", "`my key`"),
        ("  a: {provider: ope\u1fefnai}", "character 4 is U+1FEF, which only looks like a back-quote", "did you mean"),
    ],
)
def test_it_is_named_with_its_place_and_the_plain_word(lines: str, message: str, help_text: str) -> None:
    (found,) = check(f"{HEAD}{lines}\n")
    assert found.code == "CBA120"
    assert message in found.message
    assert help_text in (found.help or "")


@pytest.mark.parametrize(
    "lines",
    [
        "  a: {provider: openai, api_key: env\uff1aCANARY}",
        '  a: {provider: openai, base_url: "https://C\u0410NARY.example"}',
    ],
)
def test_in_a_field_that_may_hold_a_secret_nothing_is_repeated(lines: str) -> None:
    (found,) = check(f"{HEAD}{lines}\n")
    assert found.code == "CBA120"
    assert "CANARY" not in repr(found)
    assert "U+" not in found.message


def test_a_literal_key_is_a_secret_first() -> None:
    (found,) = check(f"{HEAD}  a: {{provider: openai, api_key: CAN\u0410RY}}\n")
    assert found.code == "CBA301"


@pytest.mark.parametrize(
    "lines",
    [
        "  a: {provider: openai, metadata: {\u0430: \u0430, note: \u201cquoted\u201d}}",
        "  a: {provider: openai, x-\u0430: {\u0430: \u0430}}",
        "  a: {provider: ollama, models: [\u043c\u043e\u0434\u0435\u043b\u044c, caf\u00e9]}",
    ],
)
def test_a_persons_own_words_may_be_of_any_alphabet(lines: str) -> None:
    assert check(f"{HEAD}{lines}\n") == []


def test_a_mapping_is_looked_at_as_well() -> None:
    with pytest.raises(ConfigError) as raised:
        load_plan({"version": 1, "profiles": {"a": {"provider": "\u043epenai"}}})
    assert [(found.code, found.key) for found in raised.value.diagnostics] == [("CBA120", "profiles.a.provider")]
