"""Did you mean: misspelt words are recognised, and a suggestion never costs much."""

from __future__ import annotations

import time

import pytest

from cbauth.config import check
from cbauth.config.diagnostics import MOST
from cbauth.config.loading import check_text
from cbauth.config.suggest import nearest

KEYS = ("api_key", "base_url", "models", "priority", "provider", "weight")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("API_KEY", "api_key"),
        ("api-key", "api_key"),
        ("apiKey", "api_key"),
        ("API Key", "api_key"),
        ("priorty", "priority"),
        ("pirority", "priority"),
        ("baseurl", "base_url"),
        ("modles", "models"),
        ("zebra", None),
        ("", None),
        ("x" * 1000, None),
    ],
)
def test_the_nearest_word_is_found_whatever_its_spelling_convention(written: str, meant: str | None) -> None:
    assert nearest(written, KEYS) == meant


def test_nothing_to_choose_from_gives_nothing() -> None:
    assert nearest("models", ()) is None


def test_a_hundred_thousand_misspelt_words_stay_cheap() -> None:
    providers = "".join(f"  q{i}: {{protocol: openai}}\n" for i in range(400))
    profiles = "".join(f"  p{i}: {{provider: qq{i}x, priorty{i}: 1}}\n" for i in range(15000))
    started = time.process_time()
    problems = check(f"version: 1\nproviders:\n{providers}profiles:\n{profiles}")
    assert len(problems) == 2 * MOST  # the schema's and the rules'
    assert time.process_time() - started < 20  # without a budget it would take many minutes
    assert problems[1].help == "did you mean `priority`?"


@pytest.mark.parametrize(
    ("key", "value", "help"),
    [
        ("priority", "'10'", "write it without quotes"),
        ("priority", "high", "write a number, without quotes"),
        ("enabled", "maybe", "write `true` or `false`, without quotes"),
    ],
)
def test_text_in_the_place_of_something_else_is_told_what_to_write(key: str, value: str, help: str) -> None:
    text = f"version: 1\nprofiles:\n  a: {{provider: openai, {key}: {value}}}\n"
    assert [each.help for each in check_text(text, None).diagnostics] == [help]
