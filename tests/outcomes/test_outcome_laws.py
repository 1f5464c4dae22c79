"""The laws of outcomes/classifier.py, outcomes/hints.py and outcomes/redaction.py, for any answer at all."""

from __future__ import annotations

from math import isfinite
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cbauth import classify
from cbauth.outcomes import KINDS, PROTOCOLS, Outcome, redact
from cbauth.outcomes.hints import hint, seconds

# Any machine may be slow.
at_leisure = settings(deadline=None)

WORDS = st.sampled_from(
    (
        *("error", "code", "type", "status", "message", "details", "reason", "metadata", "headers", "raw", "Error"),
        *("retry_after", "retryDelay", "ResponseMetadata", "insufficient_quota", "rate_limit_exceeded", "429", "nan"),
        *("RESOURCE_EXHAUSTED", "overloaded_error", "try again in 5s", "inf", "1e999", "6m0s", "-1", "\ud800"),
    )
)
NAMES = st.sampled_from(
    (
        *("Retry-After", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-remaining", "x-ratelimit-reset-tokens"),
        *("anthropic-ratelimit-requests-reset", "ratelimit-reset", "date"),
    )
)
VALUES = st.one_of(
    st.text(max_size=30),
    WORDS,
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT")),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(WORDS, st.text(max_size=5)), inner, max_size=4)
    ),
    max_leaves=12,
)
HEADERS = st.one_of(
    st.none(),
    st.dictionaries(st.one_of(NAMES, st.text(max_size=10)), st.one_of(VALUES, JSON), max_size=4),
    st.lists(st.tuples(st.one_of(NAMES, st.binary(max_size=5)), st.one_of(VALUES, st.binary(max_size=9))), max_size=4),
    JSON,
)
BODIES = st.one_of(JSON, st.binary(max_size=60), st.text(max_size=60), JSON.map(str))
STATUSES = st.one_of(st.integers(min_value=100, max_value=599), JSON)
ANSWERS = st.one_of(st.tuples(STATUSES, HEADERS, BODIES), JSON, st.lists(JSON, max_size=4).map(tuple))


class AcmeError(Exception):
    """An exception that carries whatever it is given."""

    def __init__(self, status: object, headers: object, body: object) -> None:
        super().__init__(body)
        self.status_code = status
        self.headers = headers
        self.body = body


def is_wait(wait: float | None) -> bool:
    return wait is None or (isinstance(wait, (int, float)) and isfinite(wait) and wait >= 0)


@at_leisure
@given(
    thing=st.one_of(ANSWERS, st.builds(AcmeError, STATUSES, HEADERS, BODIES)),
    protocol=st.sampled_from([None, *PROTOCOLS]),
)
def test_law_1_it_never_raises_and_gives_a_kind_a_usable_hint_and_a_short_line(
    thing: Any, protocol: str | None
) -> None:
    outcome = classify(thing, protocol=protocol)
    assert outcome.kind in KINDS
    assert is_wait(outcome.retry_after)
    assert len(outcome.message) <= 300
    assert outcome.message.isprintable()


@at_leisure
@given(
    status=st.integers(min_value=100, max_value=599),
    headers=HEADERS,
    body=BODIES,
    kind=st.sampled_from(KINDS),
    protocol=st.sampled_from([None, *PROTOCOLS]),
)
def test_law_2_the_users_rules_decide_before_the_built_in_ones(
    status: int, headers: Any, body: Any, kind: str, protocol: str | None
) -> None:
    answer = (status, headers, body)
    assert classify(answer, protocol=protocol, rules=[{"kind": kind}]).kind == kind
    for thing in (answer, AcmeError(*answer)):
        rules: list[dict[str, object]] = [{"status": classify(thing).status, "kind": kind}, {"kind": "server"}]
        assert classify(thing, protocol=protocol, rules=rules).kind == kind


@at_leisure
@given(ANSWERS)
def test_the_same_answer_always_means_the_same(thing: Any) -> None:
    one, other = classify(thing), classify(thing)
    assert (one.kind, one.message, one.status) == (other.kind, other.message, other.status)


@at_leisure
@given(VALUES | JSON, st.floats(min_value=0, max_value=1e11))
def test_a_hint_is_finite_and_never_negative(value: Any, now: float) -> None:
    assert is_wait(seconds(value, lambda: now))
    assert is_wait(hint({}, now=lambda: now, text=str(value)))
    assert is_wait(hint({}, now=lambda: now, waits=[("retry_after", value), ("retry_after_ms", value)]))


@at_leisure
@given(st.dictionaries(NAMES.map(str.lower), VALUES, max_size=5), st.floats(min_value=0, max_value=1e11))
def test_any_headers_give_a_finite_hint_or_none(headers: dict[str, str], now: float) -> None:
    assert is_wait(hint(headers, now=lambda: now))
    assert is_wait(hint({}, now=lambda: now, quoted=headers))


@at_leisure
@given(st.text(max_size=80), st.text(min_size=1, max_size=20), st.text(max_size=80))
def test_a_known_secret_goes_from_any_text(before: str, secret: str, after: str) -> None:
    shown = redact(before + secret + after, [secret])
    if len(secret) >= 4 and secret.isprintable() and secret.strip() == secret and secret not in "[redacted]":
        assert secret not in shown


@at_leisure
@given(st.text(max_size=200), st.lists(st.text(max_size=20), max_size=3))
def test_redacting_twice_changes_nothing_more(text: str, secrets: list[str]) -> None:
    shown = redact(text)
    assert redact(shown) == shown
    assert redact(text, secrets).isprintable()


@at_leisure
@given(st.sampled_from(KINDS), st.none() | st.floats(min_value=0, allow_infinity=False), st.text(max_size=9))
def test_an_outcome_passes_through_unchanged(kind: str, wait: float | None, message: str) -> None:
    outcome = Outcome(kind, wait, None, message)
    assert classify(outcome, rules=[{"kind": "server"}]) is outcome
