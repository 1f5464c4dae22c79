"""quickstart.ipynb by hand: somebody runs it, signs in, and runs a cell again. With no network."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.notebooks import Desk

NOTEBOOK = Path(__file__).parents[2] / "notebooks/quickstart.ipynb"


def test_somebody_who_runs_the_quickstart_can_sign_in(desk: Desk) -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (call,) = (number for number, text in enumerate(code) if "toolkit.acquire(" in text)
    view = desk.open("lab", *code)
    view.prints("profile acme-me: needs a login")
    view.button("Sign in to Acme").click()
    page = view.follow()
    page.get_by_text("There is no password").wait_for()
    page.get_by_role("button", name="Allow").click()
    view.says("Signed in to Acme as you@acme.example")
    view.run(call)
    view.prints("<Lease acme-me (acme) for 'acme-large'")
