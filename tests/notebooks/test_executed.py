"""Every notebook runs from top to bottom, with no key and no network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.notebooks.headless import run

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SHOWN = {
    "quickstart": (
        "of 3 profiles are ready",
        "2 of 3 profiles are ready.",
        "To sign in, run `cbauth login acme-me` in a terminal.",
        "profile acme-me: needs a login: run `cbauth login acme-me`",
        "answered by spare (failover)",
        "'open'",
        "did you mean `priority`",
        "the policy before it still runs",
    ),
    "failover-lab": (
        "'local': ",
        " failovers.",
        "this policy                          260 tries for 240 calls: 20 failed, 0 lost",
        "breaker off                          322 tries for 240 calls: 82 failed, 0 lost",
        "classic ladder                       231 tries for 240 calls: 11 failed, 20 lost",
        "classic, but 10 minutes for billing  249 tries for 240 calls: 9 failed, 0 lost",
    ),
}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_it_says(notebook: Path, tmp_path: Path) -> None:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    text, wrong = run(tmp_path, *("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
    assert wrong == ""
    shown = "".join(
        "".join(output.get("text", [])) + "".join("".join(data) for data in output.get("data", {}).values())
        for cell in json.loads(text)["cells"]
        for output in cell["outputs"]
    )
    assert [words for words in SHOWN[notebook.stem] if words not in shown] == []


def test_there_are_notebooks() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(SHOWN)
