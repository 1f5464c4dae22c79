"""The packages beside which cbauth is measured, each used as its own documentation shows.

They load when they are first asked for, and whichever is missing is left out; most of them ship no types.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import places
from benchmarks.bare import DOCUMENT
from benchmarks.measuring import Step

__all__ = [
    "breaker",
    "deployment",
    "file_counted",
    "locked_file",
    "other_breaker",
    "retrying",
    "retrying_anew",
    "shared_breaker",
]


def noop() -> None:
    """What is wrapped."""


@cache
def breaker() -> Step:
    """A function that does nothing, behind ``circuitbreaker``."""
    wrapped: Step = import_module("circuitbreaker").circuit(noop)
    return wrapped


@cache
def other_breaker() -> Step:
    """The same behind ``pybreaker``."""
    return partial(import_module("pybreaker").CircuitBreaker().call, noop)


@cache
def retrying() -> Step:
    """An empty call through a ``Retrying`` made once."""
    import tenacity

    return partial(tenacity.Retrying(), noop)


@cache
def retrying_anew() -> Step:
    """An empty call through a ``Retrying`` of its own, as the loop of ``attempts`` is anew for each call."""
    import tenacity

    return lambda: tenacity.Retrying()(noop)


@cache
def deployment(size: int) -> Step:
    """LiteLLM's choice among ``size`` deployments of one model group, with its default strategy and quiet logs."""
    # Its table of prices comes from the package instead of the network; choosing does not look at it.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = import_module("litellm")
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    deployments: list[dict[str, Any]] = [
        {"model_name": "gpt-4o", "litellm_params": {"model": "openai/gpt-4o", "api_key": f"key-{n}"}}
        for n in range(size)
    ]
    router = litellm.Router(model_list=deployments)
    return partial(router.get_available_deployment, model="gpt-4o")


@cache
def locked_file(path: str) -> Step:
    """A record in a file of JSON behind ``filelock``: read, changed, written beside it and put in its place."""
    place, new = Path(path), Path(path).with_suffix(f".{os.getpid()}")
    if not place.exists():
        place.write_text(DOCUMENT, "utf-8")
    lock = import_module("filelock").FileLock(f"{path}.lock")

    def step() -> None:
        with lock:
            record = json.loads(place.read_text("utf-8"))
            record["failures"] += 1
            new.write_text(json.dumps(record), "utf-8")
            os.replace(new, place)

    return step


def file_counted(path: str) -> int:
    """The count in that file."""
    return int(json.loads(Path(path).read_text("utf-8"))["failures"])


@cache
def shared_breaker() -> Step:
    """A call that fails, behind a ``pybreaker`` that keeps its state in Redis and never opens."""
    pybreaker = import_module("pybreaker")
    storage = pybreaker.CircuitRedisStorage(pybreaker.STATE_CLOSED, places.redis())
    call = pybreaker.CircuitBreaker(fail_max=10**9, state_storage=storage).call

    def failing() -> None:
        raise TimeoutError

    def step() -> None:
        with suppress(TimeoutError):
            call(failing)

    return step
