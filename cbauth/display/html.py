"""HTML that stands anywhere: no script, nothing loaded, its colours taken from whatever page it lands on.

Laws:

1. Every text is escaped, every attribute quoted.
2. Styles stand inline: pages that clean up what notebooks show leave them alone.
3. Colours are those of JupyterLab, else of VS Code, else of the system. A tint is mixed from a hue and the colour of
   the text around it, so that it is dark on light pages and light on dark ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from cbauth.display.moments import iso_moment, moment
from cbauth.display.snapshot import Row, Snapshot
from cbauth.display.standing import Appearance, candidate_standing
from cbauth.display.text import CANDIDATE_COLUMNS, STATUS_COLUMNS, candidate_cells, nobody_text

if TYPE_CHECKING:
    from cbauth.failover.records import Candidate

__all__ = [
    "FRAME",
    "LINE",
    "LINK",
    "Markup",
    "candidates_html",
    "element",
    "marked",
    "scrolling",
    "snapshot_html",
    "status_html",
    "table",
    "time_element",
    "tint",
]

TEXT = "var(--jp-ui-font-color1, var(--vscode-foreground, CanvasText))"
LINE = "var(--jp-border-color1, var(--vscode-panel-border, GrayText))"
LINK = "var(--jp-content-link-color, var(--vscode-textLink-foreground, LinkText))"
FONT = "var(--jp-ui-font-family, var(--vscode-font-family, system-ui, sans-serif))"
SIZE = "var(--jp-ui-font-size1, var(--vscode-font-size, 13px))"
CODE = "var(--jp-code-font-family, var(--vscode-editor-font-family, monospace))"
FRAME = f"color: {TEXT}; font-family: {FONT}; font-size: {SIZE}; line-height: 1.4; overflow-wrap: break-word"
CELL = f"padding: 4px 14px 4px 0; text-align: left; vertical-align: top; border-bottom: 1px solid {LINE}"

WRAPPED = "max-width: 30em; overflow-wrap: break-word"
COLUMNS = STATUS_COLUMNS[:-1]
"""The end of a token stands with its credential: a page is not as wide as a console."""

HUES = {"good": "#1a7f37", "care": "#9a6700", "bad": "#c62828", "idle": "#57606a", "calm": "#0969da"}
SHARE = 60
"""Percent of a tint that is hue: what is left of the text's own colour keeps it legible on any ground."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, *content: str, **attributes: str | None) -> Markup:
    """``<name …>content</name>``; plain text is escaped. ``class_`` is ``class``, ``_`` in names is ``-``."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items() if value
    )
    inner = "".join(part if isinstance(part, Markup) else escape(part) for part in content)
    return Markup(f"<{name}{shown}>{inner}</{name}>")


def tint(mood: str) -> str:
    """A colour that tells a mood and is legible on the page it stands on."""
    return f"color-mix(in srgb, {HUES[mood]} {SHARE}%, currentColor)"


def marked(state: Appearance) -> Markup:
    """A state: its shape, coloured, and its word."""
    glyph = element("span", state.shape, style=f"color: {tint(state.mood)}", aria_hidden="true")
    return element("span", glyph, f" {state.word}", style="white-space: nowrap")


def time_element(at: float, now: float | None = None) -> Markup:
    """A moment, for people and for machines; with its date unless that is the day of ``now``."""
    return element("time", moment(at, now), datetime=iso_moment(at), style="white-space: nowrap")


def table(caption: str | Markup, columns: Sequence[str], rows: Iterable[Sequence[str]], *, head: int = 0) -> Markup:
    """A table with a caption; column ``head`` names each row."""
    top = element("tr", *(element("th", column, scope="col", style=CELL) for column in columns))
    body = (
        element(
            "tr",
            *(
                element("th", cell, scope="row", style=f"{CELL}; font-weight: 600; white-space: nowrap")
                if at == head
                else element("td", cell, style=CELL)
                for at, cell in enumerate(row)
            ),
        )
        for row in rows
    )
    said = element("caption", caption, style="text-align: left; padding: 0 0 4px; caption-side: top")
    return element(
        "table",
        said,
        element("thead", top),
        element("tbody", *body),
        style=f"{FRAME}; border-collapse: collapse; border: 0; margin: 0; background: none",
    )


def _status_cells(row: Row, now: float | None) -> tuple[str, ...]:
    state = marked(row.standing)
    return (
        row.profile_id,
        row.provider,
        element("div", state, element("div", row.detail, style="max-width: 24em")) if row.detail else state,
        "" if row.until is None else time_element(row.until, now),
        str(row.failures),
        element(
            "span",
            row.last_error,
            style="display: inline-block; min-width: 12em; max-width: 34em; overflow-wrap: anywhere",
        )
        if row.last_error
        else "",
        row.credential
        if row.expires_at is None
        else element(
            "div", row.credential, element("div", "token until ", time_element(row.expires_at, now)), style=WRAPPED
        ),
    )


def status_html(rows: Iterable[Row], now: float | None = None, caption: str | Markup = "Profiles") -> Markup:
    """Profiles as a table; columns in which nothing stands are left out. ``now``: where it is looked at now only."""
    cells = [_status_cells(row, now) for row in rows]
    kept = [at for at in range(len(COLUMNS)) if at < 3 or any(line[at] for line in cells)]
    columns = [COLUMNS[at].capitalize() for at in kept]
    return scrolling(table(caption, columns, [[line[at] for at in kept] for line in cells]), "Profiles")


def candidates_html(candidates: Sequence[Candidate], asked: str = "") -> Markup:
    """Candidates for ``asked`` as a table, in the order in which they would be asked."""
    if not candidates:
        return element("p", nobody_text(asked), style=f"{FRAME}; margin: 0")
    rows = []
    for place, candidate in enumerate(candidates, 1):
        cells: list[str] = list(candidate_cells(place, candidate))
        cells[3] = marked(candidate_standing(candidate))
        if candidate.until is not None:
            cells[4] = time_element(candidate.until)
        rows.append(cells)
    columns = [name.capitalize() for name in CANDIDATE_COLUMNS]
    return scrolling(table("Who would be asked", columns, rows, head=1), "Who would be asked")


def snapshot_html(shown: Snapshot, *, summary: bool = True, stays: bool = True) -> Markup:
    """The whole look: the sentence (unless it is shown elsewhere), what is wrong, the table.

    ``stays``: it may be looked at later, so times have dates.
    """
    parts = [element("p", element("strong", shown.summary), style="margin: 0 0 6px")] if summary else []
    now = None if stays else shown.at
    if shown.problem:
        head, *rest = shown.problem
        parts.append(
            element(
                "div",
                element("strong", f"▲ {head}"),
                *([element("ul", *(element("li", line) for line in rest), style="margin: 4px 0 0")] if rest else []),
                style=f"margin: 0 0 8px; padding: 4px 0 4px 10px; border-left: 3px solid {tint('bad')}",
            )
        )
    if shown.trouble:
        parts.append(element("p", f"▲ {shown.trouble}", style="margin: 0 0 8px"))
    caption = element(
        "span",
        f"Policy from {shown.source}, loaded ",
        time_element(shown.loaded_at, now),
        *((", seen ", time_element(shown.at)) if stays else ()),
    )
    return element("div", *parts, status_html(shown.rows, now, caption), style=FRAME)


def scrolling(content: Markup, name: str) -> Markup:
    """What is too wide for its place scrolls there, by keyboard as well; ``name`` says what it is."""
    return element(
        "div", content, style="overflow-x: auto; max-width: 100%", tabindex="0", role="group", aria_label=name
    )
