"""A timeline as a picture: SVG without script, with a title and its content in words for whoever does not see it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cbauth.display.html import FRAME, LINE, Markup, element, scrolling, tint
from cbauth.display.timeline import Lane, Timeline

__all__ = ["timeline_html"]

WIDTH, LABEL, RIGHT, ROW, TOP, BOTTOM = 720.0, 130.0, 14.0, 26.0, 6.0, 22.0
LONGEST_LABEL = 18
TICKS = 5
MOODS = {"cooling": "care", "open": "bad", "testing": "calm"}
LEGEND = (
    ("●", "try", "good"),
    ("✕", "failure", "bad"),
    ("↕", "failover", "calm"),
    ("▬", "cooling down", "care"),
    ("▨", "circuit open", "bad"),
    ("▭", "being tested", "calm"),
)


def timeline_html(shown: Timeline, name: str) -> Markup:
    """The picture with its legend. ``name`` is one that no other picture on the page has."""
    height = TOP + ROW * max(1, len(shown.lanes)) + BOTTOM
    picture = element(
        "svg",
        element("title", "Recent calls by profile", id=f"{name}-title"),
        element("desc", shown.summary, id=f"{name}-desc"),
        _hatching(name),
        *_axis(shown, height),
        *(
            part
            for place, (who, lane) in enumerate(shown.lanes.items())
            for part in _lane(shown, who, lane, place, name)
        ),
        *_moves(shown),
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        width="100%",
        xmlns="http://www.w3.org/2000/svg",
        style=f"{FRAME}; font-size: 12px; min-width: 460px; max-width: {WIDTH:g}px; display: block",
    )
    legend = element(
        "p",
        *(_key(shape, word, mood) for shape, word, mood in LEGEND),
        style="margin: 2px 0 0; font-size: 0.9em",
        aria_hidden="true",
    )
    return element("div", scrolling(picture, "Recent calls by profile"), legend, style=FRAME)


def _key(shape: str, word: str, mood: str) -> Markup:
    glyph = element("span", shape, style=f"color: {tint(mood)}")
    return element("span", glyph, f" {word}", style="display: inline-block; margin-right: 14px")


def _hatching(name: str) -> Markup:
    """The filling of open circuits: told by its pattern from that of a rest."""
    lines = element("path", d="M0 6 L6 0", style=f"stroke: {tint('bad')}; stroke-width: 2")
    return element(
        "defs", element("pattern", lines, id=f"{name}-hatch", width="6", height="6", patternUnits="userSpaceOnUse")
    )


def _x(shown: Timeline, at: float) -> float:
    share = (at - shown.start) / max(shown.now - shown.start, 1e-9)
    return round(LABEL + min(max(share, 0.0), 1.0) * (WIDTH - LABEL - RIGHT), 1)


def _y(place: int) -> float:
    return TOP + ROW * (place + 0.5)


def _axis(shown: Timeline, height: float) -> Iterator[Markup]:
    foot = height - BOTTOM
    for tick in range(TICKS):
        at = shown.start + (shown.now - shown.start) * tick / (TICKS - 1)
        x = f"{_x(shown, at):g}"
        yield element("line", x1=x, x2=x, y1=f"{TOP:g}", y2=f"{foot:g}", style=f"stroke: {LINE}; stroke-width: 0.5")
        anchor = "end" if tick == TICKS - 1 else "middle"
        yield element(
            "text", _clock(at), x=x, y=f"{foot + 15:g}", text_anchor=anchor, style="fill: currentColor; font-size: 11px"
        )


def _clock(at: float) -> str:
    try:
        return time.strftime("%H:%M:%S", time.localtime(at))
    except (ValueError, OverflowError, OSError):
        return ""


def _lane(shown: Timeline, who: str, lane: Lane, place: int, name: str) -> Iterator[Markup]:
    y = _y(place)
    label = who if len(who) <= LONGEST_LABEL else who[: LONGEST_LABEL - 1] + "…"
    yield element("text", label, x="0", y=f"{y + 4:g}", style="fill: currentColor")
    yield element("line", x1=f"{LABEL:g}", x2=f"{WIDTH - RIGHT:g}", y1=f"{y:g}", y2=f"{y:g}", style=f"stroke: {LINE}")
    for each in lane.stretches:
        left, right = _x(shown, each.start), _x(shown, min(each.end, shown.now))
        colour = tint(MOODS[each.kind])
        fill = {"cooling": f"{colour}; fill-opacity: 0.55", "open": f"url(#{name}-hatch)", "testing": "none"}[each.kind]
        yield element(
            "rect",
            x=f"{left:g}",
            y=f"{y - 7:g}",
            width=f"{max(right - left, 1.5):g}",
            height="14",
            rx="2",
            style=f"fill: {fill}; stroke: {colour}; stroke-width: 1",
        )
    for mark in lane.marks:
        x = _x(shown, mark.at)
        if mark.kind == "call":
            yield element(
                "circle", element("title", mark.words), cx=f"{x:g}", cy=f"{y:g}", r="3.5", style=f"fill: {tint('good')}"
            )
        else:
            cross = f"M{x - 4:g} {y - 4:g} l8 8 m0 -8 l-8 8"
            style = f"stroke: {tint('bad')}; stroke-width: 2.2; fill: none"
            yield element("path", element("title", mark.words), d=cross, style=style)


def _moves(shown: Timeline) -> Iterator[Markup]:
    places = {who: place for place, who in enumerate(shown.lanes)}
    for move in shown.moves:
        x, start, end = _x(shown, move.at), _y(places[move.source]), _y(places[move.target])
        tip = 4 if end > start else -4
        path = f"M{x:g} {start:g} L{x:g} {end - 2 * tip:g} m-3 {-tip / 2:g} l3 {tip:g} l3 {-tip:g}"
        yield element("path", d=path, style=f"stroke: {tint('calm')}; stroke-width: 1.4; fill: none")
