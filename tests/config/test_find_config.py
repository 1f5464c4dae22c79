"""The search order: named, CBAUTH_CONFIG, the current folder, the user's configuration folder; nothing above."""

from __future__ import annotations

from pathlib import Path

import pytest
from platformdirs import user_config_path

from cbauth.config import find_config, load_plan
from cbauth.errors import ConfigError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder inside another one that has a profiles.yaml."""
    (tmp_path / "profiles.yaml").touch()
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def own() -> Path:
    """The user's own file, created."""
    path = user_config_path("cbauth", appauthor=False) / "profiles.yaml"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_a_named_file_wins_and_is_trusted_even_if_it_is_missing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "profiles.yaml").touch()
    monkeypatch.setenv("CBAUTH_CONFIG", "other.yaml")
    assert find_config("mine.yaml") == (Path("mine.yaml"), True)
    with pytest.raises(ConfigError, match="there is no such file"):
        load_plan(find_config("mine.yaml")[0])


def test_the_variable_comes_next_and_counts_as_naming_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "profiles.yaml").touch()
    monkeypatch.setenv("CBAUTH_CONFIG", "~/other.yaml")
    assert find_config() == (Path.home() / "other.yaml", True)


def test_an_empty_variable_is_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "profiles.yaml").touch()
    monkeypatch.setenv("CBAUTH_CONFIG", "")
    assert find_config() == (Path("profiles.yaml"), False)


def test_a_file_that_was_only_found_here_is_untrusted_unless_somebody_trusts_it(here: Path) -> None:
    (here / "profiles.yaml").touch()
    own()
    assert find_config() == (Path("profiles.yaml"), False)
    asked: list[Path] = []

    def trusts(path: Path) -> bool:
        asked.append(path)
        return True

    assert find_config(is_trusted=trusts) == (Path("profiles.yaml"), True)
    assert asked == [Path("profiles.yaml")]


def test_a_broken_link_is_found_and_reading_it_says_what_is_wrong(here: Path) -> None:
    (here / "profiles.yaml").symlink_to("nowhere")
    path, _ = find_config()
    with pytest.raises(ConfigError, match="there is no such file"):
        load_plan(path)


def test_the_users_own_file_comes_last_and_is_trusted(here: Path) -> None:
    path = own()
    assert find_config(is_trusted=lambda _: False) == (path, True)


def test_no_folder_above_is_searched_and_the_error_lists_the_places(here: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        find_config()
    assert str(here / "profiles.yaml") in str(raised.value)
    assert str(user_config_path("cbauth", appauthor=False) / "profiles.yaml") in str(raised.value)
    assert "cbauth demo --show-config" in str(raised.value)
    assert "cbauth init" in str(raised.value)
