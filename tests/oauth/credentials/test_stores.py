"""What holds for logins wherever they are kept."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cbauth.errors import StoreError
from cbauth.oauth.credentials import Credential, CredentialStore
from cbauth.secrets import Secret
from tests.oauth.credentials.logins import CANARY, KEY, login

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
TOKENS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200).map(Secret)
SECONDS = st.floats(allow_nan=False, allow_infinity=False)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | SECONDS | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = ANY_TEXT | st.sampled_from(["version", "key", "id", "extra", "scopes", "expires_at", "id_token"])
CREDENTIALS = st.builds(
    Credential,
    key=ANY_TEXT.filter(bool),
    id=ANY_TEXT,
    provider_id=ANY_TEXT,
    account=st.none() | ANY_TEXT,
    scopes=st.lists(ANY_TEXT, max_size=3).map(tuple),
    access_token=TOKENS,
    refresh_token=st.none() | TOKENS,
    expires_at=st.none() | SECONDS,
    lifetime=st.none() | SECONDS,
    received_at=SECONDS,
    token_type=ANY_TEXT,
    extra=st.dictionaries(NAMES, JSON, max_size=4),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(credential=CREDENTIALS)
def test_what_is_loaded_is_what_was_saved(store: CredentialStore, credential: Credential) -> None:
    store.save(credential)
    assert store.load(credential.key) == credential
    assert credential in store.all()
    assert store.delete(credential.key)
    assert store.load(credential.key) is None


def test_a_login_that_was_never_saved_is_none(store: CredentialStore) -> None:
    assert store.load(KEY) is None
    assert store.delete(KEY) is False
    assert store.all() == []


def test_saving_again_replaces_the_login(store: CredentialStore) -> None:
    store.save(login())
    store.save(login(access_token=Secret("new"), provider_id="renamed"))
    found = store.load(KEY)
    assert found is not None
    assert found.access_token.reveal() == "new"
    assert len(store.all()) == 1


def test_all_is_sorted_by_provider_and_account(store: CredentialStore) -> None:
    for key, provider, account in [("1", "b", "x"), ("2", "a", "z"), ("3", "a", None), ("4", "a", "y")]:
        store.save(login(key=key, provider_id=provider, account=account))
    assert [(each.provider_id, each.account) for each in store.all()] == [
        ("a", None),
        ("a", "y"),
        ("a", "z"),
        ("b", "x"),
    ]


def test_deleting_one_login_leaves_the_others(store: CredentialStore) -> None:
    store.save(login(key="1"))
    store.save(login(key="2"))
    assert store.delete("1")
    assert [each.key for each in store.all()] == ["2"]


def test_what_json_cannot_hold_is_refused_and_the_old_login_stays(store: CredentialStore) -> None:
    store.save(login())
    with pytest.raises(StoreError, match=r"cannot be stored: it comes with data that JSON cannot hold"):
        store.save(login(extra={"raw": b"bytes"}))
    with pytest.raises(StoreError, match=r"cannot be stored: it is larger than 1048576 bytes"):
        store.save(login(extra={"long": "x" * (1 << 20)}))
    assert store.load(KEY) == login()


def test_threads_hold_a_lock_one_at_a_time(store: CredentialStore) -> None:
    inside, most, order = 0, 0, threading.Barrier(6)

    def work() -> None:
        nonlocal inside, most
        order.wait()
        for _ in range(5):
            with store.lock(KEY, 20):
                inside += 1
                most = max(most, inside)
                time.sleep(0)  # give way to whoever would come in
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_a_lock_that_is_held_is_waited_for_with_an_end_and_names_the_holder(store: CredentialStore) -> None:
    with store.lock(KEY, 1):
        begun = time.monotonic()
        with (
            pytest.raises(StoreError, match=r"held by another thread of this process \(\d+\) for 0.05 s: end that"),
            store.lock(KEY, 0.05),
        ):
            pass
        assert time.monotonic() - begun < 5
    with store.lock(KEY, 0):
        pass


def test_locks_of_different_logins_do_not_meet(store: CredentialStore) -> None:
    with store.lock("1", 1), store.lock("2", 0):
        store.save(login(key="1"))


def test_an_error_inside_a_lock_passes_unchanged_and_frees_it(store: CredentialStore) -> None:
    error = TimeoutError(CANARY)
    with pytest.raises(TimeoutError) as raised, store.lock(KEY, 1):
        raise error
    assert raised.value is error
    with store.lock(KEY, 0):
        pass
