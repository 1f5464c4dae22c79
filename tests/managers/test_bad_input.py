"""Whatever is handed in, the answer is one clear ConfigError that says what to give instead."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from cbauth import AuthProfile, AuthProfileManager, ConfigError, ModelProfile, ModelProfileManager, StoreError

A: Any = AuthProfile(id="a", provider="acme", type="api-key", credentials={"api_key": "k"})
M: Any = ModelProfile("a", "A", "acme", "none")


def auth(*args: Any, **kwargs: Any) -> Any:
    return AuthProfileManager(*args, **kwargs)


def model(*args: Any, **kwargs: Any) -> Any:
    return ModelProfileManager(*args, **kwargs)


def wrong_profile(*args: Any) -> AuthProfile:
    return AuthProfile(*args)


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda: auth(5), "profiles has to be a list, not int"),
        (lambda: auth([A], clock=5), "clock has to be a function"),
        (lambda: auth([A], store=object()), "is no store"),
        (lambda: auth([A], policy=[]), "policy cannot be a list"),
        (lambda: auth([A]).get_next_profile(5), "session_id has to be a name, not int"),
        (lambda: auth([A]).release_session(""), "session_id has to be a name, not empty text"),
        (lambda: auth([A]).get_profile_for_session([]), "session_id has to be a name, not list"),
        (lambda: auth([A]).mark_failed(A, "boom"), "profile_id has to be a name, not AuthProfile: give its id, 'a'"),
        (lambda: auth([A]).mark_success([]), "profile_id has to be a name, not list"),
        (lambda: auth([A]).mark_failed("a", "boom", retry_after=math.nan), "retry_after is seconds"),
        (lambda: auth([A]).mark_failed("a", "boom", retry_after="5"), "retry_after is seconds"),
        (lambda: ModelProfile("a", "A", "acme", "none", models=M), "models has to be a list"),
        (lambda: ModelProfile("a", "A", "acme", "none", base_url=M), "base_url has to be a name"),
        (lambda: ModelProfile("a", "A", "acme", "none", enabled=M), "enabled has to be true or false"),
        (lambda: auth([A]).add_profile(M), "expected a AuthProfile, got ModelProfile"),
        (lambda: wrong_profile("a", "acme", "api-key", {}, 0, None), "metadata has to be a mapping"),
        (lambda: wrong_profile("a", "acme", "api-key", {}, math.inf), "priority has to be a number"),
        (lambda: model([M]).select_profile(5), "preferred_model has to be a name, not int"),
        (lambda: model([M]).get_next_available_profile("a", 5), "preferred_model has to be a name, not int"),
        (lambda: model([M]).profile_supports_model("a", "m"), "expected a ModelProfile, got str"),
        (lambda: model([M]).profile_supports_model(M, None), "model has to be a name, not NoneType"),
        (lambda: model([M]).is_profile_ready("a"), "expected a ModelProfile, got str"),
        (lambda: model([M]).record_failure(M), "give its id, 'a'"),
        (lambda: model([M]).enable_profile(None), "profile_id has to be a name, not NoneType"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(act: Callable[[], object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        act()


def test_a_store_may_be_named() -> None:
    assert auth([A], store="memory").get_next_profile() is A
    with pytest.raises(StoreError, match="sqlite:PATH"):
        auth([A], store="postgres")
