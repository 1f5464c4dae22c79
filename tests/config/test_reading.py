"""Files that are missing, are none, or cannot be read: one clear sentence, at once."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from cbauth.config import load_plan
from cbauth.errors import ConfigError


def refusal(path: Path | str) -> str:
    with pytest.raises(ConfigError) as raised:
        load_plan(path)
    (problem,) = raised.value.diagnostics
    assert problem.code in ("CBA101", "CBA102", "CBA103")
    assert (problem.line, problem.column) == (1, 1)
    assert raised.value.path == os.fspath(path)
    assert raised.value.__cause__ is None
    assert problem.help
    return str(problem.message)


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.yaml") == "there is no such file"
    assert refusal("") == "there is no such file"


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "profiles.yaml") == "there is no such file"


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "this is a folder"


def test_a_path_that_no_file_can_have() -> None:
    assert refusal("a\0b") == "this is not a path"
    assert "it cannot be read" in refusal("x" * 5000)


def test_more_than_a_mebibyte_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "big.yaml"
    with file.open("wb") as stream:
        stream.truncate(50 * 1024**3)  # sparse: it takes no room
    assert refusal(file) == "the file is larger than 1 MiB"


def test_a_mebibyte_is_read(tmp_path: Path) -> None:
    file = tmp_path / "profiles.yaml"
    text = "version: 1\nprofiles: {a: {provider: openai}}\n"
    file.write_text(text + "#" * (1024 * 1024 - len(text)))
    assert load_plan(file).profiles


def test_a_file_that_opens_but_cannot_be_read() -> None:
    """A process's own memory has nothing at its beginning."""
    assert refusal("/proc/self/mem") in ("it cannot be read: Input/output error", "there is no such file")


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert "it cannot be read" in refusal(tmp_path / "loop")


def test_a_pipe_that_nobody_writes_to_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "this is a pipe"


def test_a_device() -> None:
    assert refusal("/dev/zero") == "this is a device or socket"


def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert "cannot be read" in refusal("s")
