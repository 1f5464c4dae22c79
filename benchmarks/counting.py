"""What a call costs others: what it asks the system and the Redis for, counted to the last one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import repeat
from pathlib import Path

from benchmarks import ours, places, sharing
from benchmarks.measuring import Figure, MissingError, Step, figure

__all__ = ["COMMANDS_OF_A_FAILURE", "HEALTHY_COMMANDS", "HEALTHY_IO", "counts"]

HEALTHY_IO = "reads and writes in 1000 healthy calls, SQLite"
HEALTHY_COMMANDS = "commands in 1000 healthy calls, Redis"
COMMANDS_OF_A_FAILURE = "commands of one failure, Redis"
THOUSANDS = 10
"""How many thousand healthy calls are counted."""
FAILURES = 200
UNASKED = frozenset({"PING", "TIME", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"})
"""What a connection that listens says for itself, whatever is called."""
END = "all was called"


def counts() -> dict[str, Figure]:
    """Every figure; before anything else has been loaded that might do something in the background."""
    return {
        HEALTHY_IO: figure(partial(_of_calls, _system_calls, "sqlite")),
        HEALTHY_COMMANDS: figure(partial(_of_calls, _commands, "redis")),
        COMMANDS_OF_A_FAILURE: figure(_of_a_failure),
    }


def _of_calls(count: Callable[[Step, int], int], store: str) -> float:
    """How many there are in a thousand calls in which nothing fails."""
    return count(ours.acquire_and_report(3, store), THOUSANDS * 1000) / THOUSANDS


def _of_a_failure() -> float:
    return _commands(sharing.mark_failed_of_kind("redis", "Connection reset by peer"), FAILURES) / FAILURES


def _repeat(step: Step, times: int) -> None:
    for _ in repeat(None, times):
        step()


def _system_calls(step: Step, times: int) -> int:
    """The reads and writes of this process while ``step`` runs, without the one that reading the counters takes."""
    _repeat(step, 100)
    at_first = _read_and_written()
    before = _read_and_written()
    _repeat(step, times)
    return _read_and_written() - before - (before - at_first)


def _read_and_written() -> int:
    """``syscr`` and ``syscw`` of proc(5), of all threads."""
    try:
        text = Path("/proc/self/io").read_text("ascii")
    except OSError as error:
        raise MissingError("the system does not count them in /proc/self/io") from error
    counters = dict(line.split(": ") for line in text.splitlines())
    return int(counters["syscr"]) + int(counters["syscw"])


def _commands(step: Step, times: int) -> int:
    """The commands that reach the Redis while ``step`` runs, as it tells them itself; what scripts do is not one."""
    _repeat(step, 100)
    asking, listening = places.redis(), places.redis()
    asking.ping()  # so that it is connected
    commands = 0
    with listening.monitor() as monitor:
        _repeat(step, times)
        asking.echo(END)
        while END not in (told := monitor.next_command())["command"]:
            commands += told["client_type"] != "lua" and told["command"].split()[0].upper() not in UNASKED
    return commands
