"""The ipywidgets that the views are made of. Nothing else in cbauth imports ipywidgets.

Laws:

1. A control is changed only when what it shows changes, and never rebuilt: the focus stays where it is.
2. What holds a link, a code or a pasted address has no ``repr`` of it, and is emptied when it is no longer needed.
3. What is pasted comes when somebody is done with it, not key by key; it is cleared before it is used, and not sent
   back to other front-ends.
4. Closing closes the whole tree, the models of layouts and styles as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import ipywidgets
import traitlets

from cbauth.secrets import Secret
from cbauth.widgets.states import LoginSnapshot
from cbauth.widgets.wording import offer_html, row_html

__all__ = ["LoginControls", "Page", "Pasting", "close_tree", "page"]


class Page(ipywidgets.HTML):
    """HTML whose ``repr`` does not show what it holds."""

    def _repr_keys(self) -> Iterator[str]:
        return (key for key in super()._repr_keys() if key != "value")


class Pasting(ipywidgets.Password):
    """A box for an address that holds a code: told when somebody is done, cleared at once."""

    value = traitlets.Unicode("").tag(sync=True, echo_update=False)

    def __init__(self, taken: Callable[[Secret], object], **settings: Any) -> None:
        super().__init__(continuous_update=False, **settings)
        self._taken = taken
        self._context = copy_context()
        self.observe(self._changed, "value")

    def _changed(self, change: Any) -> None:
        pasted = Secret(change["new"])
        change["new"] = ""
        if pasted:
            self._context.copy().run(setattr, self, "value", "")
            self._taken(pasted)


def page(html: str = "") -> Page:
    """A piece of HTML as wide as the view."""
    return Page(html, layout=ipywidgets.Layout(width="auto", margin="0"))


def put(widget: Any, name: str, value: Any) -> None:
    """Change a trait, if it is another value."""
    if getattr(widget, name) != value:
        setattr(widget, name, value)


def show(widget: Any, shown: bool) -> None:
    """Show or hide a control; what is hidden cannot be reached by keyboard either."""
    put(widget.layout, "display", None if shown else "none")


class LoginControls:
    """The row of one profile: what it says, its buttons, its link, its box. ``box`` is the widget to show."""

    def __init__(
        self,
        shown: LoginSnapshot,
        *,
        status: bool,
        click: Callable[[], object],
        cancel: Callable[[], object],
        paste: Callable[[Secret], object],
    ) -> None:
        fitting = {"width": "auto", "max_width": "100%", "margin": "2px 8px 2px 0"}
        self._status = status
        self._said = page()
        self._button = ipywidgets.Button(button_style="primary", layout=ipywidgets.Layout(**fitting))
        self._cancel = ipywidgets.Button(description="Cancel", layout=ipywidgets.Layout(**fitting))
        self._offer = page()
        self._pasting = Pasting(
            paste,
            description="Page not found after signing in? Paste its address:",
            placeholder="http://127.0.0.1:…/callback?…",
            style={"description_width": "initial"},
            layout=ipywidgets.Layout(width="auto", min_width="240px", max_width="640px", flex="1 1 320px"),
        )
        self._done = ipywidgets.Button(description="Continue", layout=ipywidgets.Layout(**fitting))
        self._row = ipywidgets.HBox(
            [self._pasting, self._done],
            layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center", grid_gap="0 8px"),
        )
        self._buttons = ipywidgets.HBox([self._button, self._cancel])
        self.box = ipywidgets.VBox(
            [self._said, self._offer, self._row, self._buttons], layout=ipywidgets.Layout(padding="4px 0", width="100%")
        )
        self._button.on_click(lambda _: click())
        self._cancel.on_click(lambda _: cancel())
        self._done.on_click(lambda _: paste(Secret("")))
        self.apply(shown)

    def apply(self, shown: LoginSnapshot) -> None:
        """Show this."""
        offer = shown.offer
        put(self._offer, "value", "" if offer is None else offer_html(shown, offer))
        show(self._offer, offer is not None)
        show(self._row, offer is not None and offer.pastes)
        put(self._said, "value", row_html(shown, status=self._status))
        again = "Sign in again to" if not shown.needs_login else "Sign in to"
        put(self._button, "description", f"{again} {shown.provider}")
        put(self._button, "tooltip", f"Sign in to {shown.provider} for profile {shown.profile_id}")
        put(self._cancel, "tooltip", f"Cancel the login of profile {shown.profile_id}")
        show(self._button, not shown.state.busy and not shown.state.away)
        show(self._cancel, shown.state.busy)


def close_tree(widget: Any) -> None:
    """Close a widget and all that belongs to it."""
    children = getattr(widget, "children", ())
    parts = [part for part in (getattr(widget, "layout", None), getattr(widget, "style", None)) if part is not None]
    widget.close()
    for child in children:
        close_tree(child)
    for part in parts:
        part.close()
