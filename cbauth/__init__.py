"""cbauth: a working credential for every call, with failover when a key or a provider fails.

>>> import cbauth
>>> toolkit = cbauth.load("profiles.yaml")                      # doctest: +SKIP
>>> for attempt in toolkit.attempts("gpt-4o"):                  # doctest: +SKIP
...     with attempt as lease:
...         reply = call(lease.base_url, lease.token, lease.model)

Everything public is listed here by hand; each name loads its module when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what type checkers take for true; the real one would import typing, twice the cost of all else
if TYPE_CHECKING:
    from typing import Any

    from cbauth.config import load_plan
    from cbauth.errors import (
        AttemptRecord,
        AuthError,
        CbauthError,
        ConfigError,
        LoginError,
        LoginRequiredError,
        RefreshError,
        Refusal,
        StoreError,
        UnavailableError,
    )
    from cbauth.events import Event
    from cbauth.failover.lease import Lease
    from cbauth.failover.records import Candidate, Status
    from cbauth.managers import AuthProfile, AuthProfileManager, ModelProfile, ModelProfileManager, ProfileSelection
    from cbauth.oauth import Credential, OAuthManager, PKCEChallenge
    from cbauth.oauth.builtin import OAUTH_PROVIDERS
    from cbauth.oauth.device import DeviceAuthorization
    from cbauth.oauth.flow import Authorization
    from cbauth.outcomes import Outcome, classify
    from cbauth.plan import Plan, Policy
    from cbauth.singletons import (
        get_auth_profile_manager,
        get_model_profile_manager,
        get_oauth_manager,
        reset_auth_profile_manager,
        reset_model_profile_manager,
        reset_oauth_manager,
    )
    from cbauth.toolkit import Toolkit, load

__version__ = "0.1.0"

_HOMES = {
    "AttemptRecord": "errors",
    "AuthError": "errors",
    "AuthProfile": "managers",
    "AuthProfileManager": "managers",
    "Authorization": "oauth.flow",
    "Candidate": "failover.records",
    "CbauthError": "errors",
    "ConfigError": "errors",
    "Credential": "oauth",
    "DeviceAuthorization": "oauth.device",
    "Event": "events",
    "Lease": "failover.lease",
    "LoginError": "errors",
    "LoginRequiredError": "errors",
    "ModelProfile": "managers",
    "ModelProfileManager": "managers",
    "OAUTH_PROVIDERS": "oauth.builtin",
    "OAuthManager": "oauth",
    "Outcome": "outcomes",
    "PKCEChallenge": "oauth",
    "Plan": "plan",
    "Policy": "plan",
    "ProfileSelection": "managers",
    "RefreshError": "errors",
    "Refusal": "errors",
    "Status": "failover.records",
    "StoreError": "errors",
    "Toolkit": "toolkit",
    "UnavailableError": "errors",
    "classify": "outcomes",
    "get_auth_profile_manager": "singletons",
    "get_model_profile_manager": "singletons",
    "get_oauth_manager": "singletons",
    "load": "toolkit",
    "load_plan": "config",
    "reset_auth_profile_manager": "singletons",
    "reset_model_profile_manager": "singletons",
    "reset_oauth_manager": "singletons",
}

__all__ = [
    "OAUTH_PROVIDERS",
    "AttemptRecord",
    "AuthError",
    "AuthProfile",
    "AuthProfileManager",
    "Authorization",
    "Candidate",
    "CbauthError",
    "ConfigError",
    "Credential",
    "DeviceAuthorization",
    "Event",
    "Lease",
    "LoginError",
    "LoginRequiredError",
    "ModelProfile",
    "ModelProfileManager",
    "OAuthManager",
    "Outcome",
    "PKCEChallenge",
    "Plan",
    "Policy",
    "ProfileSelection",
    "RefreshError",
    "Refusal",
    "Status",
    "StoreError",
    "Toolkit",
    "UnavailableError",
    "__version__",
    "classify",
    "get_auth_profile_manager",
    "get_model_profile_manager",
    "get_oauth_manager",
    "load",
    "load_plan",
    "reset_auth_profile_manager",
    "reset_model_profile_manager",
    "reset_oauth_manager",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'cbauth' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"cbauth.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
