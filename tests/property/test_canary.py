"""A secret that stands anywhere in a file is in nobody's output, whatever the format and whatever else is wrong."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cbauth.cli import main
from tests.config.corpus import INVALID, VALID

FORMATS = ("text", "concise", "json", "github", "sarif", "junit")
TEXTS = [text for path in (*VALID, *INVALID) if len(text := path.read_text("utf-8", "replace")) < 4000]
CANARY = "Zq7Xw9Kv3Jb5"
SECRETS = (
    f"{CANARY}Tn2Hd8Rf6Lc4",
    f"sk-{CANARY}abcdefgh",
    f"Bearer {CANARY}Tn2Hd8Rf6Lc4",
    f"ghp_{CANARY}abcdefghijklmnopqrstuvwxyz",
    f"https://me:{CANARY}Tn2Hd8Rf@host.example/",
    f"https://host.example/?key={CANARY}Tn2Hd8Rf6Lc4",
    f"{CANARY.lower()}tn2hd8rf6lc4",
)
"""Shapes of keys: what looks like a name, in the place of a name, is taken for one."""

WRAPPINGS: tuple[str, ...] = (
    "@",
    '"@"',
    "'@'",
    "# @",
    " #@",
    "@: ",
    "- @\n",
    "&@ ",
    "*@ ",
    "!@ ",
    "{@: 1}",
    "[@]",
    "@:",
    "@,",
    "env:@ ",
)
WRAPPINGS += ("\n  x: @\n", "\n# cbauth: ignore[@] @\n", "|\n    @\n", "? @\n", "<<: @\n", '"\\x@"', "%@\n", "`@")


class Input(io.BytesIO):
    """Standard input with these bytes."""

    @property
    def buffer(self) -> Input:
        return self


def reports(text: str, width: str) -> Iterator[str]:
    """What is written about ``text`` in each format."""
    for style in FORMATS:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setattr(sys, "stdin", Input(text.encode("utf-8", "surrogatepass")))
            patch.setenv("COLUMNS", width)
            code = main(["validate", "--format", style, "--color", "always", "-"])
        assert code in (0, 1, 2)
        assert err.getvalue() == ""
        yield out.getvalue()


@st.composite
def planted(draw: st.DrawFn) -> str:
    """An example file with a secret somewhere in it, in some form, and perhaps with a second mistake."""
    text = draw(st.sampled_from(TEXTS))
    secret = draw(st.sampled_from(SECRETS))
    wrapped = draw(st.sampled_from(WRAPPINGS)).replace("@", secret)
    place = draw(st.integers(0, len(text)))
    if draw(st.booleans()):  # where a value, a key or an entry begins
        begins = [at for at in range(2, len(text)) if text[at - 2 : at] in (": ", "- ", ", ") or text[at - 1] in "\n[{"]
        place = draw(st.sampled_from(begins or [place]))
    mistake = draw(st.sampled_from(["", "", "'", "[", "\t", "\u202e", "wrong: 1", "\n"]))
    at = draw(st.integers(0, place))
    return text[:at] + mistake + text[at:place] + wrapped + text[place:]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(planted(), st.sampled_from(["", "40", "120"]))
@example(f"version: 1\nprofiles:\n  a: {{provider: openai, api_key: {CANARY}}}\n", "")
@example(f"version: 1\nprofiles:\n  a: {{provider: openai, metadata: {{note: {CANARY}, at: 1}}}}\n", "")
@example(f"version: 1\nprofiles:\n  a: {{provider: nobody}} # {CANARY}\n", "40")
@example(f"version: 1\nprofiles:\n  a: {{{CANARY}\n", "40")
def test_no_format_repeats_a_secret(text: str, width: str) -> None:
    for report in reports(text, width):
        said = re.sub(r"\n\s*", "", report).casefold()
        assert CANARY.casefold() not in said
