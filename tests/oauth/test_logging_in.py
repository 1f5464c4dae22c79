"""A login with a browser, end to end: begun, approved, received or pasted, exchanged, stored."""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from cbauth import AuthError, ConfigError, LoginError, LoginRequiredError
from tests.oauth.acme import LIFE, SCOPES, SOON, Acme
from tests.oauth.wire import get
from tests.support.identity import BASIC, POST, PUBLIC, Client, faults


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def asked_for(url: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize("client", [PUBLIC, BASIC, POST], ids=lambda client: client.id)
@pytest.mark.parametrize("explicit", [False, True], ids=["discovery", "endpoints"])
def test_a_login_gives_a_token_that_works_and_is_stored(acme: Acme, client: Client, explicit: bool) -> None:
    manager = acme.bare()
    acme.configure(manager, client, **({"issuer": None, **acme.endpoints()} if explicit else {}))
    made = acme.login(manager)
    assert (made.id, made.provider_id, made.account) == ("acme", "acme", "me@acme.example")
    assert set(made.scopes) == set(SCOPES)
    assert made.expires_at == acme.clock.now + LIFE
    token = manager.get_access_token("acme")
    assert acme.identity.introspect(token)["active"]
    assert manager.get_credential("acme") == made
    assert manager.list_credentials() == [made]
    assert manager.fetch_user_info("acme")["email"] == "me@acme.example"
    (exchange,) = [each for each in acme.identity.exchanges("token") if each.status == 200]
    assert exchange.client == client.id
    assert ("authorization" in exchange.headers) is (client is not PUBLIC)
    assert exchange.parameters.get("client_id", client.id) == client.id
    acme.clock.advance(LIFE)
    assert manager.get_access_token("acme") != token
    assert manager.logout("acme")
    assert not acme.identity.introspect(token)["active"]


def test_a_provider_that_refuses_the_header_is_told_the_secret_in_the_body_and_that_is_remembered(acme: Acme) -> None:
    manager = acme.manager(POST)
    acme.identity.fail(faults.error("invalid_client", status=401))
    acme.login(manager)
    manager.refresh_token("acme")
    told = [("authorization" in each.headers, each.status) for each in acme.identity.exchanges("token")]
    assert told == [(True, None), (False, 200), (False, 200)]


def test_a_wrong_secret_is_the_providers_own_error(acme: Acme) -> None:
    manager = acme.bare()
    acme.configure(manager, BASIC, client_secret="wrong")
    login = manager.begin("acme")
    acme.identity.visit(login.url)
    with pytest.raises(LoginError) as caught:
        login.wait(SOON)
    assert caught.value.error == "invalid_client"
    assert acme.identity.asked() == 2


def test_the_request_is_as_rfc_7636_and_8252_want_it_and_extra_params_are_in_it(acme: Acme) -> None:
    manager = acme.manager()
    first, second = (manager.begin("acme") for _ in range(2))
    one, two = asked_for(first.url), asked_for(second.url)
    assert one["response_type"] == "code"
    assert one["code_challenge_method"] == "S256"
    assert one["prompt"] == "consent"
    assert one["scope"] == " ".join(SCOPES)
    assert one["redirect_uri"] == first.redirect_uri
    assert first.redirect_uri.startswith("http://127.0.0.1:")
    assert first.redirect_uri.endswith("/callback")
    assert one["state"] != two["state"]
    assert one["code_challenge"] != two["code_challenge"]


def test_a_denial_is_the_providers_own_error(acme: Acme) -> None:
    login = acme.manager().begin("acme")
    acme.identity.visit(login.url, deny=True)
    with pytest.raises(LoginError) as caught:
        login.wait(SOON)
    assert caught.value.error == "access_denied"
    with pytest.raises(LoginRequiredError) as required:
        acme.managers[0].get_access_token("acme")
    assert required.value.command == "cbauth login acme"


def test_a_registered_port_is_used_and_of_a_list_the_first_that_is_free(acme: Acme) -> None:
    ports = free_port(), free_port()
    uris = [f"http://127.0.0.1:{port}/callback" for port in ports]
    acme.identity.add_client(Client(id="cbauth-two-ports", method="none"), *uris)
    manager = acme.bare()
    client = Client(id="cbauth-two-ports", method="none")
    acme.configure(manager, client, redirect_uri=uris)
    with socket.create_server(("127.0.0.1", ports[0])):
        assert manager.begin("acme").redirect_uri == uris[1]
    login = manager.begin("acme")
    assert login.redirect_uri == uris[0]
    acme.identity.visit(login.url)
    assert login.wait(SOON).refreshable


def test_a_port_in_use_says_so_and_what_else_there_is(acme: Acme) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        manager = acme.manager(port=taken.getsockname()[1])
        with pytest.raises(
            LoginError, match=r"port \d+ of 127\.0\.0\.1 cannot be had.*another registered.*--device"
        ) as caught:
            manager.begin("acme")
    assert caught.value.error == "port_in_use"
    assert manager.begin("acme").redirect_uri.endswith(f":{taken_port(caught.value)}/callback")


def taken_port(error: LoginError) -> str:
    return error.description.split("port ")[1].split(" ")[0]


def test_beginning_again_on_a_fixed_port_takes_the_place_of_the_first_login(acme: Acme) -> None:
    manager = acme.manager(port=free_port())
    first, second = manager.begin("acme"), manager.begin("acme")
    assert first.redirect_uri == second.redirect_uri
    with pytest.raises(LoginError, match="cancelled"):
        first.wait(SOON)
    acme.identity.visit(second.url)
    assert second.wait(SOON).id == "acme"


def test_the_address_can_be_pasted_instead_with_blanks_around_it(acme: Acme) -> None:
    login = acme.manager().begin("acme")
    landing = acme.identity.approve(login.url)
    assert login.complete(f"  {landing}\n").id == "acme"
    assert login.wait(0).id == "acme"
    with pytest.raises(LoginError, match="has had its answer"):
        login.complete(landing)
    assert acme.identity.asked("authorization_code") == 1


@pytest.mark.parametrize(
    "wrapped", ['"{}"', "'{}'", "<{}>", "{}.", "\u201c{}\u201d.", "(<{}>),", " `{}` \n"], ids=lambda text: ascii(text)
)
def test_the_address_may_be_wrapped_as_in_a_message(wrapped: str, acme: Acme) -> None:
    login = acme.manager().begin("acme")
    assert login.complete(wrapped.format(acme.identity.approve(login.url))).id == "acme"


@pytest.mark.parametrize(
    ("registered", "pasted"), [("127.0.0.1", "localhost"), ("127.0.0.1", "[::1]"), ("localhost", "127.0.0.1")]
)
def test_any_name_of_this_machine_will_do_in_a_pasted_address(registered: str, pasted: str, acme: Acme) -> None:
    manager = acme.manager()
    client = Client(id=f"at-{registered}", method="none")
    acme.identity.add_client(client, f"http://{registered}/callback", any_port=True)
    acme.configure(manager, client, redirect_uri=f"http://{registered}/callback")
    login = manager.begin("acme")
    landing = acme.identity.approve(login.url)
    assert f"//{registered}:" in landing
    assert login.complete(landing.replace(registered, pasted, 1)).id == "acme"


def test_an_address_of_the_sign_in_page_is_told_apart(acme: Acme) -> None:
    login = acme.manager().begin("acme")
    with pytest.raises(LoginError, match="the sign-in page: paste the one that the browser shows after signing in"):
        login.complete(login.url)
    login.cancel()


def test_a_wrong_address_is_refused_and_the_login_goes_on(acme: Acme) -> None:
    login, nothing = acme.manager().begin("acme"), cast("str", None)
    landing = acme.identity.approve(login.url)
    wrong = [
        *("", "code", "http://[", landing.replace("state=", "state=x"), landing.replace("/callback", "/other")),
        *(landing.replace("http:", "https:"), landing.replace("127.0.0.1", "attacker.example"), landing + "&code=1"),
        *(landing.replace("code=", "cod="), landing.replace("iss=http", "iss=https"), landing.partition("&iss")[0]),
        *(f"{landing} x", landing + "\u00e4", landing.replace("127.0.0.1", "x@localhost", 1)),
        *(landing.replace("127.0.0.1", "localhost.example", 1), landing.replace("127.0.0.1", "127.0.0.1.example", 1)),
        landing.replace("127.0.0.1", "localhost", 1).replace("state=", "state=x"),
        re.sub(r":[0-9]+/callback", ":1/callback", landing.replace("127.0.0.1", "localhost", 1)),
    ]
    for url in wrong:
        with pytest.raises(LoginError) as caught:
            login.complete(url)
        assert caught.value.error == "wrong_callback", url
    with pytest.raises(LoginError, match="give the address as text, not NoneType"):
        login.complete(nothing)
    assert acme.identity.asked() == 0
    assert login.complete(landing).id == "acme"


def test_the_listener_and_a_pasted_address_race_and_the_code_is_exchanged_once(acme: Acme) -> None:
    manager = acme.manager()
    for _ in range(5):
        login = manager.begin("acme")
        landing = acme.identity.approve(login.url)
        query = {name: value for name, (value,) in parse_qs(urlsplit(landing).query).items()}

        def received(uri: str = login.redirect_uri, query: dict[str, str] = query) -> None:
            try:
                get(uri, **query)
            except (AssertionError, ConnectionError):
                return  # it was pasted before

        with ThreadPoolExecutor(2) as threads:
            listener, pasted = threads.submit(received), threads.submit(login.complete, landing)
        listener.result()
        assert isinstance(pasted.exception(), LoginError | None)
        assert login.wait(SOON).id == "acme"
    assert acme.identity.asked("authorization_code") == 5


def test_a_login_that_nobody_finishes_ends_in_time_and_says_so(acme: Acme) -> None:
    manager = acme.manager(login_timeout=0.05)
    login = manager.begin("acme")
    assert login.expires_at == acme.clock.now + 0.05
    for timeout in (None, 0.0):
        with pytest.raises(LoginError, match="nobody has finished the login in time; start it again") as caught:
            login.wait(timeout)
        assert caught.value.error == "timeout"


def test_whoever_waits_no_longer_leaves_the_login_as_it_is_and_may_wait_again(acme: Acme) -> None:
    login = acme.manager().begin("acme")
    for _ in range(2):
        with pytest.raises(LoginError) as caught:
            login.wait(0.01)
        assert caught.value.error == "timeout"
        assert not login.done
    assert acme.identity.visit(login.url).ok
    assert login.wait(SOON).id == "acme"


@pytest.mark.parametrize("timeout", ["soon", -1, float("nan")])
def test_a_patience_that_is_no_length_of_time_is_refused(acme: Acme, timeout: Any) -> None:
    login = acme.manager().begin("acme")
    with pytest.raises(ConfigError, match="timeout has to be a number of seconds"):
        login.wait(timeout)
    assert not login.done


def test_an_address_for_a_login_that_was_cancelled_says_that_it_was(acme: Acme) -> None:
    login = acme.manager().begin("acme")
    landing = acme.identity.approve(login.url)
    login.cancel()
    with pytest.raises(LoginError) as caught:
        login.complete(landing)
    assert caught.value.error == "cancelled"


def test_a_new_login_replaces_the_one_before(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    login = manager.begin("acme")
    acme.identity.visit(login.url, account="anna@acme.example")
    assert login.wait(SOON).account == "anna@acme.example"
    assert [each.account for each in manager.list_credentials()] == ["anna@acme.example"]


def test_user_info_renews_a_token_that_is_refused_once(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    acme.identity.expire(manager.get_access_token("acme"))
    assert manager.fetch_user_info("acme")["sub"] == "me@acme.example"
    assert acme.identity.asked("refresh_token") == 1


def test_user_info_that_is_refused_for_good_is_one_clear_error(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    acme.identity.fail(faults.status(403), times=2, endpoint="userinfo")
    with pytest.raises(AuthError, match=r"the token is not accepted \(HTTP 403\)"):
        manager.fetch_user_info("acme")


def test_logging_out_revokes_forgets_and_may_be_repeated(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    token = manager.get_access_token("acme")
    assert manager.logout("acme")
    assert not manager.logout("acme")
    assert manager.get_credential("acme") is None
    assert not acme.identity.introspect(token)["active"]
    assert len(acme.identity.exchanges("revocation")) == 1
    with pytest.raises(LoginRequiredError):
        manager.get_access_token("acme")


def test_logging_out_without_revoking_leaves_the_provider_alone(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    assert manager.logout("acme", revoke=False)
    assert acme.identity.exchanges("revocation") == []
