"""How the demo looks: a row for each call, a lane for each profile, and what happened meanwhile beneath it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shutil import get_terminal_size
from textwrap import shorten
from typing import NamedTuple, TextIO

from cbauth.cli.console import Paint, wants_color
from cbauth.cli.demo.story import Call
from cbauth.config.schema.types import duration_text
from cbauth.events import Event
from cbauth.failover.records import Status

__all__ = ["ASCII", "SYMBOLS", "Look", "Signs", "Timeline", "span"]

ROW = 79
"""The width of a row."""
PIPED = 100
"""The longest line where there is no terminal to say."""


class Signs(NamedTuple):
    """What stands in a lane, and before what happened."""

    answered: str
    failed: str
    resting: str
    opened: str
    ready: str
    rule: str


SYMBOLS = Signs("●", "✗", "z", "○", "·", "─")
ASCII = Signs("*", "x", "z", "o", ".", "-")
_ROLES = {"answered": "good", "failed": "error", "resting": "warning", "opened": "warning"}


class Look(NamedTuple):
    """How wide lines may be, which signs they use, and whether in colour."""

    width: int
    signs: Signs
    paint: Paint

    @classmethod
    def of(cls, stream: TextIO) -> Look:
        """Colour and symbols on a terminal (or when asked for), as far as its encoding goes; else plain text."""
        paint = Paint(wants_color("auto", stream))
        terminal = stream.isatty()
        signs = SYMBOLS if (terminal or paint.on) and _can_write(SYMBOLS, stream.encoding) else ASCII
        return cls(get_terminal_size((PIPED, 24)).columns if terminal else PIPED, signs, paint)


def _can_write(signs: Signs, encoding: str | None) -> bool:
    try:
        "".join(signs).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def span(seconds: float | None) -> str:
    """A length of time as profiles.yaml writes it, to a tenth of a second."""
    return duration_text(round(seconds or 0.0, 1))


class Timeline:
    """Makes the lines, none longer than the look allows.

    ``began`` is when the demo did, epoch seconds: the times that are shown count from there.
    """

    def __init__(self, profiles: Sequence[str], began: float, look: Look) -> None:
        self._profiles = tuple(profiles)
        self._began = began
        self._width, self._signs, self._paint = look

    def head(self) -> Iterator[str]:
        """What the signs mean, and the names of the columns."""
        words = {"answered": "answered", "failed": "failed", "resting": "resting", "opened": "circuit open"}
        yield "  ".join(f"{self._sign(name)} {word}" for name, word in (words | {"ready": "ready"}).items())
        yield ""
        lanes = "  ".join(self._profiles)
        yield self._paint("strong", f"{'time':>5} {'call':>4}  {'answered by':<11} {'tries':>5}  {'why':<17}  {lanes}")

    def scene(self, title: str) -> str:
        """A rule that says what goes wrong from here on."""
        rule = self._signs.rule
        return self._paint("strong", f"{rule * 2} {title} ".ljust(ROW, rule))

    def row(self, call: Call, health: Sequence[Status]) -> str:
        """Who answered, in how many tries and why; and how everybody is after it."""
        answered = call.answered
        role, who = ("error", "nobody") if answered.profile_id is None else ("good", answered.profile_id)
        why = " ".join(part for part in (answered.reason, call.session) if part)
        records = {record.profile_id: record for record in health}
        lanes = "  ".join(self._lane(call, records[name]) for name in self._profiles)
        asked = f"{self._paint(role, f'{who:<11}')} {answered.tries:5d}  {why:<17}"
        return f"{call.at:5.2f} {call.number:4d}  {asked}  {lanes}".rstrip()

    def happenings(self, call: Call) -> Iterator[str]:
        """What cbauth told during a call, a line each."""
        for event in call.events:
            found = self._words(event)
            if found is not None:
                sign, words = found
                words = shorten(words, max(self._width - 25, 40), placeholder=" ...")
                yield f"{'':11}{self._sign(sign)} {event.profile_id:<11} {words}"

    def _words(self, event: Event) -> tuple[str, str] | None:
        """A sign and words for an event; ``None`` for those that the row itself tells."""
        until = 0.0 if event.until is None else event.until - self._began
        match event.name:
            case "profile:failure":
                return "failed", ": ".join(part for part in (event.kind, event.error) if part)
            case "profile:cooldown":
                words = f"rests {span(event.cooldown)}, until {until:.1f}"
                return "resting", words if event.model is None else f"{words} (for {event.model})"
            case "profile:circuit-opened":
                return "opened", f"circuit open until {until:.1f}"
            case "profile:circuit-half-open":
                return "opened", "circuit half-open: this call is its trial"
            case "profile:circuit-closed":
                return "answered", "circuit closed"
            case "profile:recovered":
                return "ready", "has rested: may be asked again"
        return None

    def _lane(self, call: Call, record: Status) -> str:
        name = record.profile_id
        if name == call.answered.profile_id:
            sign = "answered"
        elif name in call.answered.failed:
            sign = "failed"
        elif record.in_cooldown:
            sign = "resting"
        else:
            sign = "ready" if record.healthy else "opened"
        left = (len(name) - 1) // 2
        return " " * left + self._sign(sign) + " " * (len(name) - 1 - left)

    def _sign(self, name: str) -> str:
        sign: str = getattr(self._signs, name)
        role = _ROLES.get(name)
        return sign if role is None else self._paint(role, sign)
