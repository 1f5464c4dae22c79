"""The ipywidgets that the views are made of, but for the boxes around them.

Laws:

1. A control is changed only when what it shows changes, and never rebuilt: the focus stays where it is. The button to
   sign in stays while a login is on its way, and does nothing then: what one does next follows it, in the order in
   which the keyboard goes. The focus is moved only off a button that goes away because it was pressed.
2. What holds a link, a code or a pasted address has no ``repr`` of it, and is emptied when it is no longer needed.
3. What is pasted comes when somebody is done with it, not key by key; it is cleared before it is used, and not sent
   back to other front-ends.
4. Closing closes the whole tree, the models of layouts and styles as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from time import monotonic
from typing import Any

import ipywidgets
import traitlets

from cbauth.secrets import Secret
from cbauth.widgets.states import LoginSnapshot
from cbauth.widgets.surroundings import FRESH, is_fresh
from cbauth.widgets.wording import offer_html, row_html

__all__ = ["LoginControls", "Page", "Pasting", "close_tree", "page", "put", "styles"]


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


NEVER = -1e9
AT_ONCE = 0.5
"""Seconds within which two messages of a front-end belong together."""
STYLE = (
    ".cbauth-view .widget-label, .cbauth-view .jupyter-button"
    " { white-space: normal; overflow: visible; overflow-wrap: anywhere; height: auto; line-height: 1.4 }"
    " .cbauth-view .widget-html-content { min-width: 0 }"
    " .cbauth-view .widget-label { text-align: left; width: auto }"
    " .cbauth-view .jupyter-button { text-align: left; padding: 4px 10px; min-height: 28px }"
)
"""Labels and buttons wrap where there is little room: ipywidgets cuts them off, and offers no trait for that."""


def styles() -> Page:
    """What the controls of a view need beside their layouts."""
    return Page(f"<style>{STYLE}</style>", layout=ipywidgets.Layout(display="none"))


def put(widget: Any, name: str, value: Any) -> None:
    """Change a trait, if it is another value."""
    if getattr(widget, name) != value:
        setattr(widget, name, value)


def show(widget: Any, shown: bool) -> None:
    """Show or hide a control; what is hidden cannot be reached by keyboard either."""
    put(widget.layout, "display", None if shown else "none")


class LoginControls:
    """The row of one profile: what it says, its buttons, its link, its box. ``box`` is the widget to show.

    ``alone``: there is no other row, whose controls would have the same names, and none but it to read out changes.
    """

    def __init__(
        self,
        shown: LoginSnapshot,
        *,
        alone: bool,
        click: Callable[[], object],
        cancel: Callable[[], object],
        paste: Callable[[Secret], object],
    ) -> None:
        fitting = {"width": "auto", "max_width": "100%", "margin": "2px 8px 2px 0"}
        self._alone = alone
        self._named = "" if alone else f" ({shown.profile_id})"
        self._finished_at = self._entered_at = NEVER
        self._handed_in = False
        self._said = page()
        self._button = ipywidgets.Button(layout=ipywidgets.Layout(**fitting, align_self="flex-start"))
        self._cancel = ipywidgets.Button(description=f"Cancel{self._named}", layout=ipywidgets.Layout(**fitting))
        self._offer = page()
        self._pasting = Pasting(
            lambda address: self._hand_in(paste, address),
            description=f"Page not found after signing in? Paste its address{self._named}:",
            placeholder="http://127.0.0.1:…/callback?…",
            style={"description_width": "auto"},
            layout=ipywidgets.Layout(
                width="auto", max_width="640px", height="auto", flex_flow="column", align_items="stretch"
            ),
        )
        self._done = ipywidgets.Button(description=f"Continue{self._named}", layout=ipywidgets.Layout(**fitting))
        self._ends = ipywidgets.HBox([self._done, self._cancel], layout=ipywidgets.Layout(flex_flow="row wrap"))
        self.box = ipywidgets.VBox(
            [self._said, self._button, self._offer, self._pasting, self._ends],
            layout=ipywidgets.Layout(padding="4px 0", width="100%"),
        )
        self._button.on_click(lambda _: click())
        self._cancel.on_click(lambda _: self._back_from(cancel))
        self._done.on_click(lambda _: self._go_on(paste))
        self._pasting.on_msg(lambda _, message, __: self._submitted() if message.get("event") == "submit" else None)
        self.apply(shown)

    def apply(self, shown: LoginSnapshot) -> None:
        """Show this."""
        offer, busy = shown.offer, shown.state.busy
        put(self._offer, "value", "" if offer is None else offer_html(shown, offer, self._named))
        show(self._offer, offer is not None)
        pastes = offer is not None and offer.pastes
        for part in (self._pasting, self._done):
            show(part, pastes)
        self._catch_focus()
        put(self._said, "value", row_html(shown, status=self._alone))
        again = "Sign in again to" if not shown.needs_login else "Sign in to"
        does = f"Signing in to {shown.provider}…" if busy else f"{again} {shown.provider}"
        put(self._button, "description", f"{does}{self._named}")
        put(self._button, "button_style", "" if busy else "primary")
        put(self._button, "tooltip", f"Sign in to {shown.provider} for profile {shown.profile_id}")
        put(self._cancel, "tooltip", f"Cancel the login of profile {shown.profile_id}")
        show(self._button, not shown.state.away)
        show(self._cancel, busy)

    def _back_from(self, cancel: Callable[[], object]) -> None:
        """Cancel, and do not leave the focus on a button that goes away."""
        if is_fresh():
            self._button.focus()
        cancel()

    def _hand_in(self, paste: Callable[[Secret], object], address: Secret) -> None:
        self._handed_in = monotonic() - self._entered_at > AT_ONCE  # or else it came with Enter
        paste(address)

    def _go_on(self, paste: Callable[[Secret], object]) -> None:
        """Continue: what stands in the box comes as a message of its own, before this one."""
        self._finish()
        handed_in, self._handed_in = self._handed_in, False
        if not handed_in:
            paste(Secret(""))

    def _submitted(self) -> None:
        """Enter in the box, whose content comes just before this or just after."""
        self._handed_in, self._entered_at = False, monotonic()
        self._finish()

    def _finish(self) -> None:
        """Somebody is done with the box, and it goes away if the address was right, with the focus in it or beside."""
        if is_fresh():
            self._finished_at = monotonic()
            self._catch_focus()

    def _catch_focus(self) -> None:
        if self._done.layout.display == "none" and monotonic() - self._finished_at < FRESH:
            self._finished_at = NEVER
            self._button.focus()


def close_tree(widget: Any) -> None:
    """Close a widget and all that belongs to it."""
    children = getattr(widget, "children", ())
    parts = [part for part in (getattr(widget, "layout", None), getattr(widget, "style", None)) if part is not None]
    widget.close()
    for child in children:
        close_tree(child)
    for part in parts:
        part.close()
