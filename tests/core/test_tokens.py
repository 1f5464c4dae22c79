"""What a token endpoint may answer, and for how long that is good."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbauth.core.tokens import TokenResponse, expired, lifetime, read_error, read_tokens, renew_at

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *((3600, 3600.0), (3599.5, 3599.5), ("3600", 3600.0), (" 60 ", 60.0), ("1e3", 1000.0), (1e300, 315360000.0)),
        *((None, None), (0, None), ("0", None), (-1, None), ("soon", None), ("", None), (True, None), ([], None)),
        *((math.nan, None), (math.inf, None), ("nan", None), ("inf", None), (10**400, 315360000.0), ({}, None)),
    ],
)
def test_a_lifetime_is_seconds_or_unknown(value: object, seconds: float | None) -> None:
    assert lifetime(value) == seconds


@pytest.mark.parametrize(
    ("life", "before", "ahead"),
    [(3600.0, 300.0, 300.0), (600.0, 300.0, 60.0), (60.0, 300.0, 6.0), (86400.0, 60.0, 60.0), (None, 300.0, 300.0)],
)
def test_a_token_is_renewed_ahead_but_never_by_more_than_a_tenth(
    life: float | None, before: float, ahead: float
) -> None:
    assert renew_at(NOW + 3600, life, before) == NOW + 3600 - ahead


def test_a_token_that_does_not_say_when_it_ends_is_never_renewed_ahead_and_never_expired() -> None:
    assert renew_at(None, None) == math.inf
    assert not expired(None, NOW, NOW + 1e9)


def test_a_token_has_expired_at_its_end_and_when_it_comes_from_the_future() -> None:
    assert not expired(NOW + 10, NOW, NOW + 9)
    assert expired(NOW + 10, NOW, NOW + 10)
    assert expired(NOW + 7200, NOW + 3600, NOW), "the clock was set back since it was received"
    assert not expired(NOW + 7200, NOW + 30, NOW), "a small correction is none"


def test_a_full_answer_is_read() -> None:
    data = {
        "access_token": "at",
        "refresh_token": "rt",
        "expires_in": "60",
        "scope": "openid  email openid",
        "token_type": "bearer",
        "id_token": "x.y.z",
    }
    assert read_tokens(data)._asdict() == {
        "access_token": "at",
        "refresh_token": "rt",
        "lifetime": 60.0,
        "scopes": ("openid", "email"),
        "extra": {"id_token": "x.y.z"},
    }


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [(None, ("a", "b")), ("", ()), ("a,b", ("a", "b")), (["c"], ("c",)), (7, ("a", "b")), ([7], ("a", "b"))],
)
def test_scopes_that_are_not_told_are_those_that_were_asked_for(scope: object, scopes: tuple[str, ...]) -> None:
    data: dict[str, Any] = {"access_token": "at"}
    if scope is not None:
        data["scope"] = scope
    assert read_tokens(data, ["a", "b"]).scopes == scopes


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ([], "no JSON object"),
        (None, "no JSON object"),
        ({}, "no access token"),
        ({"access_token": ""}, "no access token"),
        ({"access_token": 5}, "no access token"),
        ({"access_token": "canary\r\nX: y"}, "characters"),
        ({"access_token": "canary \N{SNOWMAN}"}, "characters"),
        ({"access_token": "x" * 20_000}, "too long"),
        ({"access_token": "canary", "token_type": "DPoP"}, "of a type"),
        ({"access_token": "canary", "token_type": 3}, "of a type"),
        ({"access_token": "canary", "refresh_token": ["canary"]}, "refresh token"),
    ],
)
def test_an_answer_of_another_shape_is_refused_and_not_quoted(data: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        read_tokens(data)
    assert "canary" not in str(raised.value)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda s: st.dictionaries(st.text(), s)))
def test_whatever_else_is_answered_is_refused_by_a_value_error(data: object) -> None:
    with pytest.raises(ValueError, match=r"it has|it is|its"):
        read_tokens(data)
    assert read_error(data) is None or isinstance(data, dict)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"error": "invalid_grant"}, ("invalid_grant", "")),
        ({"error": "x", "error_description": "why"}, ("x", "why")),
        ({"error": "x" * 999, "error_description": "y" * 999}, ("x" * 100, "y" * 300)),
        ({"error": {"code": 1}}, None),
        ({"error": ""}, None),
        ("error", None),
    ],
)
def test_a_provider_s_error_is_read(data: object, said: tuple[str, str] | None) -> None:
    assert read_error(data) == said


def test_tokens_show_in_no_text_and_are_not_pickled() -> None:
    tokens = TokenResponse("canary", "canary", 60.0, ("a",), {"id_token": "canary"})
    assert "canary" not in f"{tokens!r} {tokens}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(tokens)
