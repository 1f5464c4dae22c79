"""Somebody at a desk: opens notebooks, looks at views, signs in on another tab."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page

from tests.support.notebooks.chromium import PATIENCE, Chromium
from tests.support.notebooks.documents import notebook
from tests.support.notebooks.server import JupyterServer

__all__ = ["Desk", "View"]

READY = """() => {
    const app = window.jupyterapp, widget = app?.shell?.currentWidget;
    return widget?.context?.isReady && widget.sessionContext?.session?.kernel?.connectionStatus === 'connected';
}"""

POPUP = "if (window === top) window.popupsAreBlocked = window.open('about:blank') === null"
"""What pages do that open another one without being asked to."""


class Desk:
    """Opens notebooks in the front-ends of one server, each in a browser profile of its own."""

    def __init__(self, server: JupyterServer, chromium: Chromium) -> None:
        self.server = server
        self._chromium = chromium
        self._numbers = itertools.count()
        self._open: list[BrowserContext] = []

    @property
    def folder(self) -> Path:
        """Where the notebooks lie; the current folder of their kernels."""
        return self.server.notebooks

    def open(
        self,
        front_end: str,
        *cells: str,
        dark: bool = False,
        width: int = 1100,
        height: int = 1000,
        name: str = "",
        reaches_only: str = "",
        settled: bool = True,
    ) -> View:
        """A notebook of these cells, opened, with all of them run; ``settled=False``: under way.

        ``reaches_only``: a server; the browser is one that reaches nothing else but Jupyter, like one that is far away.
        """
        name = name or f"notebook-{next(self._numbers)}.ipynb"
        (self.folder / name).write_text(json.dumps(notebook(*cells)), "utf-8")
        reached = [self.server.address, reaches_only] if reaches_only else []
        context = self._chromium.profile(dark=dark, width=width, height=height, reached=reached)
        self._open.append(context)
        view = View(self, front_end, name, context)
        view.load()
        if front_end != "voila":
            if front_end == "lab":
                view.command("apputils:change-theme", theme=f"JupyterLab {'Dark' if dark else 'Light'}")
            view.run_all()
            if settled:  # while cells run, the front-end scrolls and moves the focus
                view.until("window.ranAll")
        return view

    def read(self, text: str, *, dark: bool = False) -> View:
        """A notebook that somebody else has run, opened in JupyterLab, which does not trust it; nothing is run."""
        name = f"notebook-{next(self._numbers)}.ipynb"
        (self.folder / name).write_text(text, "utf-8")
        context = self._chromium.profile(dark=dark, width=1100, height=1000, reached=[])
        self._open.append(context)
        view = View(self, "lab", name, context)
        view.load()
        view.command("apputils:change-theme", theme=f"JupyterLab {'Dark' if dark else 'Light'}")
        return view

    def leave(self) -> None:
        """Close all pages, end all kernels."""
        for context in self._open:
            context.close()
        self._open.clear()
        self.server.end_kernels()


class View:
    """One notebook in one front-end, as somebody sees it."""

    def __init__(self, desk: Desk, front_end: str, name: str, context: BrowserContext) -> None:
        self._desk = desk
        self._front_end = front_end
        self._name = name
        self.context = context
        self.page: Page = context.new_page()
        self.page.add_init_script(POPUP)

    # the front-end

    def load(self) -> None:
        """Load the page, or load it again, and wait until its kernel listens."""
        self.page.goto(self._desk.server.url(self._front_end, self._name))
        if self._front_end != "voila":
            self.page.wait_for_function(READY)

    def command(self, name: str, **arguments: Any) -> None:
        """What the menu entry of that name does."""
        self.page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, arguments])

    def run_all(self) -> None:
        """Run all cells; does not wait for them."""
        self.page.evaluate(
            """() => {
                window.ranAll = false;
                window.jupyterapp.commands.execute('notebook:run-all-cells').finally(() => { window.ranAll = true });
            }"""
        )

    def run(self, number: int) -> None:
        """Run one cell again, and wait until it has ended."""
        self.page.evaluate(
            """async number => {
                const content = window.jupyterapp.shell.currentWidget.content;
                content.activeCellIndex = number;
                await window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            number,
        )

    def restart(self) -> None:
        """Restart the kernel."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self.page.wait_for_function(READY)

    def save(self) -> str:
        """Save the notebook with the state of its widgets; the text of the file."""
        self.page.evaluate(
            """async () => {
                const app = window.jupyterapp, along = '@jupyter-widgets/jupyterlab-manager:saveWidgetState';
                if (!app.commands.isToggled(along)) await app.commands.execute(along);
                const context = app.shell.currentWidget.context;
                context.model.dirty = true;
                await context.save();
            }"""
        )
        return (self._desk.folder / self._name).read_text("utf-8")

    # what is seen

    def button(self, name: str) -> Locator:
        """A button."""
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self) -> Locator:
        """The link to sign in."""
        return self.page.get_by_role("link", name="and sign in, in a new tab")

    def box(self) -> Locator:
        """The box for an address."""
        return self.page.get_by_label("Paste its address")

    def says(self, text: str) -> Locator:
        """A piece of a view, by its text. Waits until it is there."""
        found = self.page.locator(".cbauth-view").get_by_text(text).first
        found.wait_for()
        return found

    def prints(self, text: str) -> None:
        """Wait until a cell has printed ``text``."""
        self.page.locator(".jp-OutputArea-output").get_by_text(text).first.wait_for()

    # the other tab

    def follow(self) -> Page:
        """Click the link; the tab that it opens."""
        with self.context.expect_page() as opened:
            self.link().click()
        return opened.value

    def allow(self, tab: Page) -> None:
        """Say who one is at the provider, and allow it."""
        tab.locator("#account").fill("me@acme.example")
        tab.locator("#allow").click()

    def lost_callback(self) -> str:
        """Sign in where no callback arrives: the address of the page that is not found in the end."""
        with self.context.expect_event("request", lambda request: "/callback?" in request.url) as lost:
            self.allow(self.follow())
        return str(lost.value.url)

    def until(self, condition: str) -> None:
        """Wait until a JavaScript expression holds in the page."""
        self.page.wait_for_function(condition, timeout=PATIENCE)
