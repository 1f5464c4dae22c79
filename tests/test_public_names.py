"""The public names, pinned: a name that comes, goes or moves is a decision, and this list is where it is made."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cbauth

PUBLIC = {
    "the toolkit": ["Toolkit", "load", "load_plan", "Plan", "Policy"],
    "what a call gets": ["Lease", "Candidate", "Status"],
    "the managers": ["AuthProfile", "AuthProfileManager", "ModelProfile", "ModelProfileManager", "ProfileSelection"],
    "logging in": [
        "OAUTH_PROVIDERS",
        "Authorization",
        "Credential",
        "DeviceAuthorization",
        "OAuthManager",
        "PKCEChallenge",
    ],
    "the singletons": [
        "get_auth_profile_manager",
        "get_model_profile_manager",
        "get_oauth_manager",
        "reset_auth_profile_manager",
        "reset_model_profile_manager",
        "reset_oauth_manager",
    ],
    "failures": ["Outcome", "classify", "AttemptRecord", "Refusal"],
    "events": ["Event"],
    "errors": [
        "AuthError",
        "CbauthError",
        "ConfigError",
        "LoginError",
        "LoginRequiredError",
        "RefreshError",
        "StoreError",
        "UnavailableError",
    ],
    "the version": ["__version__"],
}
NAMES = sorted(name for names in PUBLIC.values() for name in names)


def test_cbauth_offers_these_names_and_no_others() -> None:
    assert sorted(cbauth.__all__) == NAMES
    assert set(NAMES) <= set(dir(cbauth))


@pytest.mark.parametrize("name", NAMES)
def test_the_name_loads_when_it_is_asked_for(name: str) -> None:
    value = getattr(cbauth, name)
    assert getattr(value, "__name__", name) == name


def test_type_checkers_see_the_same_names_as_programs() -> None:
    tree = ast.parse(Path(cbauth.__file__).read_text("utf-8"))
    declared = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(NAMES) - {"__version__"} <= declared


def test_errors_share_one_root_and_catch_nothing_else() -> None:
    errors = [getattr(cbauth, name) for name in PUBLIC["errors"]]
    assert all(issubclass(error, cbauth.CbauthError) for error in errors)
    assert cbauth.CbauthError.__mro__[1] is Exception


def test_an_unknown_name_is_an_attribute_error_that_says_so() -> None:
    with pytest.raises(AttributeError, match="'cbauth' has no attribute 'lode'"):
        _ = cbauth.lode
