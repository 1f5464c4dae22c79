"""The login as a state machine, at the real identity provider, with no notebook around it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

import cbauth
from cbauth.secrets import Secret
from cbauth.widgets import LoginButton
from cbauth.widgets.controller import LoginController
from cbauth.widgets.states import LoginState, standing
from tests.notebooks.conftest import Policy
from tests.support.identity import IdentityProvider, faults

LIMIT = 30.0


@dataclass
class Person:
    """Somebody in front of a controller whose work is done when this person says so."""

    toolkit: cbauth.Toolkit
    remote: bool = False
    tasks: list[Callable[[], object]] = field(default_factory=list)
    changes: int = 0

    def __post_init__(self) -> None:
        self.login = LoginController(
            self.toolkit.oauth,
            "me",
            "Acme",
            clock=time.time,
            remote=self.remote,
            submit=self.tasks.append,
            changed=self.changed,
        )
        self.stop = self.toolkit.on("*", self.login.heard)

    def changed(self) -> None:
        self.changes += 1

    def work(self) -> None:
        """Do what has been submitted."""
        while self.tasks:
            self.tasks.pop(0)()

    @property
    def state(self) -> str:
        return str(self.login.snapshot().state)

    def until(self, state: LoginState) -> None:
        """Look at it until that is its state."""
        ends = time.monotonic() + LIMIT
        while self.state != str(state):
            assert time.monotonic() < ends, f"it is {self.state}, not {state}"
            self.work()
            self.login.look()

    def click(self) -> str:
        """Click, and have it done; the link."""
        self.login.click()
        self.work()
        offer = self.login.snapshot().offer
        assert offer is not None, self.login.snapshot()
        return offer.url


@pytest.fixture
def toolkit(policy: Policy) -> Iterator[cbauth.Toolkit]:
    with cbauth.load(policy.path) as toolkit:
        yield toolkit


@pytest.fixture
def person(toolkit: cbauth.Toolkit) -> Iterator[Person]:
    somebody = Person(toolkit)
    somebody.login.look()
    yield somebody
    somebody.login.close()


def test_a_login_goes_from_signed_out_over_starting_and_waiting_to_signed_in(
    person: Person, identity: IdentityProvider
) -> None:
    assert person.state == "signed out"
    person.login.click()
    assert person.state == "starting"
    person.work()
    shown = person.login.snapshot()
    assert shown.state is LoginState.WAITING
    assert shown.offer is not None
    assert shown.until is not None
    identity.visit(shown.offer.url)
    person.until(LoginState.SIGNED_IN)
    shown = person.login.snapshot()
    assert shown.offer is None
    assert "Signed in to Acme as person-" in shown.sentence
    assert not shown.needs_login


def test_clicks_that_queued_up_start_one_login(person: Person, identity: IdentityProvider) -> None:
    for _ in range(3):
        person.login.click()
    person.work()
    person.login.click()
    person.work()
    assert len(identity.exchanges("discovery")) == 1
    first = person.click()
    assert person.click() == first


def test_clicks_from_many_threads_start_one_login(person: Person) -> None:
    threads = [threading.Thread(target=person.login.click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(person.tasks) == 1


def test_a_wrong_paste_is_explained_and_the_login_waits_on(person: Person, identity: IdentityProvider) -> None:
    landing = identity.approve(person.click())
    for wrong, why in [
        ("  ", "Nothing was pasted"),
        ("hello", "That address does not begin with http://127.0.0.1; copy the whole address"),
        (landing.replace("state=", "state=x"), "That belongs to another login"),
        (person.click(), "This is an address of the sign-in page: paste the one that the browser shows after"),
    ]:
        person.login.paste(Secret(wrong))
        person.work()
        shown = person.login.snapshot()
        assert shown.state is LoginState.WAITING
        assert shown.offer is not None
        assert why in shown.problem
    person.login.paste(Secret(f'"{landing}".'))
    person.work()
    assert person.login.snapshot().offer is None
    person.until(LoginState.SIGNED_IN)
    assert identity.granted("authorization_code") == 1


def test_pasting_without_a_login_changes_nothing(person: Person) -> None:
    person.login.paste(Secret("http://127.0.0.1/callback?code=a&state=b"))
    assert person.tasks == []
    assert person.state == "signed out"


def test_a_second_paste_of_the_same_address_is_no_problem(person: Person, identity: IdentityProvider) -> None:
    landing = identity.approve(person.click())
    person.login.paste(Secret(landing))
    person.login.paste(Secret(landing))
    person.until(LoginState.SIGNED_IN)


def test_cancelling_ends_the_login_and_frees_its_port(person: Person, identity: IdentityProvider) -> None:
    landing = identity.approve(person.click())
    person.login.cancel()
    assert person.state == "cancelled"
    assert person.login.snapshot().offer is None
    person.work()
    person.login.paste(Secret(landing))
    person.work()
    assert person.state == "cancelled"
    assert identity.asked("authorization_code") == 0
    person.click()
    assert person.state == "waiting"


def test_a_login_that_was_cancelled_before_it_began_never_begins(person: Person, identity: IdentityProvider) -> None:
    person.login.click()
    person.login.cancel()
    person.work()
    assert person.state == "cancelled"
    assert identity.exchanges() == []


def test_a_denied_login_says_why_and_what_to_do(person: Person, identity: IdentityProvider) -> None:
    identity.visit(person.click(), deny=True)
    person.until(LoginState.FAILED)
    assert person.login.snapshot().problem == "The person said no (access_denied). Sign in again to try once more."


def test_a_provider_that_cannot_be_asked_is_told(person: Person, identity: IdentityProvider) -> None:
    identity.fail(faults.status(500), times=9, endpoint="discovery")
    person.login.click()
    person.work()
    shown = person.login.snapshot()
    assert shown.state is LoginState.FAILED
    assert shown.problem.endswith("Sign in again to try once more.")


def test_a_remote_kernel_gets_a_code(toolkit: cbauth.Toolkit, identity: IdentityProvider) -> None:
    person = Person(toolkit, remote=True)
    page = person.click()
    offer = person.login.snapshot().offer
    assert offer is not None
    assert offer.user_code
    assert not offer.pastes
    assert offer.user_code not in repr(person.login.snapshot())
    assert page not in repr(offer)
    identity.approve_device(page)
    person.until(LoginState.SIGNED_IN)


def test_a_code_that_nobody_types_times_out(toolkit: cbauth.Toolkit, identity: IdentityProvider) -> None:
    person = Person(toolkit, remote=True)
    person.click()
    identity.expire(identity.secrets()["device_code"][-1])
    person.until(LoginState.TIMED_OUT)
    assert person.login.snapshot().offer is None


def test_without_codes_a_remote_kernel_gets_the_link(policy: Policy, identity: IdentityProvider) -> None:
    text = policy.text.replace(
        f"issuer: {identity.issuer}",
        "\n      ".join(
            [f"authorization_endpoint: {identity.url('authorization')}", f"token_endpoint: {identity.url('token')}"]
        ),
    )
    policy.path.write_text(text, "utf-8")
    with cbauth.load(policy.path) as toolkit:
        person = Person(toolkit, remote=True)
        assert person.click().startswith(identity.url("authorization"))
        person.login.close()


def test_any_other_refusal_of_a_code_is_a_failure(toolkit: cbauth.Toolkit, identity: IdentityProvider) -> None:
    identity.fail(faults.error("unauthorized_client", "no codes for you"), endpoint="device_authorization")
    person = Person(toolkit, remote=True)
    person.login.click()
    person.work()
    assert person.state == "failed"
    assert "No codes for you (unauthorized_client)." in person.login.snapshot().problem


def test_a_login_begun_elsewhere_in_the_program_is_followed(person: Person, identity: IdentityProvider) -> None:
    other = person.toolkit.oauth.begin("me")
    assert person.state == "waiting"
    assert person.login.snapshot().offer is None
    person.login.click()  # there is one on its way
    identity.visit(other.url)
    other.wait(LIMIT)
    person.until(LoginState.SIGNED_IN)


def test_a_login_begun_elsewhere_that_fails_is_told(person: Person) -> None:
    other = person.toolkit.oauth.begin("me")
    other.cancel()
    assert person.state == "failed"
    assert "cancelled" in person.login.snapshot().problem


def test_a_login_begun_elsewhere_takes_the_place_of_ours(person: Person) -> None:
    person.click()
    other = person.toolkit.oauth.begin("me")
    person.until(LoginState.CANCELLED)
    other.cancel()


def test_a_login_that_somebody_else_makes_mends_a_failure(person: Person, identity: IdentityProvider) -> None:
    """Another process perhaps, of which there are no events."""
    identity.visit(person.click(), deny=True)
    person.until(LoginState.FAILED)
    person.stop()
    other = person.toolkit.oauth.begin("me")
    identity.visit(other.url)
    other.wait(LIMIT)
    person.until(LoginState.SIGNED_IN)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("cancelled", "The new login was cancelled."),
        ("denied", "The new login to Acme has failed. The person said no (access_denied). Sign in again to"),
        ("late", "Nobody has finished the new login in time; sign in again."),
    ],
)
def test_a_new_login_in_vain_leaves_one_signed_in_and_is_told(
    state: str, told: str, toolkit: cbauth.Toolkit, identity: IdentityProvider
) -> None:
    person = Person(toolkit, remote=state == "late")
    earlier = toolkit.oauth.begin("me")
    identity.visit(earlier.url)
    earlier.wait(LIMIT)
    person.until(LoginState.SIGNED_IN)
    before = person.login.snapshot()
    url = person.click()
    assert person.state == "waiting"
    if state == "cancelled":
        person.login.cancel()
    elif state == "denied":
        identity.visit(url, deny=True)
    else:
        identity.expire(identity.secrets()["device_code"][-1])
    person.until(LoginState.SIGNED_IN)
    shown = person.login.snapshot()
    assert (shown.sentence, shown.until) == (before.sentence, before.until)
    assert shown.problem.startswith(told)
    assert not shown.needs_login
    assert shown.offer is None
    person.stop()
    later = toolkit.oauth.begin("me")  # in another process perhaps
    identity.visit(later.url)
    later.wait(LIMIT)
    person.login.look()
    assert person.login.snapshot().problem == ""


@pytest.mark.parametrize(
    ("wanted", "told"), [("b@acme.example", True), ("ME@acme.example", False), ("person-7", False), (None, False)]
)
def test_the_login_of_another_account_than_the_file_names_is_told(
    wanted: str | None, told: bool, policy: Policy, identity: IdentityProvider
) -> None:
    """Where both are addresses: a label in the file names nobody whom the provider knows."""
    login = f"oauth: {{account: {wanted}}}" if wanted else "oauth: {}"
    policy.path.write_text(re.sub(r"oauth: \{account: [^}]+\}", login, policy.text), "utf-8")
    with cbauth.load(policy.path) as toolkit:
        begun = toolkit.oauth.begin("me")
        identity.visit(begun.url, account="me@acme.example")
        begun.wait(LIMIT)
        button = LoginButton(toolkit, "me")
        assert ("The file names another account, b@acme.example: sign in again with" in repr(button)) is told
        assert button.state == "signed in"
        toolkit.oauth.logout("me")


def test_logging_out_elsewhere_is_seen(person: Person, identity: IdentityProvider) -> None:
    identity.visit(person.click())
    person.until(LoginState.SIGNED_IN)
    person.toolkit.oauth.logout("me")
    person.until(LoginState.SIGNED_OUT)


def test_closing_cancels_what_is_on_its_way_and_starts_nothing_more(person: Person, identity: IdentityProvider) -> None:
    landing = identity.approve(person.click())
    person.login.close()
    person.login.click()
    assert person.tasks == []
    with pytest.raises(cbauth.LoginError):
        person.toolkit.oauth.handle_callback(landing)


@dataclass
class Stored:
    expires_at: float | None = None
    lifetime: float | None = 3600.0
    refreshable: bool = False
    account: str | None = "me@acme.example"


@pytest.mark.parametrize(
    ("login", "state", "said"),
    [
        (None, LoginState.SIGNED_OUT, "Nobody is signed in to Acme."),
        (Stored(), LoginState.SIGNED_IN, "Signed in to Acme as me@acme.example."),
        (Stored(account=None), LoginState.SIGNED_IN, "Signed in to Acme."),
        (Stored(5000.0), LoginState.SIGNED_IN, "Signed in to Acme as me@acme.example until "),
        (Stored(5000.0, refreshable=True), LoginState.SIGNED_IN, "and renews itself."),
        (Stored(900.0, refreshable=True), LoginState.SIGNED_IN, "the token has ended and renews itself."),
        (Stored(1200.0), LoginState.EXPIRING, "sign in again before that."),
        (Stored(1200.0, lifetime=600.0), LoginState.SIGNED_IN, "until"),
        (Stored(1050.0, lifetime=600.0), LoginState.EXPIRING, "only until"),
        (Stored(1200.0, lifetime=None), LoginState.EXPIRING, "only until"),
        (Stored(1000.0), LoginState.EXPIRED, "The login to Acme ended at "),
    ],
)
def test_a_stored_login_stands_as_its_times_say(login: Stored | None, state: LoginState, said: str) -> None:
    shown, sentence, _ = standing(login, "Acme", 1000.0)
    assert shown is state
    assert said in sentence
