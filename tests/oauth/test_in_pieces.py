"""Logins whose callback somebody else receives, or the local server of the manager."""

from __future__ import annotations

import socket
from functools import partial
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest

from cbauth import ConfigError, LoginError
from cbauth.events import Event
from cbauth.oauth import OAuthManager
from tests.oauth.acme import SCOPES, Acme
from tests.support.identity import Client, faults
from tests.support.processes import eventually


def said(url: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


def told(manager: OAuthManager) -> list[str]:
    names: list[str] = []
    for name in ("auth:started", "auth:success", "auth:failed"):
        manager.on(name, lambda event: names.append(event.name))
    return names


def test_a_callback_is_handled_once(acme: Acme) -> None:
    manager = acme.manager()
    names = told(manager)
    landing = acme.identity.approve(manager.get_authorization_url("acme"))
    made = manager.handle_callback(landing)
    assert set(made.scopes) == set(SCOPES)
    assert manager.get_credential("acme") == made
    with pytest.raises(LoginError, match="start the login again") as caught:
        manager.handle_callback(landing)
    assert caught.value.error == "wrong_callback"
    assert names == ["auth:started", "auth:success"]
    assert acme.identity.asked() == 1


def test_code_and_state_are_exchanged_once(acme: Acme) -> None:
    manager = acme.manager()
    answer = said(acme.identity.approve(manager.get_authorization_url("acme")))
    assert manager.exchange_code("acme", answer["code"], answer["state"]).id == "acme"
    with pytest.raises(LoginError):
        manager.exchange_code("acme", answer["code"], answer["state"])
    assert acme.identity.asked() == 1


def test_a_wrong_state_exchanges_nothing_and_the_right_one_still_does(acme: Acme) -> None:
    manager = acme.manager()
    acme.configure(manager)
    manager.configure_provider("other", client_id="cbauth", issuer=acme.identity.issuer)
    answer = said(acme.identity.approve(manager.get_authorization_url("acme")))
    nothing = cast("str", None)
    for provider, code, state in [
        *(("acme", answer["code"], "another"), ("other", answer["code"], answer["state"])),
        *(("acme", answer["code"], nothing), ("acme", nothing, answer["state"]), ("acme", "", answer["state"])),
    ]:
        with pytest.raises(LoginError) as caught:
            manager.exchange_code(provider, code, state)
        assert caught.value.error == "wrong_callback"
    for url in ("", "x", "http://[", "http://127.0.0.1/callback?code=a&state=b", nothing):
        with pytest.raises(LoginError) as caught:
            manager.handle_callback(url)
        assert caught.value.error == "wrong_callback"
    with pytest.raises(ConfigError, match="did you mean acme"):
        manager.exchange_code("acne", "code", "state")
    assert acme.identity.asked() == 0
    assert manager.exchange_code("acme", answer["code"], answer["state"]).id == "acme"


def test_a_denial_and_a_refused_exchange_are_told_once_each(acme: Acme) -> None:
    manager = acme.manager()
    names = told(manager)
    with pytest.raises(LoginError, match="access_denied"):
        manager.handle_callback(acme.identity.approve(manager.get_authorization_url("acme"), deny=True))
    acme.identity.fail(faults.error("invalid_grant", "used before"))
    with pytest.raises(LoginError, match=r"invalid_grant \(used before\)"):
        manager.handle_callback(acme.identity.approve(manager.get_authorization_url("acme")))
    assert names == ["auth:started", "auth:failed"] * 2


def test_the_callback_of_a_login_object_finishes_that_login(acme: Acme) -> None:
    manager = acme.manager()
    login = manager.begin("acme")
    assert manager.handle_callback(acme.identity.approve(login.url)).id == "acme"
    assert login.done


def test_the_local_server_receives_one_callback_after_the_other_on_one_port(acme: Acme) -> None:
    manager = acme.manager()
    names = told(manager)
    uri = manager.start_local_server()
    assert manager.start_local_server() == uri
    for number in (1, 2):
        url = manager.get_authorization_url("acme")
        assert said(url)["redirect_uri"] == uri
        assert acme.identity.visit(url).status_code == 200
        assert eventually(partial(has, names, number))
        assert eventually(lambda: answers(uri) == 400)
    assert manager.get_credential("acme") is not None
    manager.stop_local_server()
    manager.stop_local_server()
    socket.create_server(("127.0.0.1", urlsplit(uri).port or 0)).close()
    assert names == ["auth:started", "auth:success"] * 2


def has(names: list[str], number: int) -> bool:
    return names.count("auth:success") == number


def answers(uri: str) -> int:
    from tests.oauth.wire import get

    try:
        return get(uri, code="c", state="nobody's").status
    except ConnectionError:
        return 0


def test_the_local_server_listens_where_the_provider_was_told_to_send_browsers(acme: Acme) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    uri = f"http://127.0.0.1:{port}/signed-in"
    fixed = Client(id=f"cbauth-{port}", method="none")
    acme.identity.add_client(fixed, uri)
    manager = acme.bare()
    acme.configure(manager, fixed, redirect_uri=uri)
    manager.configure_provider(
        "elsewhere", client_id="x", issuer=acme.identity.issuer, redirect_uri="http://127.0.0.1/x"
    )
    acme.configure(manager, fixed, redirect_uri=uri)
    assert manager.start_local_server() == uri
    names = told(manager)
    acme.identity.visit(manager.get_authorization_url("acme"))
    assert eventually(lambda: "auth:success" in names)
    assert said(manager.get_authorization_url("elsewhere"))["redirect_uri"] == "http://127.0.0.1/x"


def test_without_a_provider_the_local_server_listens_on_the_managers_port(acme: Acme) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        manager = acme.bare(port=port)
        with pytest.raises(LoginError) as caught:
            manager.start_local_server()
        assert caught.value.error == "port_in_use"
    assert manager.start_local_server() == f"http://127.0.0.1:{port}/callback"
    assert acme.bare().start_local_server().startswith("http://127.0.0.1:")


def test_a_denial_that_the_local_server_receives_is_told(acme: Acme) -> None:
    manager = acme.manager()
    failed: list[Event] = []
    manager.on("auth:failed", failed.append)
    manager.start_local_server()
    acme.identity.visit(manager.get_authorization_url("acme"), deny=True)
    assert eventually(lambda: failed)
    assert failed[0].error is not None
    assert failed[0].error.startswith("access_denied")


def test_what_nobody_finishes_is_told_to_have_ended(acme: Acme) -> None:
    manager = acme.manager(login_timeout=0)
    names = told(manager)
    landing = acme.identity.approve(manager.get_authorization_url("acme"))
    with pytest.raises(LoginError, match="start the login again"):
        manager.handle_callback(landing)
    manager.get_authorization_url("acme")
    assert names == ["auth:started", "auth:failed", "auth:started"]
    manager.close()
    assert names == ["auth:started", "auth:failed", "auth:started", "auth:failed"]


def test_closing_frees_the_port_of_the_local_server(acme: Acme) -> None:
    manager = acme.manager()
    uri = manager.start_local_server()
    manager.close()
    socket.create_server(("127.0.0.1", urlsplit(uri).port or 0)).close()
