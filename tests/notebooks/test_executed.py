"""Every notebook runs from top to bottom, with no key and no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
for cell in notebook.cells:
    for output in cell.get("outputs", []):
        print(output.get("text", ""), output.get("data", {}).get("text/plain", ""))
"""


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_it_says(notebook: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", RUN, notebook], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    if notebook.stem == "quickstart":
        for shown in ("2 of 2 profiles healthy", "answered by spare (failover)", "'open'", "did you mean `priority`"):
            assert shown in result.stdout


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS
