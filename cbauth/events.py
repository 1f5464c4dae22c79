"""What happened, for whoever wants to know.

Events are published after the state they speak of is committed, in the caller's thread, before the call returns. A
handler that raises is logged and never breaks a call. No event carries a secret.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from difflib import get_close_matches

from cbauth.errors import ConfigError

__all__ = ["EVENT_NAMES", "Event", "EventBus", "Handler"]

EVENT_NAMES: frozenset[str] = frozenset(
    {
        "auth:started",
        "auth:success",
        "auth:failed",
        "token:refreshed",
        "token:expired",
        "profile:selected",
        "profile:failed",
        "profile:failure",
        "profile:failover",
        "profile:cooldown",
        "profile:recovered",
        "profile:circuit-opened",
        "profile:circuit-half-open",
        "profile:circuit-closed",
    }
)
EVERYTHING = "*"

_log = logging.getLogger("cbauth.events")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One happening. ``at`` and ``until`` are epoch seconds, ``cooldown`` is a length in seconds.

    Fields that do not belong to an event are ``None``: ``cooldown`` and ``until`` come with ``profile:cooldown`` (and
    ``until`` with ``profile:circuit-opened``), ``failed_profile_id`` with ``profile:failover``.
    """

    name: str
    at: float
    profile_id: str | None = None
    provider_id: str | None = None
    model: str | None = None
    session: str | None = None
    reason: str | None = None
    kind: str | None = None
    error: str | None = None
    cooldown: float | None = None
    until: float | None = None
    failed_profile_id: str | None = None
    remote: bool = False

    def __repr__(self) -> str:
        shown = (
            f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) not in (None, False)
        )
        return f"Event({', '.join(shown)})"


Handler = Callable[[Event], object]


class EventBus:
    """Handlers by event name. ``listening`` is false while nobody listens, so that a quiet call makes no records."""

    __slots__ = ("__weakref__", "_handlers", "listening")

    def __init__(self) -> None:
        self._handlers: dict[str, tuple[Handler, ...]] = {}
        self.listening = False

    def on(self, name: str, handler: Handler) -> Callable[[], None]:
        """Call ``handler`` with each event of that ``name`` (``"*"``: all). Returns a callable that unsubscribes.

        Raises ``ConfigError`` for a name that no event has.
        """
        if name != EVERYTHING and name not in EVENT_NAMES:
            close = get_close_matches(str(name), EVENT_NAMES, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "the names are " + ", ".join(sorted(EVENT_NAMES))
            raise ConfigError(f"there is no event {name!r}: {hint}")
        if not callable(handler):
            raise ConfigError(f"the handler for {name!r} is not callable: give a function that takes the event")
        self._handlers[name] = (*self._handlers.get(name, ()), handler)
        self.listening = True
        subscribed = True

        def unsubscribe() -> None:
            nonlocal subscribed
            if not subscribed:
                return
            subscribed = False
            left = list(self._handlers.get(name, ()))
            left.remove(handler)
            if left:
                self._handlers[name] = tuple(left)
            else:
                self._handlers.pop(name, None)
            self.listening = bool(self._handlers)

        return unsubscribe

    def publish(self, events: Iterable[Event]) -> None:
        """Hand each event to its handlers, in order of subscription."""
        for event in events:
            for handler in (*self._handlers.get(event.name, ()), *self._handlers.get(EVERYTHING, ())):
                try:
                    handler(event)
                except Exception as error:
                    _log.error("a handler of %s failed; the call goes on\n%s", event.name, _told(error))


def _told(error: Exception) -> str:
    """The handler's own traceback. Not what it was raised in the middle of: that may be an answer that quotes a key."""
    return "".join(traceback.TracebackException.from_exception(error).format(chain=False)).rstrip()
