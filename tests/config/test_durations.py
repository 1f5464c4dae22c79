"""Durations: what people write, in seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbauth.config import check, compile_policy
from cbauth.config.schema.types import duration_text
from cbauth.errors import ConfigError

TEN_YEARS = 10 * 365 * 86400


def seconds(written: object) -> float:
    return compile_policy({"breaker": {"open_for": written}}).breaker.open_for


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("500ms", 0.5),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("2d", 172800.0),
        ("1h30m", 5400.0),
        ("1d2h3m4s5ms", 93784.005),
        ("1.5s", 1.5),
        ("0s", 0.0),
        (0, 0.0),
        (90, 90.0),
        (0.25, 0.25),
        (TEN_YEARS, float(TEN_YEARS)),
    ],
)
def test_a_duration_is_its_seconds(written: object, meant: float) -> None:
    assert seconds(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "s",
        "5",
        "5 m",
        "1m1h",
        "1h1h",
        "-5s",
        "+5s",
        "5w",
        "1e3s",
        "٣s",
        "5m ",
        "5m\n",
        "1,5s",
        ".5s",
        "9" * 300 + "d",
    ],
)
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ConfigError):
        seconds(written)


@pytest.mark.parametrize(
    "written", [-1, -0.001, TEN_YEARS + 1, float("nan"), float("inf"), float("-inf"), 10**400, True, [], {}, "3651d"]
)
def test_what_cannot_be_a_length_of_time_is_refused(written: object) -> None:
    with pytest.raises(ConfigError):
        seconds(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("5M", "5m"), ("1 hour", "1h"), ("10 secs", "10s"), ("3 days", "3d"), ("30", "30s"), ("2 min", "2m")],
)
def test_what_was_meant_is_suggested(written: str, meant: str) -> None:
    text = f'version: 1\nprofiles: {{a: {{provider: openai}}}}\npolicy: {{breaker: {{open_for: "{written}"}}}}\n'
    (problem,) = check(text)
    assert problem.help == f"did you mean `{meant}`?"


@given(st.integers(min_value=0, max_value=TEN_YEARS * 1000))
def test_every_duration_can_be_written_and_read_back(milliseconds: int) -> None:
    assert seconds(duration_text(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)
