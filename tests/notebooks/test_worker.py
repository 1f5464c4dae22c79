"""The one thread of a view: it paints what is newest, seldom enough, and outlives whatever fails."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator

import pytest

from cbauth.widgets.worker import MOST, Worker
from tests.support.notebooks.person import wait

HERE: contextvars.ContextVar[str] = contextvars.ContextVar("here", default="elsewhere")


class Stage:
    """Something to paint."""

    def __init__(self) -> None:
        self.state = 0
        self.painted: list[int] = []
        self.glances = 0
        self.faults: list[Exception] = []
        self.contexts: set[str] = set()
        self.again: float | None = None
        self.worker = Worker("cbauth stage", self.glance, self.paint, self.faults.append)

    def glance(self) -> float | None:
        self.glances += 1
        return self.again

    def paint(self) -> bool:
        self.contexts.add(HERE.get())
        if self.state < 0:
            raise ValueError("no such state")
        if self.painted and self.painted[-1] == self.state:
            return False
        self.painted.append(self.state)
        return True

    def change(self, state: int) -> None:
        self.state = state
        self.worker.poke()


@pytest.fixture
def stage() -> Iterator[Stage]:
    HERE.set("in the cell")
    stage = Stage()
    HERE.set("elsewhere")
    yield stage
    stage.worker.close()


def test_the_newest_state_is_painted_in_the_end_and_few_of_those_before(stage: Stage) -> None:
    for state in range(1, 1001):
        stage.change(state)
    wait(lambda: stage.painted and stage.painted[-1] == 1000)
    assert len(stage.painted) <= 3 * MOST


def test_it_paints_in_the_context_of_whoever_made_it(stage: Stage) -> None:
    stage.change(1)
    wait(lambda: stage.painted == [1])
    assert stage.contexts == {"in the cell"}


def test_a_fault_is_told_and_the_thread_goes_on(stage: Stage) -> None:
    stage.change(-1)
    wait(lambda: stage.faults)
    stage.worker.do(lambda: 1 / 0)
    wait(lambda: len(stage.faults) > 1)
    stage.change(2)
    wait(lambda: stage.painted == [2])
    assert {type(fault).__name__ for fault in stage.faults} == {"ValueError", "ZeroDivisionError"}


def test_what_is_busy_with_a_task_still_shows_what_changes(stage: Stage) -> None:
    going_on, enough = threading.Event(), threading.Event()

    def task() -> None:
        going_on.set()
        enough.wait()

    stage.worker.do(task)
    going_on.wait()

    def painted() -> bool:
        stage.change(7)
        return stage.painted[-1:] == [7]

    wait(painted)  # by whoever changed it
    enough.set()


def test_somebody_who_changes_things_while_painting_is_not_caught_in_it(stage: Stage) -> None:
    """A painting asks the toolkit, whose events poke again."""
    paint = stage.paint

    def poking() -> bool:
        stage.worker.poke()
        return paint()

    going_on, enough = threading.Event(), threading.Event()
    worker = Worker("cbauth poking", stage.glance, poking, stage.faults.append)
    stage.worker = worker

    def task() -> None:
        going_on.set()
        enough.wait()

    worker.do(task)
    going_on.wait()
    stage.change(3)
    enough.set()
    wait(lambda: stage.painted[-1:] == [3])
    worker.close()


def test_it_glances_when_it_was_asked_to(stage: Stage) -> None:
    stage.again = 0.01
    stage.change(1)
    wait(lambda: stage.glances > 3)
    stage.again = None
    glances = stage.glances
    wait(lambda: stage.glances <= glances + 1)


def test_after_closing_nothing_is_painted_and_no_thread_is_left(stage: Stage) -> None:
    stage.change(1)
    wait(lambda: stage.painted == [1])
    stage.worker.close()
    stage.change(2)
    stage.worker.do(lambda: stage.painted.append(99))
    assert stage.painted == [1]
    assert "cbauth stage" not in [thread.name for thread in threading.enumerate()]


def test_it_can_be_closed_by_what_it_does(stage: Stage) -> None:
    stage.worker.do(stage.worker.close)
    wait(lambda: "cbauth stage" not in [thread.name for thread in threading.enumerate()])
