"""Starting is light. Told by what is imported, never by a clock: what is not loaded cannot take time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"asyncio", "click", "ipywidgets", "keyring", "pydantic", "redis", "requests", "rich", "ruamel", "sqlite3"}
HEAVY |= {"requests_oauthlib", "ssl", "tenacity", "http.client", "importlib.metadata"}
PROFILES = """\
version: 1
profiles:
  a: {provider: openai, api_key: "env:A_KEY"}
  b: {provider: anthropic, api_key: "keyring:service/user", policy: {breaker: {failure_threshold: 5}}}
routes:
  smart: [gpt-4o, claude-sonnet-4]
"""


def loaded(*arguments: str) -> set[str]:
    """The modules that ``python ARGUMENTS`` imports, as the interpreter itself reports them; it has to end well."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    env["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-X", "importtime", *arguments]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    lines = ended.stderr.splitlines()
    assert ended.returncode == 0, ended.stdout or [line for line in lines if not line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


@pytest.mark.parametrize("module", ["cbauth", "cbauth.errors", "cbauth.events", "cbauth.outcomes", "cbauth.plan"])
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    modules = loaded("-c", f"import {module}")
    assert module in modules
    assert not modules & HEAVY


def test_importing_cbauth_loads_none_of_its_own_rooms() -> None:
    assert {name for name in loaded("-c", "import cbauth") if name.startswith("cbauth.")} == set()


def test_validate_loads_nothing_that_only_a_call_or_a_login_needs(tmp_path: Path) -> None:
    file = tmp_path / "profiles.yaml"
    file.write_text(PROFILES, "utf-8")
    modules = loaded("-m", "cbauth", "validate", str(file))
    assert {"cbauth.config.document", "ruamel.yaml", "pydantic_core"} <= modules
    assert not modules & {
        "pydantic",
        "importlib.metadata",
        "ipywidgets",
        "keyring",
        "redis",
        "requests",
        "requests_oauthlib",
        "tenacity",
        "sqlite3",
    }
