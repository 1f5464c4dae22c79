"""Notebooks that are run by programs: nbclient, and papermill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.notebooks.documents import notebook
from tests.support.notebooks.server import ROOT

__all__ = ["outputs", "run"]

NBCLIENT = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
try:
    NotebookClient(notebook, timeout=120, kernel_name="python3", store_widget_state=True).execute()
finally:
    nbformat.write(notebook, sys.argv[2])
"""


def run(folder: Path, *cells: str, papermill: bool = False) -> tuple[str, str]:
    """Run a notebook of these cells in ``folder``: the text of the file that is saved, and what went wrong."""
    before, after = folder / "before.ipynb", folder / "after.ipynb"
    before.write_text(json.dumps(notebook(*cells)), "utf-8")
    how = ["-m", "papermill", "--no-progress-bar"] if papermill else ["-c", NBCLIENT]
    ended = subprocess.run(
        [sys.executable, *how, str(before), str(after)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    return after.read_text("utf-8"), ended.stderr if ended.returncode else ""


def outputs(text: str, cell: int) -> list[dict[str, Any]]:
    """The outputs of a cell in the text of a saved notebook."""
    found: list[dict[str, Any]] = json.loads(text)["cells"][cell]["outputs"]
    return found
