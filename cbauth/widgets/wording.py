"""A login's snapshot as text and as HTML that does nothing: for saved notebooks, and where there are no widgets."""

from __future__ import annotations

from collections.abc import Sequence

from cbauth.display.html import CODE, FRAME, LINE, LINK, Markup, element, marked, scrolling, table, time_element
from cbauth.widgets.states import LoginSnapshot, LoginState, Offer

__all__ = ["headline", "logins_html", "logins_text", "news", "offer_html", "row_html", "summary"]

UNSEEN = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap"
COLUMNS = ("Profile", "Provider", "State", "What it means", "Until")


def hint(shown: LoginSnapshot) -> str:
    """How to sign in from elsewhere."""
    return f"To sign in, run `{shown.command}` in a terminal." if _invites(shown) else ""


def _invites(shown: LoginSnapshot) -> bool:
    """Whether it is time for a person to do something, and possible."""
    return shown.needs_login and not shown.state.busy and not shown.state.away


def summary(logins: Sequence[LoginSnapshot]) -> str:
    """One sentence about all of them."""
    signed_in = sum(not each.needs_login for each in logins)
    if not logins:
        return "No profile of this policy signs in."
    if all(each.state is LoginState.CLOSED for each in logins):
        return "The toolkit is closed."
    return f"{signed_in} of {len(logins)} {'profile is' if len(logins) == 1 else 'profiles are'} signed in."


def headline(text: str, heard: str = "") -> Markup:
    """A sentence that screen readers read out when it changes; one for each view. ``heard`` is seen elsewhere."""
    said = [element("strong", text), *([element("span", f" {heard}", style=UNSEEN)] if heard else [])]
    return element("div", *said, role="status", style=f"{FRAME}; padding: 2px 0")


def news(logins: Sequence[LoginSnapshot]) -> str:
    """What those who hear the rows of a panel have to know at once: what is on its way, and what went wrong."""
    told = (each for each in logins if each.state.busy or each.problem)
    return " ".join(f"{each.profile_id}: {each.state}. {each.sentence} {each.problem}".rstrip() for each in told)


def logins_text(logins: Sequence[LoginSnapshot]) -> str:
    """Logins in plain text, a line each, with what to type for those that are missing."""
    lines = [] if logins else [summary(logins)]
    for each in logins:
        lines.append(f"{each.profile_id} · {each.state.shape} {each.state} · {each.lasting or each.sentence}")
        shown = "" if each.offer is None else f"Where no link is shown, run `{each.command}` in a terminal instead."
        lines += filter(None, (each.problem, hint(each), shown))
    return "\n".join(lines)


def _calls(shown: LoginSnapshot, *, named: bool) -> str:
    """What to call where there are no buttons. ``named``: with the name of the profile."""
    given = repr(shown.profile_id) if named else ""
    if shown.offer is not None and shown.offer.pastes:
        return (
            f"Page not found after signing in? paste({given}) of this view takes its address. cancel({given}) gives up."
        )
    if shown.state.busy:
        return f"cancel({given}) of this view gives up."
    return f"sign_in({given}) of this view begins a login." if _invites(shown) else ""


def row_html(shown: LoginSnapshot, *, status: bool) -> Markup:
    """``profile · state · one sentence``. ``status``: whether screen readers are to read out what changes in it."""
    said = [
        element("strong", shown.profile_id),
        " · ",
        marked(shown.state),
        " · ",
        shown.sentence,
    ]
    if shown.problem:
        said.append(element("div", f"▲ {shown.problem}", style="margin: 2px 0 0"))
    return element("div", *said, role="status" if status else None, style=f"{FRAME}; margin: 0; padding: 2px 0")


def offer_html(shown: LoginSnapshot, offer: Offer, named: str = "") -> Markup:
    """The link, and the code where there is one. The only place where they are written.

    ``named`` tells the link by ear from others.
    """
    link = element(
        "a",
        f"Open {shown.provider} and sign in ↗",
        href=offer.url,
        target="_blank",
        rel="noopener noreferrer",
        style=f"color: {LINK}; font-weight: 600; text-decoration: underline",
        aria_label=f"Open {shown.provider} and sign in, in a new tab{named}",
    )
    if not offer.user_code:
        return element("div", link, style=f"{FRAME}; padding: 4px 0")
    code = element(
        "code",
        offer.user_code,
        style=f"font-family: {CODE}; font-size: 2em; letter-spacing: 0.08em; user-select: all; color: inherit;"
        f" background: none; border: 1px solid {LINE}; border-radius: 3px; padding: 2px 12px; display: inline-block",
    )
    parts = (element("div", link), element("div", "The code:", style="margin: 6px 0 2px"), element("div", code))
    return element("div", *parts, style=f"{FRAME}; padding: 4px 0")


def logins_html(logins: Sequence[LoginSnapshot], *, live: bool = False, named: bool = False) -> Markup:
    """Logins as a table. ``live``: for outputs that are replaced, with links and codes, and what to call.

    ``named``: what is called takes the name of a profile.
    """
    if not logins:
        return element("div", summary(logins), style=FRAME)
    rows = []
    for each in logins:
        shown = each.offer if live else None
        what = _calls(each, named=named) if live else ""
        meaning = element(
            "div",
            each.lasting or each.sentence,
            *(element("div", part) for part in (each.problem, hint(each)) if part),
            *([] if shown is None else [offer_html(each, shown, f" ({each.profile_id})" if named else "")]),
            *([element("div", what)] if what else []),
        )
        until = "" if each.until is None else time_element(each.until)
        rows.append((each.profile_id, each.provider, marked(each.state), meaning, until))
    seen = () if live else (" Seen ", time_element(logins[0].at), ".")
    caption = element("span", summary(logins), *seen)
    return element("div", scrolling(table(caption, COLUMNS, rows), "Logins"), style=FRAME)
