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


COUNT = """\
import gc, threading, time
from ipywidgets.widgets.widget import _instances

def ours():
    gc.collect()
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("cbauth"))

for _ in range(200):  # what was closed ends in a moment
    if len(ours()) == len(set(ours())): break
    time.sleep(0.02)
print("widgets", len(_instances), "threads", ours())
"""


def test_running_all_of_it_again_leaves_nothing_behind(desk: Desk) -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    view = desk.open("lab", *code, COUNT)
    output = view.page.locator(".jp-CodeCell").nth(len(code)).locator(".jp-OutputArea-output")
    view.prints("widgets")
    first = output.inner_text()
    assert first.count("cbauth") >= 3
    for _ in range(2):
        for number in range(len(code) + 1):
            view.run(number)
    assert output.inner_text() == first
