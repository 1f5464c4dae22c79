"""Checking a file: the whole program beside check-jsonschema, and a large file beside the usual way of keeping marks.

The usual way is ruamel.yaml's round-trip loader, which knows the line and column of every key, and a pydantic model
after it.
"""

from __future__ import annotations

from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks import places, startup
from benchmarks.claims import Claim
from benchmarks.measuring import MissingError, Step, Subject

__all__ = ["claims", "subjects"]

BARE = "python, bare start"
HELP = "cbauth --help"
VALIDATE = "cbauth validate, a file of 100 lines"
PEER = "check-jsonschema, a file of 100 lines"
MANY, MORE = 1000, 10_000
CHECK = f"check, {MANY} profiles"
CHECK_MORE = f"check, {MORE} profiles"
ROUND_TRIP = f"ruamel.yaml round trip + pydantic, {MANY} profiles"


def subjects() -> list[Subject]:
    """What is timed."""
    return [
        Subject(name=HELP, prepare=lambda: partial(startup.run, "-m", "cbauth", "--help"), calls=1),
        Subject(name=VALIDATE, prepare=_validate, calls=1),
        Subject(name=PEER, prepare=_check_jsonschema, calls=1),
        Subject(name=CHECK, prepare=partial(_check, MANY), calls=1),
        Subject(name=CHECK_MORE, prepare=partial(_check, MORE), calls=1),
        Subject(name=ROUND_TRIP, prepare=_round_trip, calls=1),
    ]


def claims() -> list[Claim]:
    """What is promised of it."""
    return [
        Claim(subject=HELP, peer=BARE, limit=4),
        Claim(subject=VALIDATE, peer=PEER, limit=0.8),
        Claim(subject=CHECK, peer=ROUND_TRIP, limit=10, faster=True),
        Claim(subject=CHECK_MORE, peer=CHECK, limit=12),  # ten times the work
    ]


@cache
def _hundred_lines() -> Path:
    """A file of a hundred lines that nothing is wrong with."""
    lines = ["version: 1", "profiles:"]
    for number in range(24):
        lines += [
            f"  team-{number}:",
            "    provider: openai",
            f"    api_key: env:KEY_{number}",
            f"    priority: {number}",
        ]
    lines += ["routes:", "  smart: [gpt-4o, gpt-4o-mini]"]
    file = places.folder() / "hundred.yaml"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


@cache
def _profiles(count: int) -> str:
    """A file with so many profiles."""
    entries = "".join(
        f"  team-{number}:\n    provider: openai\n    api_key: env:KEY_{number}\n    priority: {number % 7}\n"
        for number in range(count)
    )
    return f"version: 1\nprofiles:\n{entries}"


def _validate() -> Step:
    return partial(startup.run, "-m", "cbauth", "validate", str(_hundred_lines()))


def _check_jsonschema() -> Step:
    if find_spec("check_jsonschema") is None:
        raise MissingError("check_jsonschema is not installed")
    return partial(startup.run, "-m", "check_jsonschema", "--schemafile", str(_schema()), str(_hundred_lines()))


@cache
def _schema() -> Path:
    import json

    from cbauth.config import json_schema

    file = places.folder() / "profiles.schema.json"
    file.write_text(json.dumps(json_schema()), "utf-8")
    return file


def _check(count: int) -> Step:
    from cbauth.config import check

    text = _profiles(count)

    def step() -> None:
        assert check(text) == []

    return step


def _round_trip() -> Step:
    from ruamel.yaml import YAML

    from cbauth.config.schema import File

    text, model = _profiles(MANY), File.model()

    def step() -> None:
        model.model_validate(YAML().load(text))

    return step
