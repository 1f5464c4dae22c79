"""Logins in files: modes, names, damage, hindrances, unknown fields."""

from __future__ import annotations

import errno
import json
import logging
import os
import resource
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cbauth.errors import StoreError
from cbauth.oauth.credentials import CredentialStore, credentials_folder, open_credentials
from cbauth.secrets import Secret
from tests.oauth.credentials.logins import CANARY, KEY, login

needs_root = os.geteuid() == 0


def file_in(folder: Path) -> Path:
    """The one login there."""
    (path,) = folder.glob("*.json")
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def saved(files: CredentialStore, folder: Path) -> Path:
    files.save(login())
    return file_in(folder)


def test_everything_is_for_its_owner_alone(files: CredentialStore, folder: Path) -> None:
    before = os.umask(0)
    try:
        files.save(login())
        with files.lock(KEY, 1):
            pass
        open_credentials("auto", folder)
    finally:
        os.umask(before)
    assert mode(folder) == 0o700
    assert {path.suffix for path in folder.iterdir()} == {".json", ".lock", ""}
    assert {mode(path) for path in folder.iterdir()} == {0o600}


def test_the_place_is_shown_and_by_default_in_the_users_data_folder(home: Path) -> None:
    assert credentials_folder() == home / "data/cbauth/credentials"
    assert open_credentials("file").description == "files in ~/data/cbauth/credentials"
    assert "~" in repr(open_credentials("file"))
    assert open_credentials("file", Path("/elsewhere")).description == "files in /elsewhere"


def test_reading_makes_nothing(files: CredentialStore, folder: Path) -> None:
    assert files.all() == []
    assert files.load(KEY) is None
    assert not folder.exists()


