"""When to come back: every form a provider writes it in, and what is no hint at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import inf, nan
from types import SimpleNamespace

import pytest

from cbauth import classify
from cbauth.outcomes.hints import hint, seconds

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def now() -> float:
    return NOW


def moment(wait: float) -> datetime:
    return datetime.fromtimestamp(NOW + wait, UTC)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7", 7),
        (" 7.5 ", 7.5),
        ("0", 0),
        (7, 7),
        (0.25, 0.25),
        ("6m0s", 360),
        ("1s", 1),
        ("12ms", 0.012),
        ("1.5h", 5400),
        ("1m2.5s", 62.5),
        ("2 hours and 5 minutes", 7500),
        ("3 days", 259_200),
        ("34.07s", 34.07),
        ("812µs", 0.000812),
        ("5ns", 5e-9),
        (format_datetime(moment(90), usegmt=True), 90),
        ("Sunday, 01-Mar-26 12:01:30 GMT", 90),  # RFC 850, which RFC 9110 still lets a server send
        (moment(30).isoformat(), 30),
        ("2026-03-01T12:00:30Z", 30),
        ("2026-03-01T12:00:30", 30),
        ("2026-03-01T13:00:30+01:00", 30),
        (format_datetime(moment(-90), usegmt=True), 0),
        (timedelta(minutes=2), 120),
        (SimpleNamespace(seconds=34, nanos=70_000_000), 34.07),
        (SimpleNamespace(seconds=34), 34),
    ],
)
def test_a_wait_is_read_in_every_form(value: object, wait: float) -> None:
    assert seconds(value, now) == pytest.approx(wait)


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            True,
            "",
            " ",
            "soon",
            "nan",
            "inf",
            "-inf",
            "NaN",
            "1e5",
            "-5",
            "+5",
            "0x10",
            "٣",
            "1_000",
            "5 apples",
        ),
        *(nan, inf, -inf, -1, -0.5, 10**400, "9" * 16, "5s" * 40, [], {}, b"7", object(), "Sun, 32 Mar 2026 99:99 GMT"),
        *("2026-13-45T00:00:00Z", "0000-00-00T00:00:00Z", "Mon, 01 Jan 99999999 00:00:00 GMT"),
        *(timedelta(seconds=-1), SimpleNamespace(seconds=-3, nanos=0), SimpleNamespace(seconds="3", nanos=0)),
    ],
    ids=lambda value: repr(value)[:30].partition(" at ")[0],
)
def test_nonsense_is_no_hint(value: object) -> None:
    assert seconds(value, now) is None


class TestOrder:
    def test_the_milliseconds_of_the_provider_come_before_its_seconds(self) -> None:
        assert hint({"retry-after": "2", "retry-after-ms": "1500"}, now=now) == 1.5

    def test_headers_come_before_fields_and_fields_before_words(self) -> None:
        text = "Please try again in 3s."
        assert hint({"retry-after": "1"}, now=now, waits=[("retry_after", 2)], text=text) == 1
        assert hint({}, now=now, waits=[("retry_after", 2)], text=text) == 2
        assert hint({}, now=now, text=text) == 3

    def test_a_header_that_is_nonsense_leaves_the_word_to_the_next(self) -> None:
        assert hint({"retry-after": "soon"}, now=now, text="Please try again in 3s.") == 3

    def test_headers_that_a_gateway_quotes_count_after_its_own(self) -> None:
        quoted = {"retry-after": "9"}
        assert hint({}, now=now, quoted=quoted) == 9
        assert hint({"retry-after": "4"}, now=now, quoted=quoted) == 4


class TestMoments:
    def test_are_told_from_the_date_of_the_answer(self) -> None:
        away = format_datetime(moment(-3600), usegmt=True)
        assert hint({"date": away, "retry-after": format_datetime(moment(-3540), usegmt=True)}, now=now) == 60

    def test_are_told_from_this_clock_where_the_answer_has_no_date_or_none_that_can_be_read(self) -> None:
        in_a_minute = format_datetime(moment(60), usegmt=True)
        assert hint({"retry-after": in_a_minute}, now=now) == 60
        assert hint({"retry-after": in_a_minute, "date": "today"}, now=now) == 60


class TestBuckets:
    @pytest.mark.parametrize(
        ("reset", "wait"),
        [
            ("6m0s", 360),
            ("12ms", 0.012),
            ("30", 30),
            (str(int(NOW) + 30), 30),
            (str(int(NOW) * 1000 + 30_500), 30.5),
            ("2026-03-01T12:00:30Z", 30),
            ("9" * 15, None),
            ("soon", None),
        ],
    )
    def test_a_reset_is_a_length_or_a_moment_in_seconds_or_in_milliseconds(
        self, reset: str, wait: float | None
    ) -> None:
        assert hint({"x-ratelimit-reset": reset}, now=now) == pytest.approx(wait)

    def test_only_the_empty_ones_count_and_of_them_the_last(self) -> None:
        headers = {
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "2s",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "7s",
            "x-ratelimit-remaining-days": "12",
            "x-ratelimit-reset-days": "9h",
            "x-ratelimit-reset-nobody-knows": "8h",
        }
        assert hint(headers, now=now) == 7

    def test_those_that_nobody_counts_are_better_than_none(self) -> None:
        headers = {"x-ratelimit-reset-requests": "2s", "x-ratelimit-reset-tokens": "7s"}
        assert hint(headers, now=now) == 7
        assert hint({**headers, "x-ratelimit-remaining-tokens": "soon"}, now=now) == 7

    def test_those_that_are_full_or_filled_again_are_no_hint(self) -> None:
        assert hint({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "60"}, now=now) is None
        assert hint({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"}, now=now) is None
        assert hint({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) - 5)}, now=now) is None

    def test_anthropic_names_them_in_its_own_way(self) -> None:
        headers = {
            "anthropic-ratelimit-input-tokens-remaining": "0",
            "anthropic-ratelimit-input-tokens-reset": "2026-03-01T12:00:20Z",
            "anthropic-ratelimit-requests-remaining": "40",
            "anthropic-ratelimit-requests-reset": "2026-03-01T12:09:00Z",
        }
        assert hint(headers, now=now) == 20

    def test_they_say_nothing_about_a_server_that_broke(self) -> None:
        headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7s"}
        assert classify((429, headers, b"")).retry_after == 7
        assert classify((500, headers, b"")).retry_after is None
        assert classify((500, headers, b""), rules=[{"status": 500, "kind": "overloaded"}]).retry_after == 7


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("Please try again in 7.66s. Visit our page.", 7.66),
        ("Please try again in 1m2.5s.", 62.5),
        ("Please try again in 20ms.", 0.02),
        ("Try again in 5 minutes", 300),
        ("Please retry in 34.074824224s.", 34.074824224),
        ("Please retry after 30 seconds.", 30),
        ("Retry after: 30s", 30),
        ("retry in 12", 12),
        ("Please wait 48 seconds before retrying", 48),
        ("Please wait for another 2 hours, 5 minutes", 7500),
        ("Your limit resets in about 3 hours.", 10_800),
        ("You will regain access on 2026-03-02 at 00:00 UTC.", 43_200),
        ("You will regain access on 2026-02-02 at 00:00 UTC.", 0),
        ("You will regain access on 2026-99-99 at 00:00 UTC.", None),
        ("Retry with gpt-4 in 2024", None),
        ("Limit: 10000 / min. Current: 20000 / min.", None),
        ("I waited 5 seconds", None),
        ("try again in 5 smiles", None),
        ("try again later", None),
    ],
)
def test_words_say_when(text: str, wait: float | None) -> None:
    assert hint({}, now=now, text=text) == pytest.approx(wait)


@pytest.mark.parametrize(
    ("body", "wait"),
    [
        ({"error": {"message": "slow", "retry_after": 3}}, 3),
        ({"message": "slow", "retry_after": "2.5"}, 2.5),
        ({"message": "slow", "retry_after_ms": 250}, 0.25),
        ({"error": {"message": "slow", "metadata": {"retry_after_seconds": 11}}}, 11),
        ({"error": {"message": "slow", "metadata": {"headers": {"Retry-After": "9"}}}}, 9),
        ({"error": {"message": "slow", "retry_after": float("nan")}}, None),
        ({"error": {"message": "slow", "retry_after": -3}}, None),
        ({"error": {"message": "slow", "retry_after": True}}, None),
        ({"error": {"message": "slow", "retry_after": {"seconds": 3}}}, None),
    ],
)
def test_fields_of_the_body_say_when(body: dict[str, object], wait: float | None) -> None:
    assert classify((429, {}, body)).retry_after == pytest.approx(wait)


def test_headers_may_be_bytes_lists_numbers_or_pairs() -> None:
    for headers in (
        {b"Retry-After": b"7"},
        {"RETRY-AFTER": ["7", "9"]},
        {"retry-after": 7},
        [("Retry-After", "7"), ("Retry-After", "9")],
        [(b"retry-after", b"7")],
    ):
        assert classify((429, headers, b"")).retry_after == 7
