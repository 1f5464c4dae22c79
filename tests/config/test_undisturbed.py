"""The garbage collector rests while a text is checked, and is left as it was found."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from cbauth.config import check

PROFILES = "".join(f"  team-{number}: {{provider: openai, api_key: env:KEY_{number}}}\n" for number in range(500))
GOOD = f"version: 1\nprofiles:\n{PROFILES}"
BAD = f"{GOOD}  last: {{provider: nobody}}\n"


@pytest.fixture
def runs() -> Iterator[list[str]]:
    """Each time that the collector begins or ends its work."""
    seen: list[str] = []

    def note(phase: str, _: dict[str, int]) -> None:
        seen.append(phase)

    gc.callbacks.append(note)
    try:
        yield seen
    finally:
        gc.callbacks.remove(note)


def test_nothing_is_collected_while_a_text_is_checked_but_once_when_that_is_done(runs: list[str]) -> None:
    check(GOOD)  # loads what checking needs, which is collected as usual
    gc.collect()
    runs.clear()
    assert check(GOOD) == []
    assert runs in ([], ["start", "stop"])


@pytest.mark.parametrize("text", [GOOD, BAD, "version: [", ""])
@pytest.mark.parametrize("working", [True, False])
def test_the_collector_is_left_as_it_was(text: str, working: bool) -> None:
    before = gc.isenabled()
    (gc.enable if working else gc.disable)()
    try:
        check(text)
        assert gc.isenabled() is working
    finally:
        (gc.enable if before else gc.disable)()
