"""libyaml and the pure parser read the same: values, places and problems, of any text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cbauth.config import check
from cbauth.config.document import parse
from tests.config.corpus import INVALID, VALID, told
from tests.support.processes import Processes

TEXTS = [text for path in (*VALID, *INVALID) if len(text := path.read_text("utf-8", "replace")) < 3000]
BITS = (
    *(
        "\t",
        " ",
        "\n",
        "  ",
        "- ",
        ": ",
        ":",
        "?",
        "#",
        " #",
        "'",
        '"',
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a ",
        "*a",
        "|",
        "|-\n",
    ),
    *(
        ">",
        "!!str ",
        "%",
        "@",
        "`",
        "? ",
        "<<: ",
        "---",
        "...",
        "\r",
        "\r\n",
        "é",
        "😀",
        "\u2028",
        "\x85",
        "\ufeff",
        "\\",
    ),
    *(
        "\\x41",
        "~",
        "010",
        "on",
        "0o7",
        "1e3",
        "\0",
        "cbauth: ignore[CBA303] x",
        "env:X",
        "{a: b:c}",
        "http://x?y",
        "\ue000",
    ),
)
SETUP = """
import sys
sys.modules["_ruamel_yaml"] = None  # as where there is no wheel
from tests.property.test_parsers_agree import seen
"""


def seen(text: str) -> list[Any]:
    """What is found in a text, and its values where it is a mapping."""
    data = parse(text).data
    return [[told(found) + found.message for found in check(text)], repr(data) if isinstance(data, dict) else None]


@st.composite
def edited(draw: st.DrawFn) -> str:
    """An example file into which something was put, or from which something was taken."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from((*BITS, ""))) + text[at + draw(st.integers(0, 5)) :]
    return text


@pytest.fixture(scope="module")
def pure() -> Iterator[Any]:
    """A process in which libyaml cannot be imported."""
    with Processes() as processes:
        yield processes.start(SETUP)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(edited())
def test_both_parsers_say_the_same(pure: Any, text: str) -> None:
    assert pure.ask(f"seen({text!r})") == seen(text)
