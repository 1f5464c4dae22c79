"""Somebody who uses the widgets of a view from Python: in a kernel that has no front-end, or in no kernel at all."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import requests

from tests.support.identity.browser import Browser, Form

__all__ = ["Person", "wait"]

PATIENCE = 30.0


def wait(condition: Callable[[], object], what: str = "") -> Any:
    """What ``condition`` gives, as soon as that is something."""
    ends = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < ends, f"it never came: {what or condition}"
        time.sleep(0.01)
    return found


class Person:
    """Uses ``view``; signs in at the provider ``issuer``."""

    def __init__(self, view: Any, issuer: str = "") -> None:
        self.view = view
        self.issuer = issuer

    def widgets(self) -> list[Any]:
        """All widgets that are shown."""
        return list(_tree(self.view.widget))

    def html(self) -> str:
        """All HTML that is shown."""
        return "\n".join(each.value for each in self.widgets() if type(each).__name__ == "Page")

    def text(self) -> str:
        """The words of it."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.html())).split())

    def says(self, text: str) -> None:
        """Wait until the view says so."""
        wait(lambda: text in self.text(), f"{text} in {self.text()}")

    def press(self, label: str) -> None:
        """Press a button."""
        wait(lambda: [each for each in self.widgets() if getattr(each, "description", "") == label])[0].click()

    def link(self) -> str:
        """The link to sign in."""
        found = wait(lambda: re.search(r'href="([^"]+)"', self.html()), "a link")
        return unescape(found[1])

    def approve(self) -> str:
        """Sign in, in a browser of one's own; the address where that ends, which is not opened."""

        def fill(form: Form) -> None:
            if "account" in form.fields:
                form.fields |= {"account": "me@acme.example", "decision": "allow"}

        with Browser(self.issuer) as browser:
            return browser.walk(self.link(), fill)[0]

    def sign_in(self) -> None:
        """Sign in, and let the callback arrive."""
        with requests.Session() as session:
            session.trust_env = False
            session.get(self.approve(), timeout=PATIENCE)

    def paste(self, address: str) -> None:
        """Paste an address, as a front-end would tell of it."""
        boxes = wait(lambda: [each for each in self.widgets() if type(each).__name__ == "Pasting"], "a box")
        boxes[0].set_state({"value": address})


def _tree(widget: Any) -> Iterator[Any]:
    if getattr(widget.layout, "display", None) == "none":
        return
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _tree(child)
