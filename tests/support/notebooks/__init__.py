"""Notebooks as people use them: a real Jupyter server, and a real Chromium that opens its pages.

Tests take the fixture ``desk`` (``tests/notebooks/conftest.py``)::

    def test_a_view(desk: Desk) -> None:
        page = desk.open("lab", cells("LoginButton(toolkit, 'me')"))      # runs all cells
        page.button("Sign in to Acme").click()
"""

from tests.support.notebooks.chromium import Chromium
from tests.support.notebooks.desk import Desk, View
from tests.support.notebooks.documents import notebook, strays
from tests.support.notebooks.server import JupyterServer

__all__ = ["Chromium", "Desk", "JupyterServer", "View", "notebook", "strays"]
