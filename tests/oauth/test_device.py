"""A login with a code that is typed on another device (RFC 8628)."""

from __future__ import annotations

from typing import Any

import pytest

from cbauth import LoginError
from tests.oauth.acme import SOON, Acme
from tests.support.identity import BASIC, PUBLIC, Client, faults
from tests.support.identity.faults import Fault

CODE: dict[str, object] = {"device_code": "d" * 20, "user_code": "AB-CD", "verification_uri": "http://127.0.0.1/device"}


@pytest.mark.parametrize("client", [PUBLIC, BASIC], ids=lambda client: client.id)
@pytest.mark.parametrize("complete", [False, True], ids=["typed", "opened"])
def test_a_code_that_is_approved_gives_a_login(acme: Acme, client: Client, complete: bool) -> None:
    login = acme.manager(client, sleep=None).begin_device("acme")
    if complete:
        assert login.verification_uri_complete is not None
        acme.identity.approve_device(login.verification_uri_complete)
    else:
        acme.identity.approve_device(login.verification_uri, login.user_code)
    made = login.wait(SOON)
    assert made.id == "acme"
    assert made.refreshable
    assert acme.identity.introspect(acme.managers[0].get_access_token("acme"))["active"]
    assert login.user_code in repr(login)


def test_a_denial_is_the_providers_own_error(acme: Acme) -> None:
    login = acme.manager(sleep=None).begin_device("acme")
    acme.identity.approve_device(login.verification_uri, login.user_code, deny=True)
    with pytest.raises(LoginError) as caught:
        login.wait(SOON)
    assert caught.value.error == "access_denied"


def test_each_question_waits_the_interval_and_slow_down_makes_it_longer_for_good(acme: Acme) -> None:
    slept: list[float] = []
    acme.identity.set_device_interval(3)
    for fault in (faults.error("authorization_pending"), faults.error("slow_down"), faults.error("expired_token")):
        acme.identity.fail(fault)
    acme.identity.fail(faults.error("authorization_pending"))
    login = acme.manager(sleep=slept.append).begin_device("acme")
    assert login.interval == 3
    with pytest.raises(LoginError) as caught:
        login.wait(SOON)
    assert caught.value.error == "expired_token"
    assert slept == [3, 3, 8]


def test_faults_that_pass_make_the_next_question_wait_longer_and_end_nothing(acme: Acme) -> None:
    slept: list[float] = []
    acme.identity.fail(faults.status(503, retry_after=20))
    acme.identity.fail(faults.cut())
    acme.identity.fail(faults.html(502))
    acme.identity.fail(faults.error("access_denied"))
    login = acme.manager(sleep=slept.append).begin_device("acme")
    with pytest.raises(LoginError, match="access_denied"):
        login.wait(SOON)
    assert slept == [1, 20, 2, 2]


def test_it_ends_with_its_code(acme: Acme) -> None:
    acme.identity.fail(faults.body({**CODE, "expires_in": 0.01}), endpoint="device_authorization")
    login = acme.manager(sleep=None).begin_device("acme")
    with pytest.raises(LoginError, match="the code has expired; start the login again") as caught:
        login.wait(SOON)
    assert caught.value.error == "expired_token"
    assert login.expires_at == acme.clock.now + 0.01
    assert acme.identity.asked() == 0


def test_it_can_be_cancelled_while_it_waits(acme: Acme) -> None:
    acme.identity.set_device_interval(60)
    login = acme.manager(sleep=None).begin_device("acme")
    login.cancel()
    assert login.done
    with pytest.raises(LoginError, match="cancelled"):
        login.wait()


