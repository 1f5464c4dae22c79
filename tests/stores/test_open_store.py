"""From the ``state.store`` setting to a store."""

from __future__ import annotations

import stat
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from cbauth.errors import StoreError
from cbauth.stores import open_store
from cbauth.stores.memory import MemoryStore
from cbauth.stores.sqlite import SqliteStore
from tests.stores.records import count, increment


def test_memory_is_a_store_of_its_own_each_time() -> None:
    first, second = open_store("memory"), open_store("memory")
    assert isinstance(first, MemoryStore)
    first.update("k", increment)
    assert second.read("k") is None


def test_sqlite_lives_in_the_private_state_folder_of_the_user(home: Path) -> None:
    folder = home / "state" / "cbauth"
    folder.mkdir(mode=0o755)
    store = open_store("sqlite")
    assert isinstance(store, SqliteStore)
    assert store.path == folder / "state.db"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    store.close()


def test_sqlite_with_a_path_lives_there(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    places = {
        f"sqlite:{tmp_path}/a.db": tmp_path / "a.db",
        "sqlite:b.db": tmp_path / "b.db",
        "sqlite:~/c.db": home / "c.db",
        "sqlite:new/folder/with:colon.db": tmp_path / "new/folder/with:colon.db",
    }
    for spec, place in places.items():
        store = open_store(spec)
        store.close()
        assert place.is_file()


@pytest.mark.parametrize("name", ["victim.txt", ".profile", "id_ed25519"])
def test_somebodys_document_is_refused_and_left_as_it_is(tmp_path: Path, name: str) -> None:
    victim = tmp_path / name
    victim.write_text("x")
    with pytest.raises(StoreError, match=f"{name} is not a database: name another file in `state.store`"):
        open_store(f"sqlite:{victim}")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "x")]


def test_a_damaged_database_is_set_aside_under_any_name_once_it_was_one(tmp_path: Path) -> None:
    place = tmp_path / "health.txt"
    open_store(f"sqlite:{place}").close()
    place.write_bytes(b"damaged beyond repair" * 500)
    store = open_store(f"sqlite:{place}")
    assert store.update("k", increment) == 1
    store.close()
    assert list(tmp_path.glob("health.txt.damaged-*"))


def test_a_namespace_is_passed_on(tmp_path: Path) -> None:
    work, home = open_store(f"sqlite:{tmp_path}/a.db", "work"), open_store(f"sqlite:{tmp_path}/a.db", "home")
    work.update("k", increment)
    assert home.update("k", increment) == 1
    assert count(work.read("k")) == 1
    work.close()
    home.close()


@pytest.mark.parametrize(
    "spec",
    [
        *("redis://", "redis:", "redis://user:canary@", "redis:///0", "rediss://:canary@/1", "redis://:canary@[::1/0"),
        *("redis://:canary@host:port", "redis://:canary@host:99999", "redis://:canary@host/db", "redis:canary@host"),
        *("redis://:canary@host/0?socket_timeout=canary", "redis://:canary@host/0?canary=1"),
    ],
)
def test_a_redis_url_that_cannot_be_read_is_refused_and_its_password_is_not_told(spec: str) -> None:
    with pytest.raises(StoreError, match=r"the Redis URL .*: `state.store` has to be redis://HOST:PORT/DB") as raised:
        open_store(spec)
    assert "canary" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("spec", ["", "postgres://user:canary@host", "memory:canary", "SQLite"])
def test_an_unknown_store_is_refused(spec: str) -> None:
    with pytest.raises(StoreError, match=r"there is no store '.*': set `state.store` to sqlite") as raised:
        open_store(spec)
    assert "canary" not in str(raised.value)


def test_the_package_loads_sqlite_only_when_it_is_used() -> None:
    code = "import sys, cbauth.stores; cbauth.stores.open_store('memory');"
    code += " assert 'cbauth.stores.sqlite' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)


def test_a_store_may_be_named_by_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE", "memory")
    assert type(open_store("env:STATE")).__name__ == "MemoryStore"
    monkeypatch.delenv("STATE")
    with pytest.raises(StoreError, match="STATE is not set"):
        open_store("env:STATE")
