"""Law 4, at every line: an update that comes in the middle of another one of the same thread loses nothing.

The garbage collector may run a finalizer, and the system a signal handler, between any two steps of a store. Here a
nested update is made at each line that a store passes through, one line after the other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import cbauth.stores
from cbauth.stores import Store
from tests.stores.records import count, increment

HOME = str(Path(cbauth.stores.__file__).parent)


def interrupted_at(line: int, call: Callable[[], object], nested: Callable[[], object]) -> bool:
    """Make ``call``, with ``nested`` at its ``line``-th line inside the stores; whether it came that far."""
    left = line
    happened = False

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left, happened
        if not frame.f_code.co_filename.startswith(HOME):
            return None
        if event == "line" and not happened:
            left -= 1
            if left <= 0:
                happened = True
                sys.settrace(None)
                nested()
        return trace if not happened else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return happened


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "new"])
@pytest.mark.parametrize("others_write", [False, True], ids=["alone", "after another process"])
@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_an_update_in_between_is_counted_wherever_it_comes(
    kind: str, others_write: bool, is_known: bool, request: pytest.FixtureRequest
) -> None:
    open_one = request.getfixturevalue(f"open_{kind}")
    store: Store = open_one()
    other: Store = open_one()
    line, came_so_far = 0, True
    while came_so_far:
        line += 1
        key = f"k{line}"
        expected = 2
        if is_known:
            store.update(key, increment)
            expected += 1
        if others_write:
            other.refresh()
            other.update(key, increment)
            expected += 1
        one_more = partial(store.update, key, increment)
        came_so_far = interrupted_at(line, one_more, one_more)
        if not came_so_far:
            expected -= 1
        store.refresh()
        other.refresh()
        assert (line, count(store.read(key)), count(other.read(key))) == (line, expected, expected)
    assert line > 20, "the trace works"
