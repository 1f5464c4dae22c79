"""Take the pictures of the documentation anew: real notebooks in a real JupyterLab. `make screenshots` runs this.

The provider is the one of the tests, so what is shown is what people see; nothing is drawn or retouched.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support.identity import IdentityProvider
from tests.support.notebooks import Chromium, Desk, JupyterServer, View

HERE = Path(__file__).parent
CONFIG = """\
version: 1
providers:
  acme:
    name: Acme
    protocol: openai
    base_url: https://llm.acme.example/v1
    oauth:
      issuer: {issuer}
      client_id: cbauth
      scopes: [openid, offline_access]
      extra_params: {{prompt: consent}}
profiles:
  acme-me: {{provider: acme, oauth: {{account: me@acme.example}}, models: [atlas], priority: 20}}
  team: {{provider: openai, api_key: "env:TEAM_KEY", models: [atlas], priority: 10}}
  local: {{provider: ollama, models: [atlas]}}
policy:
  breaker: {{failure_threshold: 2, open_for: 5m}}
state: {{store: memory}}
credentials: {{store: file}}
"""
SETUP = """\
import os; os.environ["TEAM_KEY"] = "a-key"
import cbauth
from cbauth.widgets import LoginButton, LoginPanel, StatusView
toolkit = cbauth.load("profiles.yaml")
"""
CALLS = """\
import time

class Limited(Exception):
    status_code = 429

def call(lease, number):
    lease.token
    if lease.profile_id == "acme-me" and number in (4, 5):
        raise ConnectionRefusedError("nobody listens")
    if lease.profile_id == "team" and number == 9:
        raise Limited("Rate limit reached for atlas: try again in 90 seconds")

for number in range(16):
    for attempt in toolkit.attempts("atlas"):
        with attempt as lease:
            call(lease, number)
    time.sleep(0.8)
print("done")
"""


def shot(view: View, name: str, cell: int) -> None:
    """A picture of what a cell shows."""
    place = view.page.locator(".jp-CodeCell").nth(cell).locator(".cbauth-view").first
    place.screenshot(path=HERE / f"{name}.png")


def take(desk: Desk, *, dark: bool) -> None:
    """All pictures, in one theme."""
    theme = "dark" if dark else "light"
    cells = SETUP, "LoginButton(toolkit, 'acme-me')", "LoginPanel(toolkit)", "StatusView(toolkit)", "print('ready')"
    view = desk.open("lab", *cells, "", dark=dark, width=1180, height=1500, name=f"pictures-{theme}.ipynb")
    view.prints("ready")
    view.says("signed out")
    view.page.locator(".jp-CodeCell").nth(1).get_by_role("button", name="Sign in to Acme").click()
    view.link().wait_for()
    view.page.mouse.move(0, 0)
    shot(view, f"login-{theme}", 1)
    view.allow(view.follow())
    view.says("Signed in to Acme as")
    view.page.locator(".cbauth-view").nth(2).get_by_text("3 of 3 profiles are ready.").wait_for()
    shot(view, f"signed-in-{theme}", 1)
    view.page.evaluate(
        "code => { window.jupyterapp.shell.currentWidget.content.widgets[5].model.sharedModel.setSource(code) }", CALLS
    )
    view.run(5)
    view.says("cooling down")
    view.says("rate_limit")
    shot(view, f"status-{theme}", 3)


def main() -> int:
    """Take them all."""
    with (
        tempfile.TemporaryDirectory() as place,
        IdentityProvider(Path(place)) as identity,
        JupyterServer(Path(place) / "jupyter") as server,
        Chromium() as chromium,
    ):
        desk = Desk(server, chromium)
        for dark in (False, True):
            (desk.folder / "profiles.yaml").write_text(CONFIG.format(issuer=identity.issuer), "utf-8")
            take(desk, dark=dark)
            desk.leave()
            for login in (Path(place) / "jupyter/data").rglob("*.json"):
                login.unlink()  # the next one is to begin signed out
    return 0


if __name__ == "__main__":
    sys.exit(main())
