"""Whatever goes wrong with a stored login, no text shows it: no message, no chain, no local variable, no log."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from cbauth.errors import CbauthError, StoreError
from cbauth.oauth.credentials import CredentialStore, open_credentials
from tests.oauth.credentials.conftest import Use
from tests.oauth.credentials.keyrings import InMemory, Short, Talkative, Truncating
from tests.oauth.credentials.logins import CANARY, KEY, login


def everything_about(error: BaseException) -> str:
    """The error as the most talkative tools print it: arguments, attributes, causes, contexts, local variables."""
    told = [repr(error), str(error), repr(error.args), repr(vars(error))]
    seen: BaseException | None = error
    while seen is not None:
        shown = traceback.TracebackException(type(seen), seen, seen.__traceback__, capture_locals=True)
        told += [*shown.format(), repr(seen), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(told)


def newer_file(folder: Path) -> Callable[[], object]:
    store = open_credentials("file", folder)
    store.save(login())
    (path,) = folder.glob("*.json")
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    return lambda: store.load(KEY)


def no_json(folder: Path) -> Callable[[], object]:
    store = open_credentials("file", folder)
    return lambda: store.save(login(extra={"id_token": CANARY, "raw": b"bytes"}))


def too_large(folder: Path) -> Callable[[], object]:
    store = open_credentials("file", folder)
    return lambda: store.save(login(extra={"long": CANARY * 100_000}))


def not_replaced(folder: Path) -> Callable[[], object]:
    """The file is somewhere else by the time that it is to be moved, as on a disk that went away."""
    store = open_credentials("file", folder)
    store.save(login())
    os.unlink(folder / "folder.lock")
    os.mkdir(folder / "folder.lock")
    return lambda: store.save(login())


def held(folder: Path) -> Callable[[], object]:
    store = open_credentials("file", folder)
    mine = login()

    def ask() -> None:
        with store.lock(mine.key, 1), store.lock(mine.key, 0):
            pass

    return ask


FILES = [newer_file, no_json, too_large, not_replaced, held]


@pytest.mark.parametrize("broken", FILES, ids=[each.__name__ for each in FILES])
def test_a_fault_of_files_shows_no_part_of_a_login(
    broken: Callable[[Path], Callable[[], object]], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    act = broken(folder)
    with caplog.at_level(logging.DEBUG):
        error = failure(act)
    assert isinstance(error, StoreError)
    assert CANARY not in everything_about(error)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("kind", [Talkative, Truncating, Short])
@pytest.mark.parametrize("act", ["load", "save", "delete", "open"])
def test_a_fault_of_a_keyring_shows_no_part_of_a_login(
    kind: type[InMemory], act: str, folder: Path, use: Use, caplog: pytest.LogCaptureFixture
) -> None:
    working, broken = InMemory(), kind()
    use(working)
    vault = open_credentials("keyring", folder)
    vault.save(login())
    broken.entries = working.entries
    if isinstance(broken, Talkative):
        broken.fails = True
    use(broken)
    big = login(extra={"id_token": CANARY * 100})
    acts: dict[str, Callable[[], object]] = {
        "load": lambda: vault.load(KEY),
        "save": lambda: vault.save(big),
        "delete": lambda: vault.delete(KEY),
        "open": lambda: open_credentials("keyring", folder),
    }
    with caplog.at_level(logging.DEBUG):
        error = error_of(acts[act])
    assert error is None or CANARY not in everything_about(error)
    assert error is not None or not isinstance(broken, Talkative)
    assert CANARY not in caplog.text


def test_an_error_of_the_callers_own_shows_what_it_holds_masked(store: CredentialStore) -> None:
    def call() -> None:
        held = [login(), store]
        store.save(login())
        held += [store.load(KEY) or store, *store.all()]
        raise CbauthError(f"{len(held)} things at hand")

    told = everything_about(failure(call))
    assert "acme-me" in told
    assert CANARY not in told


def test_the_search_would_find_a_leak() -> None:
    def leak() -> None:
        token = login().access_token.reveal()
        raise StoreError("short" if token else "")

    assert CANARY in everything_about(failure(leak))


def test_a_login_is_nowhere_but_in_its_own_file(files: CredentialStore, folder: Path) -> None:
    with files.lock(KEY, 1):
        files.save(login())
        files.save(login())
    holding = [path for path in folder.parent.rglob("*") if path.is_file() and CANARY in path.read_text()]
    assert [path.suffix for path in holding] == [".json"]
    assert CANARY not in " ".join(str(path) for path in folder.rglob("*"))


def error_of(call: Callable[[], object]) -> CbauthError | None:
    try:
        call()
    except CbauthError as error:
        return error
    return None


def failure(call: Callable[[], object]) -> CbauthError:
    error = error_of(call)
    assert error is not None, "it did not fail"
    return error
