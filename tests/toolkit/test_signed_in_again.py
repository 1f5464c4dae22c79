"""A login made anew ends the rest that the one before has earned, and no other."""

from __future__ import annotations

from typing import Any

import cbauth
from cbauth.stores.memory import MemoryStore
from tests.support.identity import PUBLIC, IdentityProvider

LOGIN = {"scopes": ["openid", "offline_access"], "extra_params": {"prompt": "consent"}}


def config(identity: IdentityProvider) -> dict[str, Any]:
    return {
        "version": 1,
        "credentials": {"store": "file"},
        "providers": {
            "acme": {
                "protocol": "openai",
                "base_url": "https://llm.acme.example/v1",
                "oauth": {"issuer": identity.issuer, "client_id": PUBLIC.id, **LOGIN},
            }
        },
        "profiles": {"me": {"provider": "acme", "oauth": {}}, "again": {"provider": "acme", "oauth": {}}},
    }


def resting(toolkit: cbauth.Toolkit) -> dict[str, str | None]:
    return {record.profile_id: record.last_kind for record in toolkit.status() if record.in_cooldown}


def log_in(toolkit: cbauth.Toolkit, identity: IdentityProvider) -> None:
    login = toolkit.oauth.begin("me")
    assert identity.visit(login.url).ok
    login.wait()


def test_profiles_that_share_the_login_answer_again_at_once(identity: IdentityProvider) -> None:
    seen: list[tuple[str, dict[str, str | None]]] = []
    with cbauth.load(config(identity), store=MemoryStore()) as toolkit:
        log_in(toolkit, identity)
        for profile_id in ("me", "again"):
            toolkit.profiles.mark_failed(profile_id, "401", kind="auth")
        assert resting(toolkit) == {"me": "auth", "again": "auth"}
        toolkit.on("auth:success", lambda event: seen.append((event.name, resting(toolkit))))
        log_in(toolkit, identity)
        assert seen == [("auth:success", {})], "it is over when the success is told"
        assert toolkit.acquire("m").profile_id == "me"


def test_a_rest_for_another_reason_goes_on(identity: IdentityProvider) -> None:
    with cbauth.load(config(identity), store=MemoryStore()) as toolkit:
        toolkit.profiles.mark_failed("me", "the account has no credit", kind="billing")
        log_in(toolkit, identity)
        assert resting(toolkit) == {"me": "billing"}