CHANGES: list[tuple[dict[str, object], str]] = [
    ({"device_code": ""}, "lacks a code or a page"),
    ({"user_code": 5}, "lacks a code or a page"),
    ({"verification_uri": None}, "lacks a code or a page"),
    ({"user_code": "\x1b[2J"}, "none that a person could type"),
    ({"user_code": "9" * 101}, "none that a person could type"),
    ({"verification_uri": "http://attacker.example/"}, "has to begin with https"),
    ({"verification_uri_complete": "javascript:alert(1)"}, "has to be an https URL"),
]
AMISS: list[tuple[Fault, str, str]] = [
    (faults.error("invalid_scope", "no such scope"), "invalid_scope", "no such scope"),
    (faults.html(), "device_flow_failed", "something else than JSON"),
    (faults.status(503), "device_flow_failed", "something else than JSON"),
    (faults.body({}, status=500), "device_flow_failed", "HTTP 500"),
    (faults.body([]), "device_flow_failed", "HTTP 200"),
    (faults.cut(), "device_flow_failed", r"cannot be asked \(ConnectionError\)"),
    (faults.redirect("https://attacker.example/"), "device_flow_failed", r"cannot be asked \(TooManyRedirects\)"),
    (faults.truncated(), "device_flow_failed", "."),
    *((faults.body(CODE | change), "device_flow_failed", why) for change, why in CHANGES),
]


@pytest.mark.parametrize(("fault", "error", "why"), AMISS, ids=range(len(AMISS)))
def test_an_answer_amiss_is_one_clear_error_and_no_login_begins(acme: Acme, fault: Fault, error: str, why: str) -> None:
    acme.identity.fail(fault, times=2, endpoint="device_authorization")
    with pytest.raises(LoginError, match=why) as caught:
        acme.manager(PUBLIC).begin_device("acme")
    assert caught.value.error == error
    assert acme.identity.asked() == 0


@pytest.mark.parametrize(
    ("told", "interval", "life"),
    [({}, 5.0, 300.0), ({"interval": "2", "expires_in": "100"}, 2.0, 100.0), ({"interval": 1e9}, 60.0, 300.0)],
)
def test_the_pace_is_the_providers_within_reason(
    acme: Acme, told: dict[str, Any], interval: float, life: float
) -> None:
    acme.identity.fail(faults.body({**CODE, **told}), endpoint="device_authorization")
    login = acme.manager(sleep=None).begin_device("acme")
    assert (login.interval, login.expires_at) == (interval, acme.clock.now + life)


def test_the_verification_url_of_google_is_known(acme: Acme) -> None:
    told = {**CODE, "verification_url": CODE["verification_uri"], "verification_uri": None}
    acme.identity.fail(faults.body(told), endpoint="device_authorization")
    assert acme.manager(sleep=None).begin_device("acme").verification_uri == CODE["verification_uri"]


def test_a_confidential_client_is_told_apart_in_the_body_if_its_header_is_refused(acme: Acme) -> None:
    acme.identity.fail(faults.error("invalid_client", status=401), endpoint="device_authorization")
    login = acme.manager(BASIC, sleep=None).begin_device("acme")
    assert login.user_code
    first, second = acme.identity.exchanges("device_authorization")
    assert "authorization" in first.headers
    assert "authorization" not in second.headers
    acme.identity.fail(faults.error("invalid_client", status=401), times=2, endpoint="device_authorization")
    with pytest.raises(LoginError, match="invalid_client"):
        acme.managers[0].begin_device("acme")


def test_a_provider_without_it_says_what_to_do(acme: Acme) -> None:
    manager = acme.bare()
    endpoints: dict[str, Any] = {**acme.endpoints(), "issuer": None}
    acme.configure(manager, **endpoints | {"device_authorization_endpoint": None})
    with pytest.raises(LoginError, match=r"offers no login with a code; use `cbauth login acme`") as caught:
        manager.begin_device("acme")
    assert caught.value.error == "no_device_flow"
    acme.configure(manager, **endpoints | {"authorization_endpoint": None})
    with pytest.raises(LoginError, match=r"has no page to log in at; try `cbauth login acme --device`"):
        manager.begin("acme")
