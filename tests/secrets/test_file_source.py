"""Credentials from files."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from cbauth.errors import AuthError
from cbauth.plan import SecretRef
from cbauth.secrets import Source, source_for


def file_source(path: str | Path, base_dir: Path | None = None) -> Source:
    return source_for((SecretRef("file", (str(path),)),), base_dir=base_dir)


def write(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def test_a_file_gives_its_text_without_the_line_end(tmp_path: Path) -> None:
    source = file_source(write(tmp_path / "key", "sk-1\r\n"))
    assert source.missing() is None
    assert source.get().reveal() == "sk-1"


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    assert file_source(write(tmp_path / "key", b"\xef\xbb\xbfsk-1")).get().reveal() == "sk-1"


def test_a_relative_path_starts_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    write(tmp_path / "key", "sk-1")
    assert file_source("key", tmp_path).get().reveal() == "sk-1"


def test_a_tilde_is_the_home(home: Path, tmp_path: Path) -> None:
    write(home / "key", "sk-1")
    assert file_source("~/key", tmp_path).get().reveal() == "sk-1"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "key", "sk-1")
    source = file_source(path)
    assert source.get().reveal() == "sk-1"
    write(tmp_path / "new", "sk-2").replace(path)
    assert source.get().reveal() == "sk-2"
    write(path, "sk-longer")
    assert source.get().reveal() == "sk-longer"


def test_an_unchanged_file_is_read_once_until_it_is_forgotten(tmp_path: Path) -> None:
    path = write(tmp_path / "key", "sk-1")
    source = file_source(path)
    before = path.stat()
    assert source.get().reveal() == "sk-1"
    path.write_text("sk-2")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert source.get().reveal() == "sk-1", "same time, size and inode: it counts as unchanged"
    source.forget()
    assert source.get().reveal() == "sk-2"


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    source = file_source("key", tmp_path)
    assert source.missing() == "file:key cannot be read: No such file or directory"
    with pytest.raises(AuthError, match="file:key cannot be read: No such file"):
        source.get()


def test_a_path_with_a_null_character_is_missing() -> None:
    source = file_source("a\0b")
    assert source.missing() == "file:a\0b cannot be read: its path is not usable"
    with pytest.raises(AuthError, match="not usable"):
        source.get()


@pytest.mark.parametrize("kind", ["folder", "fifo", "device"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    match kind:
        case "folder":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case _:
            path.symlink_to("/dev/zero")
    source = file_source(path)
    assert source.missing() == f"file:{path} is not a regular file"
    with pytest.raises(AuthError, match="is not a regular file"):
        source.get()


def test_a_file_that_fails_while_it_is_read_is_an_error_like_any_other() -> None:
    """The memory of this process is a regular file, whose first page nobody may read."""
    with pytest.raises(AuthError, match="file:/proc/self/mem cannot be read: Input/output error"):
        file_source("/proc/self/mem").get()


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "real", "sk-1")
    (tmp_path / "key").symlink_to("real")
    assert file_source("key", tmp_path).get().reveal() == "sk-1"


def test_64_kib_are_read_and_no_more(tmp_path: Path) -> None:
    assert len(file_source(write(tmp_path / "most", b"k" * 65536)).get().reveal()) == 65536
    with pytest.raises(AuthError, match="larger than 64 KiB"):
        file_source(write(tmp_path / "more", b"k" * 65537)).get()


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AuthError, match="not UTF-8"):
        file_source(write(tmp_path / "key", b"\xff\xfesk-1")).get()


@pytest.mark.parametrize(("content", "flaw"), [("", "is empty"), ("a\nb", "more than one line")])
def test_text_that_is_no_key_is_refused(content: str, flaw: str, tmp_path: Path) -> None:
    with pytest.raises(AuthError, match=f"file:.*key .*{flaw}"):
        file_source(write(tmp_path / "key", content)).get()


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_file_that_others_can_read_is_warned_about_once(
    mode: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "key", "sk-1", mode)
    source = file_source(path)
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            assert source.get().reveal() == "sk-1"
            source.forget()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"file:{path} can be read by other users: run `chmod 600 {path}`"


def test_a_private_file_is_not_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file_source(write(tmp_path / "key", "sk-1", 0o600)).get()
    assert not caplog.records
