"""The packages beside which cbauth is measured, each used as its own documentation shows.

They load when they are first asked for, and whichever is missing is left out; most of them ship no types.
"""

from __future__ import annotations

import logging
import os
from functools import cache, partial
from importlib import import_module
from typing import Any

from benchmarks.measuring import Step

__all__ = ["breaker", "deployment", "other_breaker", "retrying", "retrying_anew"]


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
