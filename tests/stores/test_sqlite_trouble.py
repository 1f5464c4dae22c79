"""A damaged file, a full disk, a folder that cannot be written: nothing of it reaches a caller, all of it is told."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cbauth.stores.sqlite import SqliteStore
from tests.clock import FakeClock
from tests.stores.conftest import Opener
from tests.stores.records import count, counted, increment, put

ROOT = Path(__file__).parents[2]
GARBAGE = b"this is no database" * 1000


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def set_aside(database: Path) -> list[Path]:
    """The damaged files, without what SQLite kept beside them."""
    found = sorted(database.parent.glob("state.db.damaged-*"))
    return [path for path in found if not path.name.endswith(("-wal", "-shm"))]


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    database: Path, open_sqlite: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    database.parent.mkdir()
    database.write_bytes(GARBAGE)
    store = open_sqlite()
    (aside,) = set_aside(database)
    (warning,) = warnings(caplog)
    assert warning.startswith(f"{database} is damaged (file is not a database): it is kept as {aside}")
    assert aside.read_bytes() == GARBAGE
    assert store.update("k", increment) == 1
    assert count(open_sqlite().read("k")) == 1
    assert len(warnings(caplog)) == 1


def test_a_damaged_file_is_set_aside_where_folders_cannot_be_locked_too(
    database: Path, open_sqlite: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    database.parent.mkdir()
    database.write_bytes(GARBAGE)
    assert open_sqlite().update("k", increment) == 1
    assert len(set_aside(database)) == 1


def test_what_this_process_knows_outlives_a_file_that_is_damaged_under_it(
    database: Path, open_sqlite: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_sqlite()
    for n in range(100):
        put(store, f"k{n}", counted(n))
    damage(database)
    assert store.update("k5", increment) == 6
    assert len(set_aside(database)) == 1
    assert len(warnings(caplog)) == 1
    fresh = open_sqlite()
    assert [count(fresh.read(f"k{n}")) for n in range(100)] == [6 if n == 5 else n for n in range(100)]


def test_a_new_file_is_not_set_aside_for_the_damage_of_the_old_one(database: Path, open_sqlite: Opener) -> None:
    first, second = open_sqlite(), open_sqlite()
    put(first, "k", counted(1))
    assert first.generation == second.generation == 1, "both have looked, and will not look again in this test"
    damage(database)
    assert first.update("k", increment) == 2
    assert second.update("k", increment) == 3
    assert first.update("k", increment) == 4
    assert len(set_aside(database)) == 1


def test_damage_is_mended_by_looking_as_well(
    database: Path, open_sqlite: Opener, ticks: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_sqlite()
    put(store, "k", counted(1))
    damage(database)
    for _ in range(3):
        ticks.advance(0.05)
        assert store.generation == 1
    assert len(set_aside(database)) == len(warnings(caplog)) == 1
    assert count(open_sqlite().read("k")) == 1


def test_a_damaged_file_is_set_aside_once_by_many_processes(database: Path, open_sqlite: Opener) -> None:
    database.parent.mkdir()
    database.write_bytes(GARBAGE)
    code = """
import sys
from cbauth.stores.sqlite import SqliteStore
from tests.stores.records import increment
sys.stdin.readline()
store = SqliteStore(sys.argv[1])
for _ in range(50):
    store.update("shared", increment)
"""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(database)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    told = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        told += [line for line in worker.communicate(timeout=60)[1].splitlines() if line]
        assert worker.returncode == 0
    assert len(told) == len(set_aside(database)) == 1
    assert count(open_sqlite().read("shared")) == 200


@pytest.mark.parametrize(
    "spoiled", ["DROP TABLE records", "PRAGMA user_version = 0", "PRAGMA user_version = -1", "PRAGMA user_version = 1"]
)
def test_a_file_without_its_tables_is_set_aside_like_a_damaged_one(
    database: Path, open_sqlite: Opener, ticks: FakeClock, caplog: pytest.LogCaptureFixture, spoiled: str
) -> None:
    store = open_sqlite()
    put(store, "k", counted(1))
    connection = sqlite3.connect(database)
    connection.execute(spoiled)
    connection.commit()
    connection.close()
    if spoiled.startswith("DROP"):
        assert store.update("k", increment) == 2
    else:
        store.close()
        assert open_sqlite().update("k", increment) == 1
    (warning,) = warnings(caplog)
    assert "is damaged" in warning
    assert "state goes into a new file" in warning
    assert len(set_aside(database)) == 1


def test_without_a_place_to_write_health_lives_in_memory(
    tmp_path: Path, open_sqlite: Opener, ticks: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    obstacle = tmp_path / "obstacle"
    obstacle.write_text("a file, where a folder should be")
    database = obstacle / "state" / "state.db"
    store = open_sqlite(path=database)
    for n in range(1, 5):
        assert store.update("k", increment) == n
        ticks.advance(2.0)
        assert store.generation == n
    put(store, "gone", counted(1))
    put(store, "gone", None)
    (warning,) = warnings(caplog)
    assert warning == f"state cannot be kept in {database} (Not a directory): it lives in memory until that works"

    obstacle.unlink()
    assert store.update("k", increment) == 5, "not every call tries again"
    assert not obstacle.exists()
    ticks.advance(2.0)
    assert store.update("k", increment) == 6
    assert warnings(caplog)[1:] == [f"state is kept in {database} again"]
    fresh = open_sqlite(path=database)
    assert (count(fresh.read("k")), list(fresh.keys())) == (6, ["k"])


def test_when_writing_works_again_what_others_wrote_meanwhile_wins(
    tmp_path: Path, open_sqlite: Opener, ticks: FakeClock
) -> None:
    place, away = tmp_path / "place", tmp_path / "away"
    store = open_sqlite(path=place / "state.db")
    for key in ("mine", "theirs", "both"):
        put(store, key, counted(1))
    store.before_fork()  # gives the file back, as it does around a fork
    store.after_fork()
    place.rename(away)
    place.write_text("an obstacle")
    put(store, "mine", counted(10))
    put(store, "both", counted(10))
    other = SqliteStore(away / "state.db")
    put(other, "theirs", counted(20))
    put(other, "both", counted(20))
    other.close()
    place.unlink()
    away.rename(place)
    ticks.advance(2.0)
    assert store.generation > 0
    assert {key: count(store.read(key)) for key in ("mine", "theirs", "both")} == {"mine": 10, "theirs": 20, "both": 20}
    assert count(open_sqlite(path=place / "state.db").read("mine")) == 10


FULL_DISK = """
import logging, resource, sys
from cbauth.stores.sqlite import SqliteStore
from tests.clock import FakeClock
from tests.stores.records import count, counted, increment, put

