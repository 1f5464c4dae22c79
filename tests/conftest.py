"""What every test may rely on: it never meets the user's own keys, logins, state, configuration or proxies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

pytest_plugins = ["tests.support.identity.fixtures"]

# A shell that starts a job in the background has it ignore Ctrl-C, and so would every program that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FOLDERS = {
    "HOME": "",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_RUNTIME_DIR": "run",
    "XDG_STATE_HOME": "state",
}
PERSONAL = (
    *("CBAUTH_", "ANTHROPIC_", "DEEPSEEK_", "GEMINI_", "GH_", "GITHUB_TOKEN", "GOOGLE_", "GROK_", "GROQ_", "MISTRAL_"),
    *("OLLAMA_", "OPENAI_", "OPENROUTER_", "XAI_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_COLOR", "FORCE_COLOR"),
)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty home of somebody new to this machine; each test runs as a person of its own."""
    home = tmp_path_factory.mktemp("home")
    for name, place in FOLDERS.items():
        folder = home / place
        folder.mkdir(mode=0o700, exist_ok=True)
        monkeypatch.setenv(name, str(folder))
    for name in [name for name in os.environ if name.upper().startswith(PERSONAL)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return home
