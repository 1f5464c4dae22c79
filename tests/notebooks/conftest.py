"""A desk with a Jupyter server and a browser, and policies whose profiles sign in at the real identity provider.

The server is started once, and what uses it is run by one worker, so that there is one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import cbauth
from cbauth.widgets import LoginButton
from cbauth.widgets.registry import registered
from tests.support.identity import IdentityProvider
from tests.support.notebooks import Chromium, Desk, JupyterServer
from tests.support.notebooks.person import Person

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "desk" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("desk"))


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with JupyterServer(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture
def chromium() -> Iterator[Chromium]:
    """A browser for one test: Playwright keeps an event loop running in the thread that started it."""
    with Chromium() as browser:
        yield browser


@pytest.fixture
def desk(jupyter: JupyterServer, chromium: Chromium) -> Iterator[Desk]:
    """Somebody at a desk, with nothing open yet."""
    person = Desk(jupyter, chromium)
    yield person
    person.leave()


@dataclass(frozen=True)
class Policy:
    """A profiles.yaml with the login ``me`` at Acme and a ``spare`` that needs none."""

    path: Path
    text: str

    @property
    def setup(self) -> str:
        """The first cell of every notebook."""
        return (
            "import cbauth\n"
            "from cbauth.widgets import LoginButton, LoginPanel, StatusView\n"
            f"toolkit = cbauth.load({str(self.path)!r})\n"
        )

    def edit(self, old: str, new: str) -> None:
        """Edit the file."""
        assert old in self.text
        self.path.write_text(self.text.replace(old, new), "utf-8")


@pytest.fixture
def policy(identity: IdentityProvider, tmp_path: Path) -> Policy:
    """Somebody new at the provider: nobody has signed in as this account."""
    text = f"""\
version: 1
providers:
  acme:
    name: Acme
    protocol: openai
    base_url: https://llm.acme.example/v1
    oauth:
      issuer: {identity.issuer}
      client_id: cbauth
      scopes: [openid, offline_access]
      extra_params: {{prompt: consent}}
profiles:
  me: {{provider: acme, oauth: {{account: person-{next(_numbers)}}}, models: ["*"]}}
  fast: {{provider: ollama, models: [m], priority: 10}}
  spare: {{provider: ollama, base_url: "http://127.0.0.1:11435/v1", models: [m]}}
policy:
  breaker: {{failure_threshold: 2, open_for: 10m}}
state: {{store: memory}}
credentials: {{store: file}}
"""
    path = tmp_path / "profiles.yaml"
    path.write_text(text, "utf-8")
    return Policy(path, text)


@pytest.fixture
def toolkit(policy: Policy) -> Iterator[cbauth.Toolkit]:
    """The policy, running; no view of it is left open."""
    with cbauth.load(policy.path) as toolkit:
        yield toolkit
        for view in registered():
            view.close()


@pytest.fixture
def button(toolkit: cbauth.Toolkit, identity: IdentityProvider) -> Person:
    """Somebody in front of the button of ``me``."""
    return Person(LoginButton(toolkit, "me"), identity.issuer)