logging.basicConfig(format="%(message)s", stream=sys.stdout)
ticks = FakeClock(0.0)
store = SqliteStore(sys.argv[1], ticks=ticks)
put(store, "k", counted(1))
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
for n in range(2, 6):
    assert store.update("k", increment) == n
    assert count(store.read("k")) == n
    assert store.generation == n
    ticks.advance(2.0)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
assert store.generation == 5
assert store.update("k", increment) == 6
store.close()
again = SqliteStore(sys.argv[1])
assert count(again.read("k")) == 6
again.close()
"""


def test_a_disk_that_takes_no_more_is_done_without_until_it_does(database: Path) -> None:
    """A limit on the size of files stands for the full disk; it makes every write fail, for root as well."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(database)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert not done.stderr
    assert done.returncode == 0
    first, second = done.stdout.splitlines()
    assert first.startswith(f"state cannot be kept in {database} (")
    assert first.endswith("it lives in memory until that works")
    assert second == f"state is kept in {database} again"


READ_ONLY = """
import logging, os, sys
from pathlib import Path
from cbauth.stores.sqlite import SqliteStore
from tests.clock import FakeClock
from tests.stores.records import count, increment

logging.basicConfig(format="%(message)s", stream=sys.stdout)
folder = Path(sys.argv[1])
ticks = FakeClock(0.0)
opened = SqliteStore(folder / "state.db", ticks=ticks)
assert opened.update("k", increment) == 1
opened.close()
if sys.argv[2] == "damaged":
    (folder / "state.db").write_bytes(b"this is no database" * 1000)
for path in folder.iterdir():
    os.chmod(path, 0o400)
os.chmod(folder, 0o500)
user = os.geteuid()
if user == 0:  # whom no mode stops
    for path in (folder, *folder.iterdir()):
        os.chown(path, 65534, 65534)
    os.seteuid(65534)
store = SqliteStore(folder / "state.db", ticks=ticks)
known = count(store.read("k"))
for n in range(3):
    ticks.advance(2.0)
    store.update("k", lambda record: (record, None))
for n in range(1, 5):
    ticks.advance(2.0)
    assert store.update("k", increment) == count(store.read("k")) == n + known
    generation = store.generation
    assert store.update("k", lambda record: (record, count(record))) == n + known
    assert store.generation == generation
store.close()
os.seteuid(user)
"""


@pytest.mark.parametrize("condition", ["sound", "in use", "damaged"])
def test_a_file_that_may_only_be_read_is_done_without(condition: str, database: Path, open_sqlite: Opener) -> None:
    if condition == "in use":
        put(open_sqlite(), "other", counted(1))
    for folder in database.parents[1:4]:  # which pytest keeps for its own user
        folder.chmod(folder.stat().st_mode | 0o011)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(database.parent), condition],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    database.parent.chmod(0o700)
    assert not done.stderr
    assert done.returncode == 0
    (warning,) = done.stdout.splitlines()
    assert warning.startswith(f"state cannot be kept in {database} (")
    assert warning.endswith("it lives in memory until that works")


def test_an_error_while_looking_never_reaches_a_caller(
    database: Path, open_sqlite: Opener, ticks: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody upgrades cbauth while this process runs: the file is a newer one's from then on."""
    store = open_sqlite()
    put(store, "k", counted(1))
    database.rename(database.with_name("old.db"))
    for side in ("-wal", "-shm"):
        database.with_name(database.name + side).unlink()
    newer = sqlite3.connect(database)
    newer.execute("PRAGMA application_id = 0x63624175")
    newer.execute("PRAGMA user_version = 999")
    newer.close()
    ticks.advance(0.05)
    assert store.generation == 1
    assert store.update("k", increment) == 2
    (warning,) = warnings(caplog)
    assert "was written by a newer version of cbauth" in warning


def damage(database: Path) -> None:
    """Overwrite a database in place, after everything in its log has gone into it."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.write((GARBAGE * (1 + size // len(GARBAGE)))[:size])
