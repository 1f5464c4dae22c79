"""What can go wrong between here and the provider: each the right error, and the stored login untouched."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cbauth import LoginError, LoginRequiredError, RefreshError
from cbauth.oauth.client import Client as OAuthClient
from cbauth.oauth.endpoint import TokenEndpoint, TokenError
from tests.oauth.acme import LIFE, SOON, Acme
from tests.support.identity import PUBLIC, faults
from tests.support.identity.faults import Fault

TEMPORARY: list[tuple[Fault, str]] = [
    (faults.status(500), r"unavailable \(HTTP 500\)"),
    (faults.status(503, retry_after=3), r"unavailable \(HTTP 503\)"),
    (faults.status(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), r"unavailable \(HTTP 429\)"),
    (faults.error("invalid_grant", status=500), r"unavailable \(HTTP 500\)"),
    (faults.html(), "not_understood .*it is no JSON object"),
    (faults.html(502), r"unavailable \(HTTP 502\)"),
    (faults.truncated(), "unreachable|not_understood"),
    (faults.body([]), "not_understood .*it is no JSON object"),
    (faults.body("text"), "not_understood"),
    (faults.body({}), "not_understood .*no access token"),
    (faults.body({"access_token": "a\nb", "token_type": "bearer"}), "not_understood .*no header can carry"),
    (faults.body({"access_token": "a", "token_type": "mac"}), "not_understood .*of a type"),
    (faults.body({"access_token": "a", "refresh_token": 5}), "not_understood .*refresh token is no text"),
    (faults.cut(), "unreachable"),
    (faults.hang(0.01), "unreachable"),
    (faults.error("temporarily_unavailable"), "temporarily_unavailable"),
]
PERMANENT: list[tuple[Fault, str]] = [
    (faults.redirect("https://attacker.example/token"), "redirected .*leads elsewhere"),
    (faults.redirect("/token", 302), "redirected"),
    (faults.error("invalid_client", "who are you?", status=401), r"invalid_client \(who are you\?\)"),
    (faults.error("unauthorized_client"), "unauthorized_client"),
    (faults.status(403), r"refused \(HTTP 403\)"),
    (faults.status(404), r"refused \(HTTP 404\)"),
]


@pytest.mark.parametrize(("fault", "why"), TEMPORARY, ids=range(len(TEMPORARY)))
def test_a_fault_that_passes_is_temporary_and_tried_again(acme: Acme, fault: Fault, why: str) -> None:
    manager = acme.manager()
    acme.login(manager)
    content = acme.file().read_bytes()
    acme.clock.advance(LIFE)
    acme.identity.fail(fault, times=4)
    with pytest.raises(RefreshError, match=f"the token of acme cannot be refreshed: .*{why}") as caught:
        manager.get_access_token("acme")
    assert caught.value.temporary
    assert acme.identity.asked("refresh_token") == 4
    assert acme.file().read_bytes() == content
    assert manager.get_access_token("acme"), "the login is as good as before"


@pytest.mark.parametrize(("fault", "why"), PERMANENT, ids=range(len(PERMANENT)))
def test_a_fault_that_stays_is_not_tried_again_and_costs_no_login(acme: Acme, fault: Fault, why: str) -> None:
    manager = acme.manager()
    acme.login(manager)
    content = acme.file().read_bytes()
    acme.clock.advance(LIFE)
    acme.identity.fail(fault)
    with pytest.raises(RefreshError, match=why) as caught:
        manager.get_access_token("acme")
    assert not caught.value.temporary
    assert acme.identity.asked("refresh_token") == 1
    assert acme.file().read_bytes() == content
    assert manager.get_access_token("acme")


def test_a_fault_that_passes_is_not_noticed_and_retry_after_is_waited_for(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    acme.clock.advance(LIFE)
    acme.identity.fail(faults.status(429, retry_after=7))
    acme.identity.fail(faults.cut())
    assert manager.get_access_token("acme")
    first, second = acme.clock.slept
    assert first == 7
    assert 0 < second <= 1.5


def test_a_provider_that_asks_for_too_much_patience_is_not_waited_for(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    acme.clock.advance(LIFE)
    acme.identity.fail(faults.status(503, retry_after=3600))
    with pytest.raises(RefreshError) as caught:
        manager.get_access_token("acme")
    assert caught.value.temporary
    assert acme.clock.slept == []


@pytest.mark.parametrize("fault", [faults.lost(), faults.truncated(processed=True), faults.html(processed=True)])
def test_an_answer_that_was_lost_needs_a_login_if_the_provider_forgives_nothing(acme: Acme, fault: Fault) -> None:
    """The refresh token was used up; to ask again looks like theft to it. Nothing is deleted all the same."""
    manager = acme.manager()
    acme.login(manager)
    content = acme.file().read_bytes()
    acme.clock.advance(LIFE)
    acme.identity.fail(fault)
    with pytest.raises(LoginRequiredError, match="no longer accepts the login; run `cbauth login acme`"):
        manager.get_access_token("acme")
    assert acme.identity.asked("refresh_token") == 2
    assert acme.file().read_bytes() == content
    acme.login(manager)
    assert manager.get_access_token("acme")


def test_githubs_word_for_a_refused_refresh_token_is_known(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    acme.identity.fail(faults.error("bad_refresh_token", status=200))
    with pytest.raises(LoginRequiredError):
        manager.refresh_token("acme")


# at the exchange


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        *((faults.error("invalid_grant"), "invalid_grant"), (faults.status(500), "unavailable")),
        *((faults.html(), "not_understood"), (faults.body([]), "not_understood"), (faults.lost(), "unreachable")),
        *((faults.redirect("https://attacker.example/"), "redirected"), (faults.status(400), "refused")),
    ],
    ids=range(7),
)
def test_a_fault_at_the_exchange_ends_the_login_and_leaves_the_one_before(acme: Acme, fault: Fault, error: str) -> None:
    manager = acme.manager()
    acme.login(manager)
    content = acme.file().read_bytes()
    login = manager.begin("acme")
    acme.identity.fail(fault)
    acme.identity.visit(login.url)
    with pytest.raises(LoginError) as caught:
        login.wait(SOON)
    assert caught.value.error == error
    assert acme.file().read_bytes() == content
    assert acme.identity.asked("authorization_code") == 2


def test_a_code_that_was_used_before_is_refused_by_the_provider(acme: Acme) -> None:
    one, other = acme.manager(), acme.manager()
    acme.login(one)
    first = one.begin("acme")
    landing = acme.identity.approve(first.url)
    first.complete(landing)
    second = other.begin("acme")
    state = second.url.split("state=")[1].split("&")[0]
    old = landing.split("state=")[1].split("&")[0]
    replayed = landing.replace(f"state={old}", f"state={state}").replace(first.redirect_uri, second.redirect_uri)
    with pytest.raises(LoginError, match="invalid_grant"):
        second.complete(replayed)


def test_a_code_that_was_made_for_another_verifier_is_refused_by_the_provider(acme: Acme) -> None:
    manager = acme.manager()
    mine, theirs = manager.get_authorization_url("acme"), manager.get_authorization_url("acme")
    code = acme.identity.approve(theirs).split("code=")[1].split("&")[0]
    state = mine.split("state=")[1].split("&")[0]
    with pytest.raises(LoginError) as caught:
        manager.exchange_code("acme", code, state)
    assert caught.value.error == "invalid_grant"
    assert manager.list_credentials() == []


@pytest.mark.parametrize("issuer", ["https://attacker.example", "", "{issuer}/"])
def test_a_callback_of_another_issuer_is_refused_before_any_exchange(acme: Acme, issuer: str) -> None:
    login = acme.manager().begin("acme")
    landing = acme.identity.approve(login.url)
    forged = landing.partition("&iss=")[0] + "&iss=" + issuer.format(issuer=acme.identity.issuer)
    with pytest.raises(LoginError, match="comes from another issuer"):
        login.complete(forged)
    with pytest.raises(LoginError, match="does not name its issuer"):
        login.complete(landing.partition("&iss=")[0])
    assert acme.identity.asked() == 0
    assert login.complete(landing).id == "acme"


# with no answer at all


@contextmanager
def answering(*chunks: bytes, stays: bool = True) -> Iterator[str]:
    """A server that takes one request, says these, and then says nothing more."""
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                for chunk in chunks:
                    connection.sendall(chunk)
                if stays:
                    over.wait(SOON)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/token"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n"


@pytest.mark.parametrize("chunks", [(), (b"HTTP/1.1 200",), (HEAD, b"{")], ids=["silent", "head", "body"])
def test_who_says_nothing_is_not_waited_for_beyond_the_time_for_reading(chunks: tuple[bytes, ...]) -> None:
    with answering(*chunks) as url, pytest.raises(TokenError) as caught:
        TokenEndpoint(url, OAuthClient(id="x"), read=0.05).refresh("refresh")
    assert (caught.value.error, caught.value.temporary) in (("timeout", True), ("unreachable", True))


def test_an_answer_without_an_end_is_cut_off() -> None:
    with answering(HEAD, b" " * 2_000_000) as url, pytest.raises(TokenError) as caught:
        TokenEndpoint(url, OAuthClient(id="x"), read=5).refresh("refresh")
    assert caught.value.temporary


def test_nobody_there_is_temporary(acme: Acme) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/token"
    with pytest.raises(TokenError, match="unreachable") as caught:
        TokenEndpoint(url, OAuthClient(id=PUBLIC.id)).refresh("refresh")
    assert caught.value.temporary


def test_a_certificate_that_is_not_valid_is_no_passing_fault() -> None:
    with answering(b"this is no TLS\r\n", stays=False) as url, pytest.raises(TokenError) as caught:
        TokenEndpoint(url.replace("http:", "https:"), OAuthClient(id="x")).refresh("refresh")
    assert (caught.value.error, caught.value.temporary) == ("insecure", False)


def test_a_refresh_while_discovery_is_down_is_temporary(acme: Acme) -> None:
    acme.login(acme.manager())
    acme.clock.advance(LIFE)
    acme.identity.fail(faults.status(503), times=2, endpoint="discovery")
    with pytest.raises(RefreshError, match="cannot be refreshed") as caught:
        acme.manager().get_access_token("acme")
    assert caught.value.temporary
