"""Doing to its end what must not be done by half: Ctrl-C ends the waiting for it, not the thing itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["uninterrupted"]

GLANCE = 0.25
"""Seconds between two looks: on Windows, Ctrl-C is only noticed in between."""

T = TypeVar("T")


def uninterrupted(act: Callable[[], T]) -> T:
    """What ``act`` gives or raises. Called in the main thread, where interrupts arrive, it works in another one."""
    if threading.current_thread() is not threading.main_thread():
        return act()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(act())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="cbauth refreshes a token", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the program is ending
        return act()
    while thread.is_alive():
        thread.join(GLANCE)
    if errors:
        raise errors.pop()
    return results[0]
