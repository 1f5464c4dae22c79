"""The command, and the run itself.

Whatever is shown happens: two servers on the loopback interface, a profiles.yaml in a file, the toolkit that everybody
uses, real time.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

import click

from cbauth.cli.console import Exit, emit
from cbauth.cli.demo.client import ask
from cbauth.cli.demo.provider import Provider
from cbauth.cli.demo.story import Call, scenes
from cbauth.cli.demo.summary import lost, summary
from cbauth.cli.demo.timeline import Look, Timeline
from cbauth.config.schema.types import duration_text
from cbauth.events import Event
from cbauth.toolkit import load

__all__ = ["demo"]

CONFIG = Path(__file__).with_name("profiles.yaml")
CONVERSATION = "thread-7"
EVERY = 4
"""Each fourth call belongs to the conversation."""


class Pace(NamedTuple):
    """Seconds: between two calls, for which the rate limit lasts, for which an open circuit stays open."""

    step: float
    limited_for: float
    open_for: float


LIVE = Pace(0.25, 2.0, 1.0)
FAST = Pace(0.05, 0.8, 0.2)


@click.command()
@click.option("--fast", is_flag=True, help="Tell the same story in three seconds.")
@click.option("--seed", type=int, help="Let the dice fall the same way each time.")
@click.option("--show-config", is_flag=True, help="Only print the profiles.yaml that the demo runs on.")
def demo(fast: bool, seed: int | None, show_config: bool) -> int:
    """Watch failover at work: two providers on this machine, three keys, and everything that can go wrong with them.

    A key reaches its rate limit, an account runs out of credit, a server goes down and comes back, in ten seconds.
    Exits with 0 when every call was answered, else with 1.
    """
    if show_config:
        emit(CONFIG.read_text(encoding="utf-8"))
        return Exit.OK
    calls: list[Call] = []
    with closing(_show(FAST if fast else LIVE, Random(seed), Look.of(sys.stdout), calls)) as lines:
        for line in lines:
            emit(f"{line}\n")
    return Exit.FINDINGS if lost(calls) else Exit.OK


def _show(pace: Pace, rng: Random, look: Look, calls: list[Call]) -> Generator[str]:
    """Run the demo, a line of its output at a time; ``calls`` fills with what was made."""
    keys = {name: f"sk-demo-{secrets.token_hex(16)}" for name in ("DEMO_ACME_TEAM", "DEMO_ACME_SPARE", "DEMO_NOVA")}
    team, spare, other = keys.values()
    with ExitStack() as stack:
        stack.enter_context(_environment(keys))
        acme = stack.enter_context(Provider({team, spare}))
        nova = stack.enter_context(Provider({other}))
        text = _config(acme, nova, pace)
        file = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cbauth-demo-"))) / "profiles.yaml"
        file.write_text(text, encoding="utf-8")
        toolkit = stack.enter_context(load(file, rng=rng))
        events: list[Event] = []
        toolkit.on("*", events.append)

        yield look.paint("strong", "Two providers on this machine, three keys, and a program that calls `chat`.")
        yield ""
        yield from text.splitlines()
        yield ""
        began = time.time()
        timeline = Timeline([profile.id for profile in toolkit.plan.profiles], began, look)
        yield from timeline.head()
        for scene in scenes(acme, team, spare, limited_for=pace.limited_for):
            yield timeline.scene(scene.title)
            scene.begin()
            made: list[Call] = []
            while len(made) < scene.most and not scene.over(made):
                number, at = len(calls) + 1, time.time() - began
                session = CONVERSATION if number % EVERY == 0 else None
                answered, health = ask(toolkit, session), toolkit.status()
                call = Call(number=number, at=at, session=session, answered=answered, events=tuple(events))
                events.clear()
                made.append(call)
                calls.append(call)
                yield timeline.row(call, health)
                yield from timeline.happenings(call)
                time.sleep(pace.step * rng.uniform(0.9, 1.1))
        yield ""
        yield from summary(calls, toolkit, time.time(), look.paint)


def _config(acme: Provider, nova: Provider, pace: Pace) -> str:
    """The profiles.yaml of this run: its servers, its pace."""
    text = CONFIG.read_text(encoding="utf-8")
    text = text.replace("http://127.0.0.1:8401", acme.origin).replace("http://127.0.0.1:8402", nova.origin)
    return text.replace("open_for: 1s", f"open_for: {duration_text(pace.open_for)}")


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for as long as the demo runs."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
