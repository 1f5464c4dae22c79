"""Where the kernel runs and who looks at it: what decides how a view shows itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cbauth.errors import ConfigError

__all__ = ["FRESH", "Surroundings", "apart", "chosen", "is_fresh", "look", "ui_of"]

UI = ("auto", "widgets", "html")

REMOTE = (
    "CODESPACES",
    "GITPOD_WORKSPACE_ID",
    "JUPYTERHUB_API_TOKEN",
    "JUPYTERHUB_USER",
    "SSH_CLIENT",
    "SSH_CONNECTION",
)
"""Each is set where the browser runs on another machine than the kernel."""
FRESH = 2.0
"""Seconds in which whoever pressed a button has hardly gone elsewhere."""
COLAB = ("COLAB_RELEASE_TAG", "COLAB_BACKEND_VERSION", "COLAB_GPU")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """``notebook``: a front-end shows what the kernel displays. ``widgets``: ipywidgets is there.

    ``headless``: the run asks nobody (nbclient, papermill, nbconvert). ``remote``: a browser on this machine is not the
    reader's, so that a callback would not arrive. ``terminal``: somebody types at a prompt, which shows text alone.
    """

    notebook: bool = False
    widgets: bool = False
    headless: bool = False
    terminal: bool = False
    remote: bool = False


def look(environ: Mapping[str, str] = os.environ) -> Surroundings:
    """The surroundings of this process, now."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    kernel = getattr(shell, "kernel", None)
    colab = "google.colab" in sys.modules or any(name in environ for name in COLAB)
    voila = environ.get("SERVER_SOFTWARE", "").startswith("voila/")
    asks = kernel is None or colab or voila or _may_ask(kernel)
    return Surroundings(
        notebook=kernel is not None,
        widgets=_has_widgets(),
        headless=not asks,
        terminal=kernel is None and (shell is not None or hasattr(sys, "ps1")),
        remote=colab or any(environ.get(name) for name in REMOTE),
    )


def apart() -> Context:
    """A copy of this context that belongs to no request of the kernel.

    JupyterLab sends what a widget is told (clicks, pasted text) to a subshell, so that it arrives while a cell runs.
    ipykernel 7 sends it to the main shell all the same, and lets it wait, if the widget was made or changed on behalf
    of a cell. Elsewhere this is a plain copy.
    """
    from IPython.core.getipython import get_ipython

    context = copy_context()
    parent = getattr(getattr(get_ipython(), "kernel", None), "_shell_parent", None)
    if isinstance(parent, ContextVar):
        context.run(parent.set, {})
    return context


def is_fresh() -> bool:
    """Whether the message that the kernel is at was sent a moment ago: it may have waited for a cell to end.

    Clocks that differ make it old, or newer than it is.
    """
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    sent = None if kernel is None else kernel.get_parent().get("header", {}).get("date")
    return isinstance(sent, datetime) and (datetime.now(UTC) - sent).total_seconds() < FRESH


def _may_ask(kernel: Any) -> bool:
    """Whether the request that runs allows questions: those of people do, those of programs do not."""
    parent = kernel.get_parent() or {}
    return bool(parent.get("content", {}).get("allow_stdin", True))


def _has_widgets() -> bool:
    try:
        import ipywidgets
    except ImportError:
        return False
    return int(ipywidgets.__version__.split(".")[0]) >= 8


def chosen(ui: str, around: Surroundings) -> str:
    """``widgets``, ``html``, or ``still`` where nobody looks. Raises ``ConfigError`` for what cannot be had."""
    if ui == "widgets" and not around.widgets:
        raise ConfigError('ui="widgets" needs ipywidgets 8: pip install "cbauth[notebook]"; ui="html" does without')
    if ui == "auto":
        if around.headless or not around.notebook:
            return "still"
        return "widgets" if around.widgets else "html"
    return ui if ui == "widgets" or around.notebook else "still"


def ui_of(ui: object) -> str:
    """``ui`` if it is one. Raises ``ConfigError``."""
    if ui not in UI:
        raise ConfigError(f"ui has to be one of {', '.join(UI)}, not {ui!r}")
    return str(ui)
