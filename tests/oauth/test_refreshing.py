"""Tokens that are due: refreshed once for everybody, rotated, adopted, or the login is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from cbauth import AuthError, LoginRequiredError, RefreshError, StoreError
from cbauth.oauth import Credential, OAuthManager
from cbauth.oauth.credentials import CredentialStore, MemoryCredentials
from cbauth.secrets import Secret
from tests.oauth.acme import LIFE, Acme
from tests.support.identity import PUBLIC, faults


@pytest.fixture(params=["file", "memory"])
def manager(acme: Acme, request: pytest.FixtureRequest) -> OAuthManager:
    """One that is logged in, over each kind of store in turn."""
    made = acme.manager(store="memory") if request.param == "memory" else acme.manager()
    acme.login(made)
    return made


def kept(manager: OAuthManager) -> tuple[str, str]:
    """Access and refresh token as they are stored."""
    (login,) = manager.list_credentials()
    assert login.refresh_token is not None
    return login.access_token.reveal(), login.refresh_token.reveal()


def test_a_token_is_refreshed_when_it_is_due_and_its_refresh_token_rotated(acme: Acme, manager: OAuthManager) -> None:
    first = kept(manager)
    acme.clock.advance(LIFE - 301)
    assert manager.get_access_token("acme") == first[0]
    acme.clock.advance(1)
    second = manager.get_access_token("acme")
    assert second != first[0]
    assert manager.get_access_token("acme") == second
    assert kept(manager)[0] == second
    assert kept(manager)[1] != first[1]
    (exchange,) = [each for each in acme.identity.exchanges("token") if each.grant == "refresh_token"]
    assert "scope" not in exchange.parameters
    assert exchange.parameters["client_id"] == PUBLIC.id


def test_sixteen_threads_with_one_expired_token_make_one_request(acme: Acme, manager: OAuthManager) -> None:
    acme.clock.advance(LIFE)
    together = Barrier(16)

    def ask() -> str:
        together.wait()
        return manager.get_access_token("acme")

    with ThreadPoolExecutor(16) as threads:
        tokens = {each.result() for each in [threads.submit(ask) for _ in range(16)]}
    assert len(tokens) == 1
    assert acme.identity.asked("refresh_token") == 1


def test_sixteen_threads_that_all_got_a_401_make_one_request(acme: Acme, manager: OAuthManager) -> None:
    refused = Secret(manager.get_access_token("acme"))
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: manager.renew("acme", refused), range(16)))
    assert acme.identity.asked("refresh_token") == 1
    assert manager.get_access_token("acme") != refused.reveal()


def test_threads_that_waited_for_a_refresh_that_failed_do_not_try_again(acme: Acme, manager: OAuthManager) -> None:
    acme.clock.advance(LIFE)
    acme.identity.fail(faults.error("invalid_client", status=401), times=16)
    together = Barrier(8)

    def ask() -> AuthError:
        together.wait()
        with pytest.raises(RefreshError) as caught:
            manager.get_access_token("acme")
        return caught.value

    with ThreadPoolExecutor(8) as threads:
        errors = [each.result() for each in [threads.submit(ask) for _ in range(8)]]
    assert len({str(error) for error in errors}) == 1
    assert len({id(error) for error in errors}) == 8, "each thread has an error of its own"
    assert acme.identity.asked("refresh_token") < 8


def test_a_refresh_can_be_asked_for_at_any_time(acme: Acme, manager: OAuthManager) -> None:
    first = kept(manager)
    made = manager.refresh_token("acme")
    assert (made.access_token.reveal(), made.id) == (kept(manager)[0], "acme")
    assert kept(manager)[0] != first[0]


def test_another_manager_on_the_same_files_adopts_the_token_that_the_first_one_fetched(acme: Acme) -> None:
    one, other = acme.manager(), acme.manager()
    acme.login(one)
    assert one.get_access_token("acme") == other.get_access_token("acme")
    acme.clock.advance(LIFE)
    assert one.get_access_token("acme") == other.get_access_token("acme")
    assert acme.identity.asked("refresh_token") == 1


def lose(acme: Acme, manager: OAuthManager) -> None:
    """The provider takes back all that it has granted."""
    acme.identity.revoke(kept(manager)[1])


def test_a_lost_login_says_what_to_type_is_told_once_and_is_not_asked_for_again(
    acme: Acme, manager: OAuthManager
) -> None:
    told: list[str | None] = []
    manager.on("token:expired", lambda event: told.append(event.provider_id))
    before = kept(manager)
    lose(acme, manager)
    acme.clock.advance(LIFE)
    for _ in range(3):
        with pytest.raises(LoginRequiredError, match="run `cbauth login acme`") as caught:
            manager.get_access_token("acme")
        assert caught.value.command == "cbauth login acme"
    assert "no longer accepts" in str(caught.value) or "expired" in str(caught.value)
    assert acme.identity.asked("refresh_token") == 1
    assert told == ["acme"]
    assert kept(manager) == before, "nothing is deleted"
    login = manager.get_credential("acme")
    assert login is not None
    assert not login.refreshable
    acme.login(manager)
    assert manager.get_access_token("acme")
    acme.clock.advance(LIFE)
    assert manager.get_access_token("acme")
    assert told == ["acme"]


def test_a_login_that_somebody_else_replaced_is_adopted_when_the_old_one_is_refused(acme: Acme) -> None:
    """A program that does not know our locks has stored new tokens while we asked with the old ones."""
    ours, logins = replaced(acme)
    new = logins.new = replace(logins.new, received_at=acme.clock.now, expires_at=acme.clock.now + LIFE)
    assert ours.get_access_token("acme") == new.access_token.reveal()
    assert acme.identity.asked("refresh_token") == 1


def test_of_a_replaced_login_that_is_due_itself_the_new_refresh_token_is_tried(acme: Acme) -> None:
    ours, logins = replaced(acme)
    assert ours.get_access_token("acme") not in (logins.new.access_token.reveal(), "")
    assert acme.identity.asked("refresh_token") == 2


def replaced(acme: Acme) -> tuple[OAuthManager, Replaced]:
    """A manager whose login is lost and whose token is due; where it is kept there will be another one."""
    elsewhere = acme.manager(store="memory")
    acme.login(elsewhere)
    (new,) = elsewhere.list_credentials()
    logins = Replaced(new)
    ours = acme.manager(store=logins)
    acme.login(ours)
    logins.armed = True
    lose(acme, ours)
    acme.clock.advance(LIFE)
    return ours, logins


class Replaced(MemoryCredentials):
    """After the first reading under the lock, there is another login."""

    def __init__(self, new: Credential) -> None:
        super().__init__()
        self.new = new
        self.armed = False
        self.reads = 0

    def load(self, key: str) -> Credential | None:
        found = super().load(key)
        if self.armed:
            self.reads += 1
            if self.reads > 2:
                self.armed = False
                self.save(self.new)
                return super().load(key)
        return found


def test_a_login_without_a_refresh_token_ends_with_its_token(acme: Acme) -> None:
    manager = acme.manager()
    acme.configure(manager, scopes=["openid"], extra_params=None)
    acme.login(manager)
    login = manager.get_credential("acme")
    assert login is not None
    assert not login.refreshable
    told: list[object] = []
    manager.on("token:expired", told.append)
    acme.clock.advance(LIFE - 1)
    assert manager.get_access_token("acme")
    acme.clock.advance(1)
    assert manager.is_token_expired(login)
    for _ in range(2):
        with pytest.raises(LoginRequiredError, match="the login has expired"):
            manager.get_access_token("acme")
    assert len(told) == 1
    assert acme.identity.asked("refresh_token") == 0


class Full(MemoryCredentials):
    """A place that takes nothing any more while it is ``full``."""

    full = False

    def save(self, credential: Credential) -> None:
        if self.full:
            raise StoreError("the disk is full; free some space")
        super().save(credential)


def test_tokens_that_cannot_be_stored_work_and_are_stored_later(acme: Acme, caplog: pytest.LogCaptureFixture) -> None:
    logins = Full()
    manager = acme.manager(store=logins)
    acme.login(manager)
    old = kept(manager)
    logins.full = True
    for _ in range(2):
        acme.clock.advance(LIFE)
        token = manager.get_access_token("acme")
        assert acme.identity.introspect(token)["active"]
        assert kept(manager) == old
    assert [record.message for record in caplog.records if "live in memory" in record.message] == [
        "the new tokens of acme live in memory until they can be stored: the disk is full; free some space"
    ]
    logins.full = False
    acme.clock.advance(2)
    assert manager.get_access_token("acme") == token
    assert kept(manager)[0] == token
    assert "stored again" in caplog.text
    assert acme.identity.asked("refresh_token") == 2


def test_tokens_in_memory_give_way_to_a_login_that_somebody_stored_meanwhile(acme: Acme) -> None:
    logins = Full()
    manager, other = acme.manager(store=logins), acme.manager(store=logins)
    acme.login(manager)
    logins.full = True
    acme.clock.advance(LIFE)
    unsaved = manager.get_access_token("acme")
    logins.full = False
    acme.login(other)
    acme.clock.advance(2)
    assert manager.get_access_token("acme") == other.get_access_token("acme") != unsaved


def test_a_folder_that_is_no_folder_any_more_costs_no_refresh_token(acme: Acme) -> None:
    manager = acme.manager()
    acme.login(manager)
    content = acme.file().read_bytes()
    name = acme.file().name
    away = acme.folder.rename(acme.folder.parent / "away")
    acme.folder.write_text("in the way")
    acme.clock.advance(LIFE)
    with pytest.raises(StoreError, match="in the place of a folder: move it away"):
        manager.get_access_token("acme")
    assert acme.identity.asked("refresh_token") == 0
    acme.folder.unlink()
    away.rename(acme.folder)
    assert (acme.folder / name).read_bytes() == content
    assert manager.get_access_token("acme")


def test_a_file_that_cannot_be_written_keeps_the_new_tokens_in_memory(acme: Acme) -> None:
    """The lock can be had, the new file cannot: here because something stands where it is moved through."""
    manager = acme.manager()
    acme.login(manager)
    before, name = acme.file().read_bytes(), acme.file().name
    block(acme.folder)
    acme.clock.advance(LIFE)
    token = manager.get_access_token("acme")
    assert acme.identity.introspect(token)["active"]
    assert (acme.folder / name).read_bytes() == before
    (acme.folder / "folder.lock").rmdir()
    acme.clock.advance(2)
    assert manager.get_access_token("acme") == token
    assert token.encode() in (acme.folder / name).read_bytes()


def block(folder: Path) -> None:
    (folder / "folder.lock").unlink()
    (folder / "folder.lock").mkdir()


def test_the_scopes_of_a_refresh_are_kept_and_shown(acme: Acme, manager: OAuthManager) -> None:
    acme.identity.fail(faults.body({"access_token": "a" * 20, "token_type": "bearer", "scope": "openid"}))
    made = manager.refresh_token("acme")
    assert made.scopes == ("openid",)
    assert made.refreshable
    login = manager.get_credential("acme")
    assert login is not None
    assert login.scopes == ("openid",)


def test_logging_out_while_a_token_is_due_needs_a_login(acme: Acme, manager: OAuthManager) -> None:
    acme.clock.advance(LIFE)
    assert manager.logout("acme")
    with pytest.raises(LoginRequiredError, match="nobody is logged in"):
        manager.get_access_token("acme")
    with pytest.raises(LoginRequiredError):
        manager.refresh_token("acme")
    assert acme.identity.asked("refresh_token") == 0


def test_stores_are_alike(acme: Acme) -> None:
    store: CredentialStore = MemoryCredentials()
    manager = acme.manager(store=store)
    acme.login(manager)
    assert store.all() == manager.list_credentials()
    assert manager.store_description == "memory"
