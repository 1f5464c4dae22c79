"""The views and their widgets, with no front-end: threads, listeners, updates, faults, and what no trait may hold."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import re
import threading
import weakref
from functools import partial
from typing import Any

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

import cbauth
from cbauth.stores.memory import MemoryStore
from cbauth.widgets import LoginButton, LoginPanel, StatusView, Timeline
from tests.notebooks.conftest import Policy
from tests.support.identity import IdentityProvider
from tests.support.notebooks import strays
from tests.support.notebooks.person import Person, wait

BUTTON = partial(LoginButton, profile_id="me")


def threads() -> list[str]:
    """The threads of the views."""
    names = [each.name for each in threading.enumerate()]
    return sorted(name for name in names if name.startswith(("cbauth Login", "cbauth Status", "cbauth watches")))


def fail(toolkit: cbauth.Toolkit, message: str = "nobody listens") -> None:
    """A call that fails on ``fast`` and is answered by ``spare``."""
    for attempt in toolkit.attempts("m"):
        with attempt as lease:
            assert lease.token == ""
            if lease.profile_id == "fast":
                raise ConnectionRefusedError(message)


# signing in


def test_a_login_by_the_link(button: Person, identity: IdentityProvider) -> None:
    button.says("me · ○ signed out · Nobody is signed in to Acme.")
    button.press("Sign in to Acme")
    assert button.link().startswith(identity.issuer)
    assert 'target="_blank" rel="noopener noreferrer"' in button.html()
    button.sign_in()
    button.says("● signed in")
    assert "href" not in button.html()
    assert button.view.state == "signed in"
    wait(lambda: [w for w in button.widgets() if getattr(w, "description", "") == "Sign in again to Acme"])


def test_a_login_by_the_box(button: Person, identity: IdentityProvider) -> None:
    button.press("Sign in to Acme")
    button.paste("http://127.0.0.1/nothing")
    button.says("The login waits on.")
    button.press("Continue")  # which sends what stands in the box first
    assert "Nothing was pasted" not in button.text()
    button.press("Continue")
    button.says("Nothing was pasted")
    button.paste(button.approve())
    button.says("● signed in")
    assert identity.granted("authorization_code") == 1


def test_three_clicks_start_one_login(button: Person, identity: IdentityProvider) -> None:
    control = next(each for each in button.widgets() if getattr(each, "description", "") == "Sign in to Acme")
    for _ in range(3):
        control.click()
    link = button.link()
    button.press("Cancel")
    button.says("cancelled")
    assert len(identity.exchanges("discovery")) == 1
    assert "href" not in button.html()
    button.press("Sign in to Acme")
    assert button.link() != link


def test_a_panel_has_a_row_for_each_profile_that_signs_in_and_follows_the_file(
    toolkit: cbauth.Toolkit, policy: Policy, identity: IdentityProvider
) -> None:
    panel = Person(LoginPanel(toolkit), identity.issuer)
    panel.says("0 of 1 profile is signed in.")
    rows = [each for each in panel.widgets() if isinstance(each, ipywidgets.Button)]
    policy.edit("  fast: {", "  you: {provider: acme, oauth: {account: you}}\n  fast: {")
    toolkit.reload()
    panel.says("you · ○ signed out")
    panel.says("0 of 2 profiles are signed in.")
    assert set(rows) <= set(panel.widgets())  # nothing was built anew
    assert panel.html().count('role="status"') == 1
    panel.press("Sign in to Acme (me)")
    panel.sign_in()
    panel.says("1 of 2 profiles are signed in.")
    before = len(_instances)
    policy.path.write_text(policy.text.replace("oauth: {account", "api_key: env:KEY, metadata: {account"), "utf-8")
    toolkit.reload()
    panel.says("No profile of this policy signs in.")
    wait(lambda: len(_instances) < before)


def test_two_logins_of_a_panel_are_told_apart_by_ear(
    toolkit: cbauth.Toolkit, policy: Policy, identity: IdentityProvider
) -> None:
    policy.edit("  fast: {", "  you: {provider: acme, oauth: {account: you}}\n  fast: {")
    toolkit.reload()
    panel = Person(LoginPanel(toolkit), identity.issuer)
    for name in ("me", "you"):
        panel.press(f"Sign in to Acme ({name})")
    wait(lambda: panel.html().count("<a href") == 2)
    names = [each.description for each in panel.widgets() if getattr(each, "description", "")]
    names += re.findall(r'aria-label="([^"]+)"', panel.html())
    assert len(names) == len(set(names)) == 10
    read_out = panel.html().split('role="status"')[1].split("</div>")[0]
    assert "me: waiting. Open the page and sign in there" in read_out
    panel.paste("http://127.0.0.1/nothing")
    panel.says("The login waits on. you: waiting.")


def test_no_trait_and_no_text_holds_a_secret_at_any_time(button: Person, identity: IdentityProvider) -> None:
    def state() -> str:
        traits = [(type(each).__name__, repr(each), each.get_state()) for each in _instances.values()]
        return "".join([json.dumps(traits, default=repr), repr(button.view), button.view._repr_html_()])

    seen: list[str] = []
    for each in button.widgets():
        each.observe(lambda change: seen.append(state()))
    button.press("Sign in to Acme")
    landing = button.approve()
    link = button.link()
    assert link not in repr(button.widgets())
    assert link not in repr(button.view)
    seen.append(state())
    button.paste(landing)
    button.says("signed in")
    seen.append(state())
    assert len(seen) > 3
    # the link stood there while the login waited, with what it asks for; nothing that the provider gave, ever
    assert strays("".join(seen), identity.secrets()) == []
    assert "code_challenge" not in state()


def test_a_pasted_address_is_not_sent_back_to_other_front_ends(button: Person) -> None:
    button.press("Sign in to Acme")
    button.link()
    box: Any = next(each for each in button.widgets() if type(each).__name__ == "Pasting")
    assert box.trait_metadata("value", "echo_update") is False
    assert box.continuous_update is False
    assert box._view_name == "PasswordView"


# being there, and not


@pytest.mark.parametrize("kind", ["LoginButton", "LoginPanel", "StatusView"])
def test_a_cell_that_is_run_six_times_leaves_one_view(kind: str, toolkit: cbauth.Toolkit) -> None:
    counts, views = [], []
    for _ in range(6):
        view: Any = {"LoginPanel": LoginPanel, "StatusView": StatusView}.get(kind, BUTTON)(toolkit)
        assert view.widget.comm is not None
        wait(lambda: any(kind in name for name in threads()))
        counts.append((len(_instances), threads()))
        views.append(weakref.ref(view))
    assert counts == [counts[0]] * 6
    view.close()
    view.close()
    assert threads() == []
    del view
    gc.collect()
    assert [ref() for ref in views] == [None] * 6  # no listener holds on to any of them


def test_a_login_on_its_way_ends_with_its_view(button: Person, toolkit: cbauth.Toolkit) -> None:
    button.press("Sign in to Acme")
    landing = button.approve()
    again = Person(LoginButton(toolkit, "me"), button.issuer)
    again.says("signed out")
    with pytest.raises(cbauth.LoginError):
        toolkit.oauth.handle_callback(landing)
    with pytest.raises(cbauth.ConfigError, match="this view is closed: make a new one"):
        button.widgets()


def test_a_closed_view_lets_the_toolkit_go_and_says_that_it_is_closed(policy: Policy) -> None:
    """The history of a notebook keeps every view that a cell has shown."""
    toolkit = cbauth.load(policy.path)
    views: list[Any] = [LoginButton(toolkit, "me"), LoginPanel(toolkit), StatusView(toolkit)]
    for view in views:
        assert view.widget.comm is not None
    for view in views:
        view.close()
        assert "me" in repr(view)
        assert "<table" in view._repr_html_()
    assert views[0].state == "closed"
    for again in (views[0].sign_in, lambda: views[1].sign_in("me"), lambda: views[2].widget):
        with pytest.raises(cbauth.ConfigError, match="this view is closed: make a new one"):
            again()
    gone = weakref.ref(toolkit)
    del toolkit, again
    gc.collect()
    assert gone() is None


def test_a_view_that_is_not_shown_costs_nothing(toolkit: cbauth.Toolkit) -> None:
    before = len(_instances)
    for view in (LoginButton(toolkit, "me"), LoginPanel(toolkit), StatusView(toolkit)):
        assert "me" in repr(view)
        assert "<table" in view._repr_html_()
    assert (len(_instances), threads()) == (before, [])


def test_a_view_is_neither_pickled_nor_copied(toolkit: cbauth.Toolkit) -> None:
    spreading: list[Any] = [pickle.dumps, copy.copy, copy.deepcopy]
    for spread in spreading:
        with pytest.raises(TypeError, match="make a new one"):
            spread(StatusView(toolkit))


# watching


def test_calls_are_shown_as_they_happen(toolkit: cbauth.Toolkit) -> None:
    status = Person(StatusView(toolkit))
    status.says("2 of 3 profiles are ready.")
    fail(toolkit)
    fail(toolkit)
    status.says("▲ circuit open")
    status.says("network: ConnectionRefusedError: nobody listens")
    status.says("4 tries, 2 failures, 2 failovers. fast has an open circuit.")
    toolkit.reset()
    status.says("2 of 3 profiles are ready.")


def test_edits_of_the_file_are_followed_and_a_bad_one_is_told(toolkit: cbauth.Toolkit, policy: Policy) -> None:
    status = Person(StatusView(toolkit))
    policy.edit("priority: 10", "priorty: 10")
    status.says("did you mean `priority`?")
    status.says("the policy before it still runs")
    policy.edit("  fast: {", "  more: {provider: ollama}\n  fast: {")
    status.says("3 of 4 profiles are ready.")
    assert "did you mean" not in status.text()


def test_a_file_that_is_gone_is_told_in_place_of_what_was_wrong_with_it(
    toolkit: cbauth.Toolkit, policy: Policy
) -> None:
    """Whoever replaces a file is given a moment to do so: ``cbauth.watching`` has it."""
    status = Person(StatusView(toolkit))
    policy.edit("priority: 10", "priorty: 10")
    status.says("the file has an error, the policy before it still runs")
    policy.path.unlink()
    status.says("the file cannot be read, the policy before it still runs")
    status.says("there is no such file")
    assert "did you mean" not in status.text()
    policy.path.write_text(policy.text, "utf-8")
    wait(lambda: "there is no such file" not in status.text())
    status.says("2 of 3 profiles are ready.")


def test_a_toolkit_that_is_closed_is_told(toolkit: cbauth.Toolkit) -> None:
    status = Person(StatusView(toolkit))
    status.says("2 of 3 profiles are ready.")
    toolkit.close()
    status.says("the toolkit is closed, and follows its file no more")


def test_a_long_error_is_wrapped_and_hostile_text_stays_text(toolkit: cbauth.Toolkit) -> None:
    status = Person(StatusView(toolkit))
    fail(toolkit, "<script>alert(1)</script> " + "word " * 100)
    status.says("<script>alert(1)</script>")
    assert "<script>" not in status.html()
    assert "overflow-wrap: anywhere" in status.html()


def test_many_changes_in_a_second_are_few_updates(toolkit: cbauth.Toolkit) -> None:
    """At most five a second, and 300 calls take far less time than 12 seconds."""
    status = Person(StatusView(toolkit))
    updates: list[str] = []
    table = status.widgets()[2]
    table.observe(lambda change: updates.append(change["new"]), names="value")
    for _ in range(300):
        with toolkit.acquire("m") as lease:
            assert lease.token == ""
    fail(toolkit)
    fail(toolkit)
    status.says("▲ circuit open")
    assert len(updates) < 60


def test_what_is_sent_stays_small_however_many_calls_there_are(toolkit: cbauth.Toolkit) -> None:
    status = Person(StatusView(toolkit))
    status.says("2 of 3 profiles are ready.")
    sent: list[int] = []
    for each in status.widgets():
        each.observe(lambda change: sent.append(len(str(change["new"]))))
    for _ in range(6000):
        with toolkit.acquire("m") as lease:
            assert lease.profile_id == "fast"
    status.says("6000 tries, 0 failures, 0 failovers.")
    assert 0 < max(sent) <= 30 * 1024


def test_a_fault_inside_a_view_is_shown_without_its_text_and_the_view_goes_on(
    toolkit: cbauth.Toolkit, caplog: pytest.LogCaptureFixture
) -> None:
    status = Person(StatusView(toolkit))
    assert status.widgets()
    status.view._submit(lambda: int("canary-of-the-test"))
    status.says("▲ internal fault: ValueError")
    assert "canary" not in status.html()
    fail(toolkit)
    fail(toolkit)
    status.says("circuit open")


class Moody(MemoryStore):
    """A store that cannot be read while it is in a mood."""

    def __init__(self) -> None:
        super().__init__()
        self.mood = ""
        self.reading = self.read
        self.read = self.try_to_read

    def try_to_read(self, key: str) -> Any:
        if self.mood:
            raise cbauth.StoreError(self.mood)
        return self.reading(key)


def test_a_store_that_cannot_be_read_is_told_as_long_as_that_lasts(policy: Policy) -> None:
    store = Moody()
    with cbauth.load(policy.path, store=store) as toolkit:
        status = Person(StatusView(toolkit))
        status.says("2 of 3 profiles are ready.")
        store.mood = "the state file is locked: try again"
        status.says("▲ the state file is locked: try again")
        store.mood = ""
        wait(lambda: "locked" not in status.text())
        status.view.close()


def test_a_mapping_has_no_file_to_follow(identity: IdentityProvider) -> None:
    with cbauth.load(
        {"version": 1, "profiles": {"a": {"provider": "ollama"}}, "state": {"store": "memory"}}
    ) as toolkit:
        status = Person(StatusView(toolkit))
        status.says("1 of 1 profile is ready.")
        status.says("Policy from a mapping")
        status.view.close()


def test_a_timeline_records_until_it_is_closed(toolkit: cbauth.Toolkit) -> None:
    timeline = Timeline(toolkit)
    fail(toolkit)
    assert repr(timeline) == "<Timeline: 2 tries, 1 failure, 1 failover.>"
    assert '<img alt="Recent calls by profile: 2 tries, 1 failure, 1 failover."' in timeline._repr_html_()
    timeline.close()
    fail(toolkit)
    assert "2 tries" in repr(timeline)


def test_what_had_begun_before_a_timeline_is_shown_in_it(toolkit: cbauth.Toolkit) -> None:
    fail(toolkit)
    fail(toolkit)
    for timeline in (Timeline(toolkit), Timeline(toolkit)):
        assert repr(timeline) == "<Timeline: 0 tries, 0 failures, 0 failovers. fast has an open circuit.>"
        assert "<img" in timeline._repr_html_()
    toolkit.reset()
    assert repr(timeline) == "<Timeline: 0 tries, 0 failures, 0 failovers.>"


# mistakes


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda toolkit: LoginButton(toolkit, "mee"), "there is no profile 'mee': did you mean me?"),
        (lambda toolkit: LoginButton(toolkit, "qqqqqq"), "there is no profile 'qqqqqq': there are fast, me, spare"),
        (lambda toolkit: LoginButton(toolkit, "fast"), "profile fast does not sign in: it has no `oauth:` in the file"),
        (lambda toolkit: LoginPanel(toolkit).sign_in("fast"), "no profile 'fast' signs in: me do"),
        (lambda toolkit: LoginPanel(toolkit).paste("fast"), "no profile 'fast' signs in: me do"),
        (lambda toolkit: LoginPanel(toolkit).cancel("fast"), "no profile 'fast' signs in: me do"),
        (lambda toolkit: LoginButton(toolkit, "me", ui="widgets").paste(), "no login of me waits for an address"),
        (lambda toolkit: StatusView(toolkit, ui="gtk"), "ui has to be one of auto, widgets, html, not 'gtk'"),
        (lambda toolkit: StatusView(toolkit.plan), "give a toolkit, as cbauth.load\\(\\) makes it, not a Plan"),
    ],
)
def test_bad_input_gets_one_clear_error(toolkit: cbauth.Toolkit, make: Any, message: str) -> None:
    with pytest.raises(cbauth.ConfigError, match=message):
        make(toolkit)


def test_where_nobody_is_signing_in_names_the_command(toolkit: cbauth.Toolkit) -> None:
    for sign_in in (LoginButton(toolkit, "me").sign_in, lambda: LoginPanel(toolkit).sign_in("me")):
        with pytest.raises(cbauth.LoginRequiredError, match="run `cbauth login me`"):
            sign_in()
    with pytest.raises(cbauth.LoginRequiredError, match="cbauth login me"):
        LoginButton(toolkit, "me").paste()
