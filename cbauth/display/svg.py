"""A timeline as a picture: SVG without script, told in words for whoever does not see it.

Laws:

1. Its size is bounded by its pixels, not by what has happened: what would overlap is one mark, each kind of thing is
   one path, and of too many lanes those are drawn in which the worst happened. A mark that stands for several things
   stands where one of them happened.
2. Where it may stay (outputs, saved notebooks) it is an image: front-ends that do not trust a notebook drop ``<svg>``
   and keep the words in it. An image has its own ground, light or dark as the page asks for, and says the words itself.
3. In a live view it is part of the page, and has the colours of its theme.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape

from cbauth.display.html import FRAME, LINE, Markup, element, scrolling, tint
from cbauth.display.timeline import Stretch, Timeline, joined

__all__ = ["still_html", "timeline_html"]

NAME = "Recent calls by profile"
WIDTH, LABEL, RIGHT, ROW, TOP, AXIS, MORE, LEGEND = 720, 130, 14, 26, 6, 22, 20, 20
LONGEST_LABEL = 18
LANES = 24
"""As many as are seen at once, with the axis and the legend beneath."""
LARGEST = 20_000
"""Characters; an image is a third longer."""
DOT, CROSS = 7, 8
"""Pixels that a try and a failure are wide."""
SECONDS, MINUTES, HOURS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30), (1, 2, 5, 10, 15, 30), (1, 2, 4, 12, 24, 48, 168, 720)
STEPS = (*SECONDS, *(60 * minutes for minutes in MINUTES), *(3600 * hours for hours in HOURS))
"""Seconds from one tick to the next."""
TICKS = 6
MOODS = {"cooling": "care", "open": "bad", "testing": "calm"}
KEYS = (
    ("●", "try", "good"),
    ("✕", "failure", "bad"),
    ("↕", "failover", "calm"),
    ("▬", "cooling down", "care"),
    ("▨", "circuit open", "bad"),
    ("▭", "being tested", "calm"),
)
LIGHT = {
    "text": "#1f2328",
    "line": "#8c959f",
    "ground": "#ffffff",
    "good": "#1a7f37",
    "care": "#9a6700",
    "bad": "#c62828",
    "calm": "#0969da",
}
DARK = {
    "text": "#e6edf3",
    "line": "#7d8590",
    "ground": "#161b22",
    "good": "#3fb950",
    "care": "#d29922",
    "bad": "#ff7b72",
    "calm": "#58a6ff",
}


@dataclass(frozen=True, slots=True)
class Ink:
    """What a picture is drawn with."""

    text: str
    line: str
    mood: Callable[[str], str]


OF_THE_PAGE = Ink("currentColor", LINE, tint)
ITS_OWN = Ink("var(--text)", "var(--line)", lambda mood: f"var(--{mood})")


def timeline_html(shown: Timeline, name: str) -> Markup:
    """The picture as part of a page. ``name`` is one that no other picture on it has."""
    if shown.empty:
        return _nothing(shown)
    picture = _svg(
        shown.worst(LANES),
        OF_THE_PAGE,
        name,
        element("title", NAME, id=f"{name}-title"),
        element("desc", shown.summary, id=f"{name}-desc"),
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        width="100%",
        style=f"{FRAME}; font-size: 12px; min-width: 460px; max-width: {WIDTH}px; display: block",
    )
    return element("div", scrolling(picture, NAME), style=FRAME)


def still_html(shown: Timeline) -> Markup:
    """The picture as an image, for wherever it may be looked at later."""
    if shown.empty:
        return _nothing(shown)
    drawn = shown.worst(LANES)
    height = _height(drawn)
    picture = _svg(
        drawn,
        ITS_OWN,
        "cbauth",
        element("style", Markup(f"svg{_colours(LIGHT)}@media(prefers-color-scheme:dark){{svg{_colours(DARK)}}}")),
        element(
            "rect",
            x="-9.5",
            y="-5.5",
            width=f"{WIDTH + 19}",
            height=f"{height + 11}",
            rx="6",
            style="fill: var(--ground); stroke: var(--line)",
        ),
        viewBox=f"-10 -6 {WIDTH + 20} {height + 12}",
        width=f"{WIDTH + 20}",
        height=f"{height + 12}",
        style="font: 12px system-ui, sans-serif",
    )
    return Markup(
        f'<img alt="{escape(f"{NAME}: {shown.summary}")}" width="{WIDTH + 20}" height="{height + 12}"'
        ' style="display: block; max-width: 100%; height: auto; margin: 0"'
        f' src="data:image/svg+xml;base64,{b64encode(picture.encode()).decode()}">'
    )


def _nothing(shown: Timeline) -> Markup:
    happened = shown.calls + shown.failures + shown.failovers
    said = f"Nothing has happened in the last {shown.now - shown.start:.0f} s." if happened else "No call was made yet."
    return element("p", said, style=f"{FRAME}; margin: 0")


def _colours(colours: dict[str, str]) -> str:
    return "{" + ";".join(f"--{name}:{colour}" for name, colour in colours.items()) + "}"


def _height(shown: Timeline) -> int:
    return TOP + ROW * len(shown.lanes) + AXIS + (MORE if shown.more else 0) + LEGEND


def _svg(shown: Timeline, ink: Ink, name: str, *first: Markup, **attributes: str) -> Markup:
    foot = TOP + ROW * len(shown.lanes)
    around = [
        *first,
        _hatching(ink, name),
        *_axis(shown, ink, foot),
        *_labels(shown, ink),
        _more(shown, ink, foot + AXIS),
        *_legend(ink, _height(shown) - LEGEND),
    ]
    gap = 2
    while True:
        inner = [*around, *_drawn(shown, ink, name, gap)]
        if sum(map(len, inner)) <= LARGEST or gap >= WIDTH:
            break
        gap *= 2
    attributes = {"viewBox": f"0 0 {WIDTH} {_height(shown)}", "xmlns": "http://www.w3.org/2000/svg"} | attributes
    return element("svg", *inner, **attributes)


def _hatching(ink: Ink, name: str) -> Markup:
    """The filling of open circuits: told by its pattern from that of a rest."""
    lines = element("path", d="M0 6L6 0", style=f"stroke: {ink.mood('bad')}; stroke-width: 2")
    return element(
        "defs", element("pattern", lines, id=f"{name}-hatch", width="6", height="6", patternUnits="userSpaceOnUse")
    )


def _x(shown: Timeline, at: float) -> int:
    share = (at - shown.start) / max(shown.now - shown.start, 1e-9)
    return round(LABEL + min(max(share, 0.0), 1.0) * (WIDTH - LABEL - RIGHT))


def _y(place: int) -> int:
    return TOP + ROW * place + ROW // 2


def _axis(shown: Timeline, ink: Ink, foot: int) -> Iterator[Markup]:
    """Ticks at whole seconds, minutes, hours; the day and the zone in front of them."""
    ticks = [(_x(shown, at), words) for at, words in _ticks(shown.start, shown.now)]
    if ticks:
        yield _path("".join(f"M{x} {TOP}V{foot}" for x, _ in ticks), ink.line, 0.5)
    words = [
        element("text", said, x=str(x), y=str(foot + 15), text_anchor="end" if x > WIDTH - 40 else "middle")
        for x, said in ticks
    ]
    day = element("text", _local("%Y-%m-%d %Z", shown.now), x="0", y=str(foot + 15))
    yield element("g", day, *words, style=f"fill: {ink.text}; font-size: 11px")


def _ticks(start: float, now: float) -> Iterator[tuple[float, str]]:
    step = next((step for step in STEPS if (now - start) / step <= TICKS), None)
    try:
        ahead = time.localtime(start).tm_gmtoff
    except (ValueError, OverflowError, OSError):
        return
    if step is None:
        return
    number = -(-(start + ahead) // step)
    while (at := number * step - ahead) <= now:
        tenths = f".{round(at % 1 * 10) % 10}" if step < 1 else ""
        said = _local("%H:%M:%S" if step < 60 else "%H:%M" if step < 86400 else "%d %b", at + 1e-3) + tenths
        yield at, said
        number += 1


def _local(form: str, at: float) -> str:
    try:
        return time.strftime(form, time.localtime(at))
    except (ValueError, OverflowError, OSError):
        return ""


def _labels(shown: Timeline, ink: Ink) -> Iterator[Markup]:
    names = (who if len(who) <= LONGEST_LABEL else who[: LONGEST_LABEL - 1] + "…" for who in shown.lanes)
    words = (element("text", name, x="0", y=str(_y(place) + 4)) for place, name in enumerate(names))
    yield element("g", *words, style=f"fill: {ink.text}")
    yield _path("".join(f"M{LABEL} {_y(place)}H{WIDTH - RIGHT}" for place in range(len(shown.lanes))), ink.line, 1)


def _more(shown: Timeline, ink: Ink, top: int) -> Markup:
    said = element("text", shown.more, x="0", y=str(top + 14), style=f"fill: {ink.text}")
    return said if shown.more else Markup()


def _legend(ink: Ink, top: int) -> Iterator[Markup]:
    apart = (WIDTH - RIGHT) // len(KEYS)
    for place, (shape, word, mood) in enumerate(KEYS):
        glyph = element("tspan", shape, style=f"fill: {ink.mood(mood)}")
        yield element("text", glyph, f" {word}", x=str(place * apart), y=str(top + 14), style=f"fill: {ink.text}")


def _drawn(shown: Timeline, ink: Ink, name: str, gap: int) -> Iterator[Markup]:
    """What has happened, a path for each kind. ``gap``: the pixels between two things that become one."""
    for kind, mood in MOODS.items():
        boxes = "".join(
            f"M{left} {_y(place) - 7}h{width}v14h-{width}z"
            for place, lane in enumerate(shown.lanes.values())
            for left, width in _boxes(shown, (each for each in lane.stretches if each.kind == kind), gap)
        )
        fill = {"cooling": f"{ink.mood(mood)}; fill-opacity: 0.55", "open": f"url(#{name}-hatch)", "testing": "none"}
        yield _path(boxes, ink.mood(mood), 1, fill[kind])
    dots, crosses = [], []
    for place, lane in enumerate(shown.lanes.values()):
        y = _y(place)
        failed = _columns(shown, (each for each in lane.marks if each.kind == "failure"))
        hidden = {column + near for column in failed for near in range(-DOT, DOT + 1)}
        tried = _columns(shown, (each for each in lane.marks if each.kind == "call")) - hidden
        dots += [f"M{first} {y}h{last - first}" for first, last in _runs(tried, gap)]
        for first, last in _runs(failed, gap + CROSS // 2):
            crosses += [f"M{x - 4} {y - 4}l8 8m0-8l-8 8" for x in dict.fromkeys((first, last))]
            crosses += [f"M{first} {y}H{last}"] if last > first else []
    yield _path("".join(dots), ink.mood("good"), DOT, more="; stroke-linecap: round")
    yield _path("".join(crosses), ink.mood("bad"), 2.2)
    yield _path("".join(_moves(shown, gap)), ink.mood("calm"), 1.4)


def _path(lines: str, stroke: str, width: float, fill: str = "none", more: str = "") -> Markup:
    style = f"fill: {fill}; stroke: {stroke}; stroke-width: {width:g}{more}"
    return element("path", d=lines, style=style) if lines else Markup()


def _boxes(shown: Timeline, stretches: Iterable[Stretch], gap: int) -> Iterator[tuple[int, int]]:
    second = (WIDTH - LABEL - RIGHT) / max(shown.now - shown.start, 1e-9)
    for each in joined(stretches, gap / second):
        left, right = _x(shown, each.start), _x(shown, each.end)
        yield left, max(right - left, 2)


def _columns(shown: Timeline, marks: Iterable[Stretch]) -> set[int]:
    return {x for each in marks for x in range(_x(shown, each.start), _x(shown, each.end) + 1)}


def _runs(columns: set[int], gap: int) -> Iterator[tuple[int, int]]:
    """First and last of columns that follow each other with no more than ``gap`` between them."""
    first = last = None
    for x in sorted(columns):
        if first is None or last is None:
            first = x
        elif x - last > gap:
            yield first, last
            first = x
        last = x
    if first is not None and last is not None:
        yield first, last


def _moves(shown: Timeline, gap: int) -> Iterator[str]:
    """Arrows from lane to lane, one at a time from each: the first stands for those that would overlap it."""
    places = {who: place for place, who in enumerate(shown.lanes)}
    last: dict[str, int] = {}
    for each in sorted(shown.moves, key=lambda move: move.at):
        x = _x(shown, each.at)
        if each.source in last and x - last[each.source] < 2 + gap:
            continue
        last[each.source] = x
        start, end = _y(places[each.source]), _y(places[each.target])
        tip = 4 if end > start else -4
        yield f"M{x} {start}V{end - 2 * tip}m-3 {-tip // 2}l3 {tip}l3 {-tip}"
