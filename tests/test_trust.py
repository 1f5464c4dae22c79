"""A file that was only found is trusted after ``cbauth trust``, until somebody changes it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cbauth.errors import ConfigError, StoreError
from cbauth.trust import fingerprint, is_trusted, revoke, trust

FILE = """\
version: 1
profiles:
  team: {provider: openai, api_key: env:OPENAI_API_KEY}
"""
SHOWN = """\
version: 1
providers:
  acme:
    name: Acme
    protocol: openai
    base_url: https://llm.acme.example/v1
    oauth:
      client_id: cbauth
      client_secret: env:ACME_SECRET
      authorization_endpoint: https://login.acme.example/authorize
      token_endpoint: https://tokens.acme.example/token
profiles:
  acme-me: {provider: acme, oauth: {}}
  eu: {provider: openai, api_key: env:OPENAI_API_KEY, base_url: "https://eu.api.openai.com/v1"}
  vault: {provider: openai, api_key: 'command:["sh", "-c", "echo it''s | tail -1"]'}
  usual: {provider: google}
  local: {provider: ollama}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A profiles.yaml in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "profiles.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def records(home: Path) -> Path:
    """Where trust is recorded."""
    return home / "state" / "cbauth" / "trust"


def command(*words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "cbauth", "trust", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def test_nothing_is_trusted_by_itself(file: Path) -> None:
    assert not is_trusted(file)


def test_a_trusted_file_is_trusted_by_any_name_that_leads_to_it(file: Path, tmp_path: Path) -> None:
    assert trust("profiles.yaml") == file.resolve()
    (tmp_path / "link.yaml").symlink_to("profiles.yaml")
    (tmp_path / "folder").mkdir()
    for name in (file, str(file), "profiles.yaml", "./profiles.yaml", "folder/../profiles.yaml", "link.yaml"):
        assert is_trusted(name)


def test_a_hostile_edit_ends_the_trust(file: Path) -> None:
    trust(file)
    before = file.stat()
    evil = FILE.replace("env:OPENAI_API_KEY", "env:OPENAI_API_KEY, base_url: 'https://evil.example/v1'")
    file.write_text(evil)
    assert not is_trusted(file)
    file.write_text(FILE.replace("OPENAI", "SECRET"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert not is_trusted(file), "the same size and time do not help"
    file.write_text(FILE + " ")
    assert not is_trusted(file)
    file.write_text(FILE)
    assert is_trusted(file), "what was looked at is trusted again"


def test_the_same_content_elsewhere_is_not_trusted(file: Path, tmp_path: Path) -> None:
    """Relative programs and key files mean something else there."""
    trust(file)
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "profiles.yaml"
    copy.write_text(FILE)
    assert not is_trusted(copy)
    file.rename(tmp_path / "old.yaml")
    assert not is_trusted(tmp_path / "old.yaml")


def test_a_link_that_is_turned_to_another_file_is_not_trusted(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    trust(link)
    evil = tmp_path / "evil.yaml"
    evil.write_text(FILE)
    link.unlink()
    link.symlink_to(evil)
    assert not is_trusted(link)


def test_only_what_was_looked_at_is_trusted(file: Path) -> None:
    """The file is exchanged while somebody reads what it allows."""
    seen = fingerprint(file)
    file.write_text(FILE.replace("env:", "file:"))
    with pytest.raises(ConfigError, match="has just changed: look at it"):
        trust(file, seen)
    assert not is_trusted(file)


def test_where_state_goes_is_shown_before_it_goes_there(file: Path) -> None:
    file.write_text(FILE + 'state: {store: "redis://cache.example:6379/0"}\n')
    assert "  state is kept in redis://cache.example:6379/0\n" in command("profiles.yaml").stdout


def test_a_later_trust_replaces_an_earlier_one(file: Path, records: Path) -> None:
    trust(file)
    file.write_text(FILE + "# more\n")
    trust(file)
    assert is_trusted(file)
    file.write_text(FILE)
    assert not is_trusted(file)
    assert len(list(records.iterdir())) == 1


def test_trust_can_be_taken_back(file: Path) -> None:
    assert revoke(file) is False
    trust(file)
    assert revoke(file) is True
    assert not is_trusted(file)


def test_records_are_for_their_owner_alone_and_nothing_is_left_beside_them(file: Path, records: Path) -> None:
    before = os.umask(0)
    try:
        trust(file)
    finally:
        os.umask(before)
    (record,) = records.iterdir()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (records.parent, records, record)]
    assert modes == [0o700, 0o700, 0o600]
    records.chmod(0o755)
    trust(file)
    assert stat.S_IMODE(records.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"x"', "{}", "[" * 100_000, "\udcff"])
def test_a_record_that_nobody_can_read_is_no_trust(content: str, file: Path, records: Path) -> None:
    trust(file)
    (record,) = records.iterdir()
    record.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert not is_trusted(file)


def test_a_record_made_for_another_file_is_no_trust(file: Path, records: Path, tmp_path: Path) -> None:
    trust(file)
    (record,) = records.iterdir()
    other = tmp_path / "other.yaml"
    other.write_text(FILE)
    trust(other)
    (theirs,) = set(records.iterdir()) - {record}
    theirs.write_bytes(record.read_bytes())
    assert not is_trusted(other)


@pytest.mark.parametrize("kind", ["absent", "folder", "fifo", "null"])
def test_what_is_no_file_is_not_trusted_and_never_waited_for(kind: str, tmp_path: Path) -> None:
    path = str(tmp_path / "profiles.yaml")
    match kind:
        case "folder":
            Path(path).mkdir()
        case "fifo":
            os.mkfifo(path)
        case "null":
            path = "profiles\0.yaml"
        case _:
            pass
    assert not is_trusted(path)
    with pytest.raises(ConfigError, match=r"cannot be read|not a regular file|not a path"):
        trust(path)
    assert not is_trusted(path)


def test_a_state_folder_that_cannot_be_written_is_a_clear_error(file: Path, home: Path) -> None:
    (home / "state" / "cbauth").write_text("an obstacle")
    with pytest.raises(StoreError, match="trust cannot be recorded in"):
        trust(file)
    assert not is_trusted(file)


def test_a_record_that_cannot_be_replaced_is_a_clear_error_and_leaves_nothing_behind(file: Path, records: Path) -> None:
    trust(file)
    (record,) = records.iterdir()
    record.unlink()
    (record / "obstacle").mkdir(parents=True)
    with pytest.raises(StoreError, match="trust cannot be recorded in"):
        trust(file)
    with pytest.raises(StoreError, match="cannot be removed"):
        revoke(file)
    assert list(records.iterdir()) == [record]


def test_many_at_a_time_do_not_lose_each_other(tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.yaml" for n in range(40)]
    for path in files:
        path.write_text(FILE)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(trust, files))
    assert all(is_trusted(path) for path in files)


def test_the_command_trusts_the_file_of_this_folder_and_shows_what_that_allows(file: Path) -> None:
    file.write_text(SHOWN)
    done = command()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"trusted: {file.resolve()}",
        "  acme-me  a login with env:ACME_SECRET -> llm.acme.example, tokens.acme.example",
        "  eu       env:OPENAI_API_KEY -> eu.api.openai.com",
        "  vault    runs `sh -c 'echo it'\"'\"'s | tail -1'` -> api.openai.com",
        "  usual    env:GEMINI_API_KEY or env:GOOGLE_API_KEY -> generativelanguage.googleapis.com",
    ]
    assert is_trusted(file)


def test_the_command_takes_a_file_or_a_folder_and_takes_trust_back(file: Path, tmp_path: Path) -> None:
    assert command(str(tmp_path)).stdout.splitlines()[0] == f"trusted: {file.resolve()}"
    assert command("--revoke", str(file)).stdout == f"no longer trusted: {file}\n"
    assert not is_trusted(file)
    assert command("--revoke").stdout == "was not trusted: profiles.yaml\n"


def test_the_command_shows_nothing_that_a_terminal_would_obey(file: Path) -> None:
    """A hostile file hides its program behind escape sequences."""
    file.write_text(
        "version: 1\nprofiles:\n  a: {provider: openai, "
        'api_key: "command:[\\"evil\\", \\"\\\\u001b[2K\\\\u202e\\\\u200b\\"]"}\n'
    )
    done = command()
    assert done.returncode == 0, done.stderr
    assert "runs `evil '\\x1b[2K\\u202e\\u200b'` -> api.openai.com" in done.stdout


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, 2), ("a: [", 2), ("version: 1\n", 1), ("version: 1\nprofiles: {a: {provider: nobody}}\n", 1)],
    ids=["no file", "no YAML", "no profile", "a wrong profile"],
)
def test_the_command_trusts_no_file_that_cannot_be_used(content: str | None, code: int, file: Path) -> None:
    file.unlink()
    if content is not None:
        file.write_text(content)
    done = command()
    assert (done.returncode, done.stdout) == (code, "")
    assert "profiles.yaml" in done.stderr
    assert not is_trusted(file)
