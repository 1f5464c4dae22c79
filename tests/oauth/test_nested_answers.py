"""Answers that are nested without end: no parser falls over, no door lets its error through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from cbauth import AuthError, OAuthManager, RefreshError
from cbauth.oauth import Credential

HERE = "https://login.acme.example"
NESTED = "[" * 100_000
GOOD = {"access_token": "token-1", "refresh_token": "refresh-1", "expires_in": 3600}


@pytest.fixture
def provider() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as provider:
        for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/me"):
            provider.get(HERE + path, body=NESTED)
        provider.post(f"{HERE}/device", body=NESTED)
        yield provider


@pytest.fixture
def manager() -> OAuthManager:
    manager = OAuthManager(sleep=lambda seconds: None)
    endpoints = {"authorization": "auth", "token": "token", "device_authorization": "device", "userinfo": "me"}
    given = {f"{kind}_endpoint": f"{HERE}/{path}" for kind, path in endpoints.items()}
    manager.configure_provider("acme", client_id="cbauth", **given)
    manager.configure_provider("asks", client_id="cbauth", issuer=HERE)
    return manager


def log_in(manager: OAuthManager) -> Credential:
    state = parse_qs(urlsplit(manager.get_authorization_url("acme")).query)["state"][0]
    return manager.exchange_code("acme", "code-1", state)


DOORS: dict[str, Callable[[OAuthManager], object]] = {
    "exchange": log_in,
    "refresh": lambda manager: manager.refresh_token("acme"),
    "user info": lambda manager: manager.fetch_user_info("acme"),
    "discovery": lambda manager: manager.begin("asks"),
    "device": lambda manager: manager.begin_device("acme"),
}


@pytest.mark.parametrize("door", DOORS)
def test_each_is_an_error_of_ours_and_the_login_stays(
    provider: responses.RequestsMock, manager: OAuthManager, door: str
) -> None:
    if door != "exchange":
        provider.post(f"{HERE}/token", json=GOOD)
        log_in(manager)
        provider.remove(responses.POST, f"{HERE}/token")
    provider.post(f"{HERE}/token", body=NESTED)
    told: list[str] = []
    manager.on("auth:failed", lambda event: told.append(event.name))
    with pytest.raises(AuthError) as caught:
        DOORS[door](manager)
    assert not isinstance(caught.value, RefreshError) or caught.value.temporary
    assert (told == ["auth:failed"]) is (door == "exchange")
    assert (manager.get_credential("acme") is not None) is (door != "exchange")