def test_loose_modes_are_repaired_and_told_once(
    files: CredentialStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved(files, folder)
    path.chmod(0o644)
    folder.chmod(0o755)
    for _ in range(3):
        assert files.load(KEY) == login()
    assert (mode(path), mode(folder)) == (0o600, 0o700)
    told = [record.getMessage() for record in caplog.records if record.name == "cbauth.oauth"]
    assert [("0644" in text, "0755" in text) for text in told] == [(False, True), (True, False)]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda text: text[:-20],
    "binary": lambda _: bytes(range(256)) * 4,
    "zeros": lambda text: bytes(len(text)),
    "too large": lambda text: text + b" " * (1 << 20),
    "another document": lambda _: b"[]",
    "a number": lambda _: b"1",
    "too deep": lambda _: b"[" * 100_000,
    "an old version": lambda text: text.replace(b'"version": 1', b'"version": 0'),
    "a version that is none": lambda text: text.replace(b'"version": 1', b'"version": true'),
    "no token": lambda text: text.replace(f'"access-{CANARY}"'.encode(), b'""'),
    "a token that is none": lambda text: text.replace(f'"access-{CANARY}"'.encode(), b"7"),
    "a refresh token that is none": lambda text: text.replace(f'"refresh-{CANARY}"'.encode(), b"[]"),
    "a time that is none": lambda text: text.replace(b'"lifetime": 3600.0', b'"lifetime": NaN'),
    "a time that is a truth": lambda text: text.replace(b'"lifetime": 3600.0', b'"lifetime": true'),
    "a time beyond all": lambda text: text.replace(b'"lifetime": 3600.0', b'"lifetime": 1' + b"0" * 400),
    "no time": lambda text: text.replace(b'"received_at"', b'"received"'),
    "scopes that are none": lambda text: text.replace(b'["openid", "offline_access"]', b'["openid", 1]'),
    "an extra that is none": lambda text: text.replace(b'"id_token"', b'"extra": 1, "id_token"'),
    "the login of somebody else": lambda text: text.replace(KEY.encode(), b"other"),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("by_key", [True, False], ids=["load", "all"])
def test_a_damaged_file_is_set_aside_with_one_warning_that_quotes_nothing(
    name: str, by_key: bool, files: CredentialStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved(files, folder)
    content = DAMAGE[name](path.read_bytes())
    path.write_bytes(content)
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            assert not (files.load(KEY) if by_key else files.all())
    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert warning.name == "cbauth.oauth"
    assert "is damaged" in warning.getMessage()
    assert CANARY not in caplog.text
    (aside,) = folder.glob("*.damaged-*")
    assert (aside.read_bytes(), mode(aside)) == (content, 0o600)
    files.save(login())
    assert files.load(KEY) == login()


def test_logging_out_removes_what_was_set_aside(files: CredentialStore, folder: Path) -> None:
    saved(files, folder).write_text(CANARY)
    assert files.load(KEY) is None
    files.save(login())
    assert files.delete(KEY)
    assert [path.name for path in folder.iterdir() if path.suffix != ".lock"] == []


def test_several_damaged_files_are_all_kept(files: CredentialStore, folder: Path) -> None:
    for n in range(5):
        saved(files, folder).write_text(f"damaged {n}")
        assert files.load(KEY) is None
    assert sorted(path.read_text() for path in folder.glob("*.damaged-*")) == [f"damaged {n}" for n in range(5)]


def test_many_who_find_the_damage_and_one_who_mends_it_lose_nothing(files: CredentialStore, folder: Path) -> None:
    """Nobody sets aside the good file that came in the place of the damaged one."""
    path = saved(files, folder)
    for _ in range(15):
        path.write_text("damaged")
        start = threading.Barrier(4)

        def read(start: threading.Barrier = start) -> None:
            start.wait()
            files.load(KEY)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        start.wait()
        files.save(login())
        for thread in threads:
            thread.join()
        assert files.load(KEY) == login()
    assert all(each.read_text() == "damaged" for each in folder.glob("*.damaged-*"))


def test_unknown_fields_survive_loading_and_saving_also_nested_ones(files: CredentialStore, folder: Path) -> None:
    path = saved(files, folder)
    more = {"dpop": {"key": {"kty": "EC", "list": [1, {"deep": None}]}}, "note": "ünï"}
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    found = files.load(KEY)
    assert found is not None
    assert found.extra["dpop"] == more["dpop"]
    files.save(found)
    assert more.items() <= json.loads(path.read_text()).items()
    assert json.loads(path.read_text())["id_token"] == f"id-{CANARY}"


def test_a_response_may_use_the_names_of_our_own_fields(files: CredentialStore, folder: Path) -> None:
    theirs: dict[str, Any] = {"id": "https://id.example/1", "version": 3, "key": [1], "extra": {"extra": 2}}
    files.save(login(extra=theirs))
    found = files.load(KEY)
    assert found is not None
    assert (found.id, dict(found.extra)) == ("acme-me", theirs)
    assert json.loads(file_in(folder).read_text())["version"] == 1


def test_a_newer_format_is_refused_and_left_as_it_is(
    files: CredentialStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved(files, folder)
    content = json.dumps({"version": 2, "shape": f"of another kind, {CANARY}"})
    path.write_text(content)
    acts: tuple[Callable[[], object], ...] = (lambda: files.load(KEY), lambda: files.save(login()))
    for act in acts:
        with pytest.raises(StoreError, match=r"left as it is: a newer cbauth wrote it \(its format is 2") as raised:
            act()
        assert str(path) in str(raised.value)
        assert CANARY not in str(raised.value)
    files.save(login(key="other"))
    assert [each.key for each in files.all()] == ["other"]
    assert "a newer cbauth wrote it" in caplog.text
    assert path.read_text() == content


def as_symlink(path: Path) -> None:
    target = path.with_name("target")
    path.rename(target)
    path.symlink_to(target)


def as_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_socket(path: Path) -> None:
    path.unlink()
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


ODD = {
    "a symbolic link": (as_symlink, "is a symbolic link, and is not followed"),
    "a FIFO": (as_fifo, "is not a regular file"),
    "a folder": (as_folder, "is not a regular file"),
    "a socket": (as_socket, "cannot be read"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_file_of_ours_is_not_followed_or_waited_for(
    name: str, files: CredentialStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make, complaint = ODD[name]
    path = saved(files, folder)
    make(path)
    with pytest.raises(StoreError, match=complaint) as raised:
        files.load(KEY)
    assert str(path) in str(raised.value)
    assert files.all() == []
    assert complaint in caplog.text


@pytest.mark.parametrize("target", ["file", "folder"])
def test_what_belongs_to_somebody_else_is_not_used(target: str, files: CredentialStore, folder: Path) -> None:
    """Where tests may not give files away, the root folder stands for somebody else's."""
    path = saved(files, folder)
    if needs_root:
        os.chown(path if target == "file" else folder, 12345, -1)
        store = files
    else:
        store = open_credentials("file", Path("/"))
    with pytest.raises(StoreError, match=r"belongs to another user \(uid \d+\)"):
        store.load(KEY)


def test_a_symlink_in_place_of_a_login_is_replaced_not_written_through(files: CredentialStore, folder: Path) -> None:
    """Only reading refuses it; whoever logs in again is rid of it."""
    path = saved(files, folder)
    outside = folder.parent / "outside"
    outside.write_text("untouched")
    path.unlink()
    path.symlink_to(outside)
    assert files.delete(KEY)
    assert outside.read_text() == "untouched"
    files.save(login())
    assert files.load(KEY) == login()


def test_a_write_that_fails_leaves_the_old_login_and_says_what_to_do(files: CredentialStore, folder: Path) -> None:
    """The limit on the size of files stands for a disk that is full."""
    path = saved(files, folder)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(StoreError) as raised:
            files.save(login(access_token=Secret("new")))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    told = str(raised.value)
    assert f"{path} cannot be written: {os.strerror(errno.EFBIG)}" in told
    assert "What was stored is unchanged" in told
    assert files.load(KEY) == login()
    assert list(folder.glob(".new-*")) == []


def test_a_place_that_cannot_be_had_says_so(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    store = open_credentials("file", folder)
    with pytest.raises(StoreError, match=r"cannot be read: Not a directory; it is in the place of a folder: move it"):
        store.save(login())
    with pytest.raises(StoreError, match=r"cannot be read: Not a directory"):
        store.load(KEY)
    with pytest.raises(StoreError, match=r"cannot be locked: File exists; .* move it away"), store.lock(KEY, 1):
        pass
    assert stat.S_IMODE(folder.stat().st_mode) != 0o700


def test_a_folder_in_the_place_of_a_login_cannot_be_replaced_or_removed(files: CredentialStore, folder: Path) -> None:
    path = saved(files, folder)
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="cannot be removed"):
        files.delete(KEY)
    with pytest.raises(StoreError, match="is not a regular file"):
        files.save(login())


def test_only_left_overs_older_than_a_minute_are_removed(files: CredentialStore, folder: Path) -> None:
    saved(files, folder)
    for name, age in {".new-old.tmp": 61, ".new-young.tmp": 30, "mine.tmp": 999, ".new-mine": 999}.items():
        (folder / name).write_text(CANARY)
        os.utime(folder / name, (time.time() - age,) * 2)
    files.save(login())
    left = {path.name for path in folder.iterdir() if path.suffix not in (".json", ".lock")}
    assert left == {".new-young.tmp", "mine.tmp", ".new-mine"}


RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
NASTY = st.text(st.characters(exclude_categories=()), max_size=300) | st.sampled_from(
    [
        "../../etc/passwd",
        "..",
        ".",
        "",
        "/",
        "CON",
        "nul.txt",
        "a\0b",
        "C:\\x",
        "ME@x",
        "me@x",
        "*?",
        "x" * 300,
        "-",
        "ß",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(NASTY, min_size=2, max_size=2, unique=True), provider=NASTY, account=st.none() | NASTY)
def test_names_of_files_are_safe_whatever_is_logged_in_to(
    files: CredentialStore, folder: Path, keys: list[str], provider: str, account: str | None
) -> None:
    for key in keys:
        files.save(login(key=key, provider_id=provider, account=account))
    names = [path.name for path in folder.glob("*.json")]
    assert len({name.lower() for name in names}) == len(names) == 2
    for name in names:
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
        assert name.split(".")[0] not in RESERVED
        assert name[0] not in "-."
        assert len(name) <= 128
    assert {path.name for path in folder.parent.iterdir()} == {folder.name}
    for key in keys:
        assert files.delete(key)


def test_people_find_their_login_by_its_name(files: CredentialStore, folder: Path) -> None:
    assert saved(files, folder).name.startswith("acme-me-acme-example-")


def test_files_of_others_in_the_folder_are_left_alone(files: CredentialStore, folder: Path) -> None:
    path = saved(files, folder)
    for name in ("notes.json", f"copy of {path.name}", f"{path.name}~"):
        (folder / name).write_text("mine")
    assert files.all() == [login()]
    files.delete(KEY)
    assert {each.read_text() for each in folder.iterdir() if each.suffix != ".lock"} == {"mine"}
