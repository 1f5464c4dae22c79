"""Somebody with a profiles.yaml that names a real identity provider, at a shell without a display."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.logins.shell import Shell, config_for
from tests.support.identity import IdentityProvider


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, identity: IdentityProvider) -> Path:
    """The current folder; its profiles.yaml was named, so it is trusted."""
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CBAUTH_CONFIG", str(tmp_path / "profiles.yaml"))
    monkeypatch.setenv("TEAM_KEY", "key-of-the-team-4711")
    (tmp_path / "profiles.yaml").write_text(config_for(identity))
    return tmp_path


@pytest.fixture
def shell(here: Path, identity: IdentityProvider) -> Iterator[Shell]:
    """A shell there. Whatever a test does, no command shows a secret that the provider has issued or received."""
    shell = Shell(identity)
    try:
        yield shell
    finally:
        shell.close()
    shown = shell.shown
    assert "key-of-the-team" not in shown
    assert [kind for value, kind in identity.issued().items() if value in shown] == []
