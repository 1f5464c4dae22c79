"""Views for notebooks: sign in with a button, watch the policy live. ``pip install "cbauth[notebook]"``.

They work in JupyterLab, Notebook 7, VS Code, Colab, JupyterHub and Voila; where there are no widgets, as plain HTML;
where nobody looks (nbclient, papermill) as still text that names the command to type.
"""

from __future__ import annotations

from importlib import import_module

try:
    import_module("IPython")
except ImportError as error:
    raise ImportError('cbauth.widgets needs packages more: pip install "cbauth[notebook]"') from error

from cbauth.widgets.logins import LoginButton, LoginPanel
from cbauth.widgets.status import StatusView
from cbauth.widgets.timeline import Timeline

__all__ = ["LoginButton", "LoginPanel", "StatusView", "Timeline"]
